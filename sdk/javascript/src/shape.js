// What a transform does to the stream.

import { Fault } from './fault.js';
import { field, pushField } from './types.js';

/** A column of the transform's making. */
export class MadeColumn {
  constructor(made, sources) {
    this.field = made;
    this.sources = sources;
  }

  /** The granted columns that its values come from, by their places; for the lineage. */
  from(...sources) {
    return new MadeColumn(this.field, sources);
  }

  /** It has a value in every row. */
  required() {
    return new MadeColumn(field(this.field.name, this.field.type, false), this.sources);
  }
}

/** A granted column as it is, under a name that may be new. */
export class PassedColumn {
  constructor(input, name) {
    this.input = input;
    this.name = name;
  }
}

/** A column of the transform's making; null may stand in it unless `.required()`. */
export const made = (name, type) => new MadeColumn(field(name, type), []);

/** A granted column, by its place, under a name that may be new. It does not cross. */
export const passed = (input, name) => new PassedColumn(input, name);

/** What a transform does to the stream: which columns it writes, and what becomes of the others. */
export class Shape {
  constructor(carry, columns) {
    const wrong = columns.findIndex((column) => !(column instanceof MadeColumn || column instanceof PassedColumn));
    if (wrong >= 0) throw Fault.fatal(`column ${wrong} of the shape is neither \`made\` nor \`passed\``);
    this.carry = carry;
    this.columns = columns;
  }

  /** Writes these columns beside all others of the stream, row by row. Outputs select rows of the input. */
  static beside(...columns) {
    return new Shape('rest', columns);
  }

  /** Writes these columns, and the stream's others end here. Outputs may make rows. */
  static instead(...columns) {
    return new Shape('nothing', columns);
  }

  /** Writes nothing: only selects or refuses rows. */
  static rowsOnly() {
    return new Shape('rest', []);
  }

  /** The shape as it crosses. */
  toWit() {
    const fields = [];
    const columns = this.columns.map((column) =>
      column instanceof PassedColumn
        ? { tag: 'input', val: { input: column.input, name: column.name } }
        : { tag: 'made', val: { field: pushField(column.field, fields), from: Uint32Array.from(column.sources) } },
    );
    return { carry: this.carry, fields, columns };
  }
}
