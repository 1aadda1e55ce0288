// What all columns have in common.

import { Bits } from '../bits.js';
import { Fault } from '../fault.js';

/**
 * A column of a batch: a typed view over Arrow buffers. Loops over `values`, `bytes` and `offsets` are the fast way;
 * `get` and iteration are the convenient one, with null for a missing value.
 * @template T
 */
export class Column {
  /**
   * @param {import('../types.js').DataType} type
   * @param {number} length How many rows.
   * @param {Bits | null} validity Which rows have a value; null where all have.
   */
  constructor(type, length, validity) {
    this.type = type;
    this.length = length;
    this.validity = validity;
  }

  /** How many values are missing. */
  get nullCount() {
    return this.validity === null ? 0 : this.length - this.validity.count();
  }

  /** Whether the row's value is missing. */
  isNull(row) {
    return this.validity !== null && !this.validity.get(row);
  }

  /** The row's value; null where it is missing. @returns {T | null} */
  get(row) {
    return this.isNull(row) ? null : this.value(row);
  }

  *[Symbol.iterator]() {
    for (let row = 0; row < this.length; row++) yield this.get(row);
  }

  /** All values, null for missing ones. @returns {(T | null)[]} */
  toArray() {
    return Array.from({ length: this.length }, (_, row) => this.get(row));
  }

  /** Adds the column's node and validity to what crosses; each kind adds its own buffers behind them. */
  push(nodes, buffers) {
    const nullCount = this.nullCount;
    nodes.push({ rowCount: this.length, nullCount });
    buffers.push(nullCount === 0 ? NOTHING : this.validity.bytes);
  }
}

/**
 * Whether a value is a typed array of a class. Not `instanceof`: in a component, the buffers that cross are made by another
 * global object than the author's, and their classes are not the author's classes.
 */
export const isArrayOf = (TypedArray, value) => Object.prototype.toString.call(value) === `[object ${TypedArray.name}]`;

/** No bytes. */
export const NOTHING = new Uint8Array(0);

/** The bytes under a typed array. @param {ArrayBufferView} values */
export const bytesOf = (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Bytes as numbers, without a copy where they stand at an address for them. */
export function view(TypedArray, bytes) {
  const at = bytes.byteOffset % TypedArray.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new TypedArray(at.buffer, at.byteOffset, at.byteLength / TypedArray.BYTES_PER_ELEMENT);
}

/** Collects which rows have a value. */
export class Validity {
  constructor(length) {
    this.bits = Bits.ones(length);
    this.missing = 0;
  }

  clear(row) {
    this.bits.clear(row);
    this.missing += 1;
  }

  /** The bits; null where no value is missing. */
  done() {
    return this.missing === 0 ? null : this.bits;
  }
}

/** The validity of so many rows, without these; null where none is missing. */
export function without(length, rows) {
  const missing = new Validity(length);
  for (const row of rows) missing.clear(row);
  return missing.done();
}

/** Which rows have a value, from what an author may give: bits, a column made from the same rows, or nothing. */
export function validityOf(given, length) {
  if (given === undefined || given === null) return null;
  const bits = given instanceof Column ? given.validity : given;
  if (bits === null) return null;
  if (bits.length !== length) {
    throw Fault.fatal(`a validity of ${bits.length} bits was given for ${length} values`);
  }
  return bits;
}
