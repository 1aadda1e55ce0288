import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check, Chunk, Destination, Evaluation, Fault, RunRequest, Sensor, Source, Stream, Verdict, column, columnsOf, types } from '@tidegate/sdk';
import { batch, discover, evaluate, load, read, readFromEachCursor, verdict } from '@tidegate/sdk/testing';
import { roleOf } from '../src/component.js';
import { toWit } from '../src/fault.js';
import { unsupported } from '../src/config.js';

const FIELDS = [types.field('n', types.int64, false), types.field('square', types.int64), types.field('text', types.utf8)];

class Numbers extends Source {
  static configSchema = { type: 'object', properties: { until: { type: 'integer' }, broken: { type: 'boolean' } }, required: ['until'], additionalProperties: false };

  static check({ until }) {
    if (until < 0) throw Fault.config('/until', 'is below zero');
  }

  static discover() {
    return [new Stream('numbers', FIELDS).description('A number.').key('n').incremental()];
  }

  static async open(config, request) {
    if (request.stream !== 'numbers') throw request.unknownStream(['numbers']);
    const from = request.partition ? request.partition.startMs : 0;
    return Object.assign(new Numbers(), { config, at: request.cursor?.behind ?? from });
  }

  async next(maxRows) {
    const rows = [];
    while (this.at < this.config.until && rows.length < maxRows) {
      rows.push({ n: BigInt(this.at), square: 2n ** 60n + BigInt(this.at), text: this.at % 2 ? `odd ${this.at}` : null });
      this.at += 1;
    }
    if (rows.length === 0) return undefined;
    return new Chunk(columnsOf(FIELDS, rows), { behind: this.config.broken ? this.at + 1 : this.at });
  }
}

test('a source is read whole, and on from each cursor', async () => {
  const { rows, cursors } = await readFromEachCursor(Numbers, { until: 7 }, 'numbers');
  assert.equal(cursors.length, 3);
  assert.deepEqual(rows[1], { n: 1n, square: 2n ** 60n + 1n, text: 'odd 1' });
  assert.deepEqual(rows[2].text, null);
  await assert.rejects(readFromEachCursor(Numbers, { until: 7, broken: true }, 'numbers'), /from the cursor behind row 3 on/);
});

test('a source says what it has, and is asked for some of it', async () => {
  assert.deepEqual(await discover(Numbers, { until: 1 }), [{ name: 'numbers', fields: FIELDS, key: ['n'], incremental: true }]);
  const { rows } = await read(Numbers, { until: 2 }, 'numbers', { columns: ['text'], partition: { key: 'a', startMs: 1, endMs: 5 } });
  assert.deepEqual(rows, [{ text: 'odd 1' }]);
  await assert.rejects(read(Numbers, { until: 2 }, 'nombres'), ({ val }) => val.pointer === '/stream' && /there are numbers/.test(val.message));
  await assert.rejects(discover(Numbers, { until: -1 }), ({ val }) => val.pointer === '/until');
  assert.throws(() => new Chunk({ a: column(types.int8, [1]), b: column(types.int8, []) }, null), /columns of 1 and 0 rows/);
});

/** Shown loads by asset; a repeated token or commit changes nothing. */
const SHOWN = new Map();

class Memory extends Destination {
  static open(_config, { asset, fields, staged, epoch }) {
    return Object.assign(new Memory(), { asset, fields, epoch, rows: staged ?? [] });
  }

  async write(given, token) {
    if (this.rows.some((row) => row.token === token)) return;
    for (const row of given.objects()) this.rows.push({ token, id: String(row.id), name: row.name });
  }

  stage() {
    return this.rows;
  }

  commit() {
    SHOWN.set(this.asset, this.rows);
    return { rows: this.rows.length, location: 'memory' };
  }
}

test('a destination takes each batch once, across writers', async () => {
  const batches = [[1n, 2n], [2n ** 60n + 1n]].map((ids) => batch({ id: column(types.int64, ids), name: column(types.utf8, ids.map(() => null)) }));
  assert.deepEqual(await load(Memory, {}, batches, { asset: 'orders' }), { rows: 3, bytes: undefined, location: 'memory' });
  assert.deepEqual(SHOWN.get('orders').map(({ id }) => id), ['1', '2', '1152921504606846977']);
});

class Whole extends Check {
  missing = 0;

  observe(given) {
    this.missing += given.column(0).nullCount;
  }
  snapshot() {
    return Uint8Array.of(this.missing);
  }
  restore(state) {
    [this.missing] = state;
  }
  verdict() {
    return new Verdict(this.missing === 0, `${this.missing} values are missing`).warning().measure('missing', this.missing);
  }
}

test('a check remembers from instance to instance', async () => {
  const batches = [[1, null], [null, 2]].map((values) => batch({ n: column(types.float64, values) }));
  assert.deepEqual(await verdict(Whole, {}, batches), { passed: false, severity: 'warn', message: '2 values are missing', measures: { missing: 2 } });
});

class Counter extends Sensor {
  static async evaluate(_config, cursor = 0) {
    if (cursor >= 1) return Evaluation.skip('enough').cursor(cursor);
    return Evaluation.runs(new RunRequest('first').partition('2026-01').config({ full: true }).tag('n', 1)).cursor(cursor + 1);
  }
}

test('a sensor asks for runs and remembers', async () => {
  const first = await evaluate(Counter, {});
  assert.deepEqual(first, { runs: [{ key: 'first', partition: '2026-01', config: '{"full":true}', tags: [['n', '1']] }], cursor: 1 });
  assert.deepEqual(await evaluate(Counter, {}, first.cursor), { skip: 'enough', cursor: 1 });
  await assert.rejects(evaluate(Counter, { x: 1 }), ({ val }) => val.pointer === '/x');
});

test('a class has the role of what it extends', () => {
  assert.deepEqual([Numbers, Memory, Whole, Counter].map(roleOf), ['source', 'destination', 'check', 'sensor']);
  for (const wrong of [undefined, {}, class {}, Source]) assert.throws(() => roleOf(wrong), /must be a class that extends/);
});

test('what is not overridden says so', async () => {
  await assert.rejects(discover(class extends Source {}, {}), /no `discover`/);
  await assert.rejects(load(class extends Destination {}, {}, [batch({})]), /no `open`/);
  await assert.rejects(verdict(class extends Check {}, {}, [batch({})]), /no `observe`/);
  await assert.rejects(evaluate(class extends Sensor {}, {}), /no `evaluate`/);
  assert.equal(unsupported(Source.configSchema), null);
  assert.deepEqual(toWit('no error'), { tag: 'fatal', val: 'no error' });
});
