// Columns of exact numbers: BigInt, to be read with the type's scale.

import { Fault } from '../fault.js';
import { isWide, name } from '../types.js';
import { Column, Validity, bytesOf, validityOf, view } from './column.js';

const WORD_BITS = 64n;

/** Exact numbers. A value is a BigInt of the smallest unit: 12.34 of `decimal(9,2)` is 1234n. */
export class DecimalColumn extends Column {
  constructor(type, rows, words, validity) {
    super(type, rows, validity);
    /** Little-endian words of 64 bits, two or four a value. */
    this.words = words;
    this.wordsEach = isWide(type) ? 4 : 2;
  }

  value(row) {
    const first = row * this.wordsEach;
    let value = BigInt.asIntN(64, this.words[first + this.wordsEach - 1]);
    for (let word = this.wordsEach - 2; word >= 0; word--) value = (value << WORD_BITS) | this.words[first + word];
    return value;
  }

  /** The value as text, such as `-12.34`; null where it is missing. */
  text(row) {
    const value = this.get(row);
    return value === null ? null : format(value, this.type.scale);
  }

  push(nodes, buffers) {
    super.push(nodes, buffers);
    buffers.push(bytesOf(this.words));
  }

  static read(type, rows, validity, next) {
    return new DecimalColumn(type, rows, view(BigUint64Array, next()), validity);
  }

  /** From BigInts in the smallest unit, or texts such as `12.34`. */
  static make(type, given, validity) {
    const source = Array.from(given);
    const wordsEach = isWide(type) ? 4 : 2;
    const words = new BigUint64Array(source.length * wordsEach);
    const missing = new Validity(source.length);
    const limit = 10n ** BigInt(type.precision);
    source.forEach((value, row) => {
      if (value === null || value === undefined) return missing.clear(row);
      let rest = typeof value === 'bigint' ? value : parse(value, type);
      if (rest === null || rest >= limit || rest <= -limit) {
        throw Fault.fatal(`value ${row} of a column of ${name(type)} is ${String(value)}: neither a BigInt in the smallest unit nor a text that fits`);
      }
      for (let word = 0; word < wordsEach; word++) {
        words[row * wordsEach + word] = BigInt.asUintN(64, rest);
        rest >>= WORD_BITS;
      }
    });
    return new DecimalColumn(type, source.length, words, validityOf(validity, source.length) ?? missing.done());
  }
}

/** A number in the smallest unit as text. */
export function format(value, scale) {
  const sign = value < 0n ? '-' : '';
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** A text in the smallest unit; null where it is no number or has more places than the type. */
function parse(text, { scale }) {
  const parts = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (typeof text !== 'string' || parts === null) return null;
  const places = (parts[3] ?? '').replace(/0+$/, '');
  if (places.length > scale) return null;
  const value = BigInt(parts[2] + places.padEnd(scale, '0'));
  return parts[1] === '-' ? -value : value;
}
