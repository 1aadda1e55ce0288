// Columns of text and of bytes: offsets into one run of bytes.

import { Fault } from '../fault.js';
import { Column, NOTHING, Validity, bytesOf, isArrayOf, validityOf, view, without } from './column.js';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** Rows that are decoded in one go: one value that is not ASCII costs so many single ones, at most. */
const RUN_ROWS = 512;

/** Bytes of each value. Value `row` is `bytes[offsets[row]]` up to `bytes[offsets[row + 1]]`. */
export class BinaryColumn extends Column {
  constructor(type, rows, offsets, bytes, validity) {
    super(type, rows, validity);
    this.offsets = offsets;
    this.bytes = bytes;
  }

  value(row) {
    return this.bytes.subarray(this.offsets[row], this.offsets[row + 1]);
  }

  push(nodes, buffers) {
    super.push(nodes, buffers);
    buffers.push(bytesOf(this.offsets), this.bytes);
  }

  static read(type, rows, validity, next) {
    const offsets = view(Int32Array, next());
    return new this(type, rows, offsets.length ? offsets : new Int32Array(1), next(), validity);
  }

  static make(type, given, validity) {
    const source = Array.from(given);
    const missing = new Validity(source.length);
    const offsets = new Int32Array(source.length + 1);
    source.forEach((value, row) => {
      if (value === null || value === undefined) missing.clear(row);
      else if (!isArrayOf(Uint8Array, value)) throw Fault.fatal(`value ${row} of a column of binary is no Uint8Array`);
      offsets[row + 1] = end(offsets[row], value?.length ?? 0);
    });
    const bytes = new Uint8Array(offsets[source.length]);
    source.forEach((value, row) => value && bytes.set(value, offsets[row]));
    return new BinaryColumn(type, source.length, offsets, bytes, validityOf(validity, source.length) ?? missing.done());
  }
}

/** Texts. `strings()` decodes all at once, which is several times faster than one by one. */
export class TextColumn extends BinaryColumn {
  #strings = null;

  value(row) {
    return this.#strings === null ? decoder.decode(super.value(row)) : this.#strings[row];
  }

  /** All texts, null for missing ones. The array is kept: do not write to it. @returns {(string | null)[]} */
  strings() {
    if (this.#strings !== null) return this.#strings;
    const { offsets, bytes, validity, length } = this;
    const strings = new Array(length);
    for (let start = 0; start < length; start += RUN_ROWS) {
      const stop = Math.min(length, start + RUN_ROWS);
      const first = offsets[start];
      const run = decoder.decode(bytes.subarray(first, offsets[stop]));
      // A character beyond ASCII has more bytes than units of a string, so equal lengths mean ASCII throughout.
      if (run.length === offsets[stop] - first) {
        for (let row = start; row < stop; row++) strings[row] = run.slice(offsets[row] - first, offsets[row + 1] - first);
      } else {
        for (let row = start; row < stop; row++) strings[row] = decoder.decode(bytes.subarray(offsets[row], offsets[row + 1]));
      }
    }
    if (validity !== null) for (let row = 0; row < length; row++) if (!validity.get(row)) strings[row] = null;
    this.#strings = strings;
    return strings;
  }

  toArray() {
    return this.strings().slice();
  }

  static make(type, given, validity) {
    const source = Array.isArray(given) ? given : Array.from(given);
    const rows = source.length;
    const offsets = new Int32Array(rows + 1);
    const missing = [];
    let length = 0;
    for (let row = 0; row < rows; row++) {
      const value = source[row];
      if (typeof value === 'string') length += value.length;
      else if (value === null || value === undefined) missing.push(row);
      else throw Fault.fatal(`value ${row} of a column of utf8 is a ${typeof value}, not a text`);
      offsets[row + 1] = length;
    }
    // `join` makes nothing of null and undefined.
    const joined = source.join('');
    let bytes = joined.length ? encoder.encode(joined) : NOTHING;
    end(0, bytes.length);
    // More bytes than units: some text is not ASCII, and its length in bytes is another. Each is encoded by itself, so
    // that half a surrogate pair at the end of one does not meet the other half at the start of the next.
    if (bytes.length !== joined.length) {
      const pieces = source.map((text) => encoder.encode(text ?? ''));
      for (let row = 0; row < rows; row++) offsets[row + 1] = end(offsets[row], pieces[row].length);
      bytes = new Uint8Array(offsets[rows]);
      for (let row = 0; row < rows; row++) bytes.set(pieces[row], offsets[row]);
    }
    return new TextColumn(type, rows, offsets, bytes, validityOf(validity, rows) ?? without(rows, missing));
  }
}

/** The offset behind a value; offsets have 31 bits. */
function end(start, length) {
  if (start + length > 0x7fffffff) throw Fault.fatal('a column of text or bytes has more than 2 GiB');
  return start + length;
}
