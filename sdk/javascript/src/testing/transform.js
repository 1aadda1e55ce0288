// A transform outside the sandbox: through what the component exports, on batches of a test.

import { settle } from '../settle.js';
import { transformExports } from '../transform.js';
import { field, fromSchema, toSchema } from '../types.js';
import { uncrossed } from './faults.js';
import { lift } from './lift.js';

/** A transform that is bound, as a test uses it. */
class BoundTransform {
  #bound;
  #fields;
  #columns;

  constructor(Author, config, fields) {
    const { Transformer } = transformExports(Author);
    this.#fields = fields;
    this.#bound = uncrossed(() => Transformer.bind(JSON.stringify(config ?? {}), toSchema(fields)));
    const shape = this.#bound.shape();
    this.carry = shape.carry;
    this.#columns = shape.columns.map(({ tag, val }) =>
      tag === 'input'
        ? { input: val.input, field: field(val.name, fields[val.input].type) }
        : { from: [...val.from], field: fromSchema({ fields: shape.fields, columns: [val.field] })[0] },
    );
  }

  /** The fields that the transform writes. */
  get fields() {
    return this.#columns.map((column) => column.field);
  }

  /**
   * One more batch: the columns of the shape for the rows that go on, and what became of the others. Of an async
   * transform, a promise of it.
   */
  process(batch) {
    return settle(uncrossed(() => this.#bound.process(batch)), (done) => this.#looked(done, batch));
  }

  #looked({ outputs, rejects, rest }, batch) {
    for (const { row, code } of rejects) {
      if (!(row < batch.rows)) throw new Error(`row ${row} was refused, and the batch has ${batch.rows}`);
      if (!/^[a-z0-9_.-]{1,64}$/.test(code)) throw new Error(`\`${code}\` is no code of a refused row: small letters, digits, _, - and .`);
    }
    return { ...this.#rows(outputs, batch), rejects, rest };
  }

  /** What is still held. */
  finish() {
    return settle(uncrossed(() => this.#bound.finish()), (outputs) => this.#rows(outputs));
  }

  /** The state; undefined where there is none. */
  snapshot() {
    return uncrossed(() => this.#bound.snapshot());
  }

  /** Takes over a state. */
  restore(state) {
    uncrossed(() => this.#bound.restore(state));
  }

  #rows(outputs, batch) {
    const columns = Object.fromEntries(this.#columns.map((column) => [column.field.name, []]));
    let rows = 0;
    for (const output of outputs) {
      const kept = keptRows(output.rows, batch?.rows ?? 0);
      rows += kept.count;
      output.columns.forEach((crossed, index) => {
        const { field: written, input } = this.#columns[index];
        const source = crossed.tag === 'input' ? batch.columns[input] : lift(written, crossed.val, kept.made);
        const picks = crossed.tag === 'input' ? kept.rows : kept.ofMade;
        for (let row = 0; row < kept.count; row++) columns[written.name].push(source.get(picks === null ? row : picks[row]));
      });
    }
    return { rows, columns };
  }
}

/** Which rows an output keeps; how many values its made columns have, and which of them count. */
function keptRows({ tag, val }, rows) {
  switch (tag) {
    case 'all':
      return { count: rows, rows: null, made: rows, ofMade: null };
    case 'keep': {
      if (val.length !== (rows + 7) >>> 3) throw new Error(`the bits of the kept rows have ${val.length} bytes for ${rows} rows`);
      const kept = Array.from({ length: rows }, (_, row) => row).filter((row) => (val[row >>> 3] >>> (row & 7)) & 1);
      return { count: kept.length, rows: kept, made: rows, ofMade: kept };
    }
    case 'take': {
      const beyond = val.find((row) => row >= rows);
      if (beyond !== undefined) throw new Error(`row ${beyond} was taken, and the batch has ${rows}`);
      return { count: val.length, rows: val, made: val.length, ofMade: null };
    }
    default:
      return { count: val, rows: null, made: val, ofMade: null };
  }
}

/** Binds a transform as `check` does: the config goes through JSON, as from a schema. `fields` are a batch's. */
export const bindTo = (Author, config, { fields }) => new BoundTransform(Author, config, fields);

/** One batch through a freshly bound transform, and the refused rows; `columns` holds plain values by name. */
export const runWithRejects = (Author, config, batch) => bindTo(Author, config, batch).process(batch);

/** The same where no row may be refused. */
export function run(Author, config, batch) {
  return settle(runWithRejects(Author, config, batch), (done) => {
    const [first] = done.rejects;
    if (first) throw new Error(`row ${first.row} was refused: ${first.code}: ${first.message}`);
    return done;
  });
}
