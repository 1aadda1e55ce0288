// What a transform, a check or a destination is given.

import { fromWit } from './column/kinds.js';
import { Fault } from './fault.js';
import { name, same } from './types.js';

/** The granted columns, in the order of `reads`. */
export class Input {
  /** @param {import('./types.js').Field[]} fields */
  constructor(fields) {
    this.fields = fields;
  }

  /** The place of a column by its name. */
  find(called) {
    const index = this.fields.findIndex((field) => field.name === called);
    if (index >= 0) return index;
    throw Fault.schema(`the column \`${called}\` is not granted; granted are ${this.fields.map((field) => field.name).join(', ')}`);
  }

  /** Checks that so many columns are granted; `what` says which. */
  expectColumns(count, what) {
    if (this.fields.length === count) return;
    throw Fault.schema(`\`reads\` must name ${count} columns (${what}), and names ${this.fields.length}`);
  }

  /** Checks a column's type: it must be one of these. @param {import('./types.js').DataType[]} types */
  expect(index, ...types) {
    const field = this.fields[index];
    if (field === undefined) throw Fault.schema(`\`reads\` must name at least ${index + 1} columns`);
    if (types.some((type) => same(type, field.type))) return;
    throw Fault.schema(`the column \`${field.name}\` must be ${types.map(name).join(' or ')}, and is ${name(field.type)}`);
  }
}

/**
 * A batch of rows. Inside the sandbox the columns stay with the host until one is asked for; asking twice crosses
 * twice, so keep what you got. A batch is gone when the call that was given it returns.
 */
export class Batch {
  #held;
  #fields;

  /** @param {{rowCount(): number, column(index: number): object}} held The host's. */
  constructor(held, fields) {
    this.#held = held;
    this.#fields = fields;
    /** How many rows. */
    this.rows = held.rowCount();
  }

  /** A granted column by its place. @returns {import('./column/column.js').Column} */
  column(index) {
    const field = this.#fields[index];
    if (field === undefined) throw Fault.fatal(`column ${index} was asked for, and ${this.#fields.length} are granted`);
    return fromWit(field.type, this.#held.column(index));
  }

  /** All rows as objects by column name, null for missing values: convenient, and several times slower than columns. */
  objects() {
    const columns = this.#fields.map((field, index) => [field.name, this.column(index).toArray()]);
    return Array.from({ length: this.rows }, (_, row) => Object.fromEntries(columns.map(([name, values]) => [name, values[row]])));
  }
}
