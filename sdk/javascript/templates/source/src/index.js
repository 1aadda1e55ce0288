// Reads a calendar: the stream `days` has a row for each day from one to another.

import { Chunk, Fault, Source, Stream, columnsOf, types } from '@tidegate/sdk';

const MS_PER_DAY = 86_400_000;

const FIELDS = [
  types.field('day', types.date32, false),
  types.field('year', types.int32, false),
  types.field('month', types.uint8, false),
  // 1 is Monday.
  types.field('weekday', types.uint8, false),
  types.field('weekend', types.boolean, false),
];

const DAY = { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}$' };

export default class Calendar extends Source {
  static configSchema = {
    type: 'object',
    properties: { from: { ...DAY, description: 'The first day, as 2026-01-31.' }, to: { ...DAY, description: 'The last day.' } },
    required: ['from', 'to'],
    additionalProperties: false,
  };

  static check(config) {
    span(config);
  }

  static discover() {
    return [new Stream('days', FIELDS).description('A day.').key('day').incremental()];
  }

  static open(config, request) {
    if (request.stream !== 'days') throw request.unknownStream(['days']);
    let [next, last] = span(config);
    if (request.partition) {
      // The days that begin in the slice.
      next = Math.max(next, Math.ceil(request.partition.startMs / MS_PER_DAY));
      last = Math.min(last, Math.ceil(request.partition.endMs / MS_PER_DAY) - 1);
    }
    if (request.cursor !== undefined) next = Math.max(next, day('', request.cursor) + 1);
    return Object.assign(new Calendar(), { upcoming: next, last });
  }

  next(maxRows) {
    const count = Math.min(maxRows, this.last - this.upcoming + 1);
    if (count <= 0) return undefined;
    const rows = Array.from({ length: count }, (_, index) => rowOf(this.upcoming + index));
    this.upcoming += count;
    return new Chunk(columnsOf(FIELDS, rows), text(this.upcoming - 1));
  }
}

/** The first and the last day, in days since 1970-01-01. */
function span({ from, to }) {
  const days = [day('/from', from), day('/to', to)];
  if (days[0] > days[1]) throw Fault.config('/to', `${to} is before ${from}`);
  return days;
}

function day(pointer, given) {
  const at = Date.parse(`${given}T00:00:00Z`);
  // 2026-02-31 is read as a day of March.
  if (Number.isNaN(at) || text(at / MS_PER_DAY) !== given) throw Fault.config(pointer, `\`${given}\` is no day such as 2026-01-31`);
  return at / MS_PER_DAY;
}

/** A day since 1970-01-01 as 2026-01-31. */
const text = (since) => new Date(since * MS_PER_DAY).toISOString().slice(0, 10);

function rowOf(since) {
  const date = new Date(since * MS_PER_DAY);
  const weekday = date.getUTCDay() || 7;
  return { day: since, year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, weekday, weekend: weekday > 5 };
}
