// Columns of values of one width: numbers, dates, times, booleans, bytes.

import { Bits } from '../bits.js';
import { Fault } from '../fault.js';
import { name } from '../types.js';
import { Column, NOTHING, Validity, bytesOf, isArrayOf, validityOf, view, without } from './column.js';

/** What a value of a kind is kept in. */
export const ARRAYS = {
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
  date32: Int32Array,
  time64: BigInt64Array,
  timestamp: BigInt64Array,
  duration: BigInt64Array,
};

const MS_PER_DAY = 86_400_000;

/** Numbers, dates and times: `values` is their typed array; 64-bit integers and times are exact, as BigInt. */
export class NumberColumn extends Column {
  constructor(type, values, validity) {
    super(type, values.length, validity);
    /** The values; what stands at a missing one means nothing. */
    this.values = values;
  }

  value(row) {
    return this.values[row];
  }

  push(nodes, buffers) {
    super.push(nodes, buffers);
    buffers.push(bytesOf(this.values));
  }

  static read(type, rows, validity, next) {
    return new NumberColumn(type, view(ARRAYS[type.kind], next()), validity);
  }

  static make(type, given, validity) {
    const TypedArray = ARRAYS[type.kind];
    if (isArrayOf(TypedArray, given)) return new NumberColumn(type, given, validityOf(validity, given.length));
    const source = Array.isArray(given) || ArrayBuffer.isView(given) ? given : Array.from(given);
    const values = new TypedArray(source.length);
    const missing = new Validity(source.length);
    const exact = type.kind !== 'float64' && type.kind !== 'float32';
    const big = TypedArray.BYTES_PER_ELEMENT === 8 && exact;
    for (let row = 0; row < source.length; row++) {
      const value = source[row];
      if (value === null || value === undefined) {
        missing.clear(row);
        continue;
      }
      const number = value instanceof Date ? sinceEpoch(type, value) : value;
      const whole = big && (Number.isInteger(number) || isWhole(number)) ? BigInt(number) : number;
      if (typeof whole !== (big ? 'bigint' : 'number')) throw wrong(type, value, row);
      values[row] = whole;
      // A typed array wraps what does not fit, without a word.
      if (exact && values[row] !== whole) throw wrong(type, value, row);
    }
    return new NumberColumn(type, values, validityOf(validity, values.length) ?? missing.done());
  }
}

const wrong = (type, value, row) => Fault.fatal(`value ${row} of a column of ${name(type)} is ${String(value)}, which does not fit`);

/** Whether a text is a whole number. */
const isWhole = (text) => typeof text === 'string' && /^-?\d+$/.test(text);

/** Milliseconds as what a type counts. */
function sinceEpoch(type, date) {
  if (type.kind === 'date32') return Math.floor(date.getTime() / MS_PER_DAY);
  const ms = BigInt(date.getTime());
  return { s: () => (ms - (((ms % 1000n) + 1000n) % 1000n)) / 1000n, ms: () => ms, us: () => ms * 1000n, ns: () => ms * 1_000_000n }[type.unit]();
}

/** Booleans: `bits` holds them. */
export class BooleanColumn extends Column {
  constructor(type, bits, validity) {
    super(type, bits.length, validity);
    this.bits = bits;
  }

  value(row) {
    return this.bits.get(row);
  }

  push(nodes, buffers) {
    super.push(nodes, buffers);
    buffers.push(this.bits.bytes);
  }

  static read(type, rows, validity, next) {
    return new BooleanColumn(type, new Bits(rows, next()), validity);
  }

  static make(type, given, validity) {
    if (given instanceof Bits) return new BooleanColumn(type, given, validityOf(validity, given.length));
    const source = Array.isArray(given) ? given : Array.from(given);
    const bits = new Bits(source.length);
    const { bytes } = bits;
    const missing = [];
    for (let row = 0; row < source.length; row++) {
      const value = source[row];
      if (value === true) bytes[row >>> 3] |= 1 << (row & 7);
      else if (value === null || value === undefined) missing.push(row);
      else if (value !== false) throw wrong(type, value, row);
    }
    return new BooleanColumn(type, bits, validityOf(validity, bits.length) ?? without(bits.length, missing));
  }
}

/** So many bytes a value, all in `bytes`. */
export class FixedBinaryColumn extends Column {
  constructor(type, rows, bytes, validity) {
    super(type, rows, validity);
    this.bytes = bytes;
  }

  value(row) {
    const { width } = this.type;
    return this.bytes.subarray(row * width, (row + 1) * width);
  }

  push(nodes, buffers) {
    super.push(nodes, buffers);
    buffers.push(this.bytes);
  }

  static read(type, rows, validity, next) {
    return new FixedBinaryColumn(type, rows, next(), validity);
  }

  static make(type, given, validity) {
    const source = Array.from(given);
    const bytes = source.length ? new Uint8Array(source.length * type.width) : NOTHING;
    const missing = new Validity(source.length);
    source.forEach((value, row) => {
      if (value === null || value === undefined) missing.clear(row);
      else if (!isArrayOf(Uint8Array, value) || value.length !== type.width) throw wrong(type, value, row);
      else bytes.set(value, row * type.width);
    });
    return new FixedBinaryColumn(type, source.length, bytes, validityOf(validity, source.length) ?? missing.done());
  }
}
