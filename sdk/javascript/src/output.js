// What a transform returns.

import { Bits } from './bits.js';
import { BooleanColumn } from './column/fixed.js';
import { toWit } from './column/kinds.js';
import { Fault } from './fault.js';
import { MadeColumn } from './shape.js';

/** A batch to go on. */
export class Output {
  constructor(rows, columns) {
    this.rows = rows;
    this.columns = columns;
  }

  /** All rows, with the made columns of the shape in order: a value for each row of the input. */
  static all(columns = []) {
    return new Output({ tag: 'all' }, columns);
  }

  /**
   * The rows where `keep` is true (null is not), with the made columns of the shape in order: a value for each row of
   * the *input*, kept or not.
   * @param {Bits | BooleanColumn | boolean[]} keep
   */
  static keep(keep, columns = []) {
    return new Output({ tag: 'keep', val: kept(keep) }, columns);
  }

  /** Rows by their index, in this order, with the made columns of the shape in order: a value for each index. */
  static take(indices, columns = []) {
    return new Output({ tag: 'take', val: Uint32Array.from(indices) }, columns);
  }

  /** New rows, with the columns of the shape in order; behind `Shape.instead`, and in `finish`. */
  static rows(count, columns) {
    return new Output({ tag: 'made', val: count }, columns);
  }

  /** The output as it crosses. @param {import('./shape.js').Shape} shape */
  toWit(shape) {
    const made = [...this.columns];
    const wanted = shape.columns.filter((column) => column instanceof MadeColumn).length;
    if (made.length !== wanted) throw Fault.fatal(`an output has ${made.length} columns, and the shape makes ${wanted}`);
    const columns = shape.columns.map((column) =>
      column instanceof MadeColumn ? { tag: 'made', val: toWit(made.shift()) } : { tag: 'input' },
    );
    const rows = this.rows.tag === 'keep' ? { tag: 'keep', val: this.rows.val.bytes } : this.rows;
    return { rows, columns };
  }
}

function kept(keep) {
  if (keep instanceof Bits) return keep;
  if (keep instanceof BooleanColumn) return keep.validity === null ? keep.bits : keep.bits.and(keep.validity);
  return Bits.where(keep.length, (row) => keep[row] === true);
}

/** What became of a batch. */
export class Processed {
  /** @param {...Output} outputs Batches to go on; none where nothing does. */
  constructor(...outputs) {
    this.outputs = outputs;
    this.rejects = [];
    this.rest = 'filtered';
  }

  /** Nothing goes on. */
  static nothing() {
    return new Processed();
  }

  /** One more output. */
  output(output) {
    this.outputs.push(output);
    return this;
  }

  /**
   * Refuses a row, which then goes on in no output: an output of all rows becomes one of all the others.
   * @param {number} row Its index in the batch.
   * @param {string} code A stable code: small letters, digits, `_`, `-` and `.`.
   * @param {string} message What is wrong with it. Never a value of a column tagged `pii`.
   */
  reject(row, code, message) {
    this.rejects.push({ row, code, message });
    return this;
  }

  /** The rows that do not go on and were not refused are kept in the transform's state. */
  absorbing() {
    this.rest = 'absorbed';
    return this;
  }

  /** What became of the batch as it crosses; refused rows are taken out of outputs that select by bit or take all. */
  toWit(rows, shape) {
    let { outputs } = this;
    if (this.rejects.length > 0) {
      const good = Bits.ones(rows);
      for (const { row } of this.rejects) if (row < rows) good.clear(row);
      outputs = outputs.map((output) => without(output, good));
    }
    return { outputs: outputs.map((output) => output.toWit(shape)), rejects: this.rejects, rest: this.rest };
  }
}

function without(output, good) {
  if (output.rows.tag === 'all') return new Output({ tag: 'keep', val: good }, output.columns);
  if (output.rows.tag === 'keep') return new Output({ tag: 'keep', val: output.rows.val.and(good) }, output.columns);
  return output;
}
