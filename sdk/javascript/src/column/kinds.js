// From a type to the class of its columns, and between columns and what crosses.

import { Bits } from '../bits.js';
import { Fault } from '../fault.js';
import { name } from '../types.js';
import { DecimalColumn } from './decimal.js';
import { ARRAYS, BooleanColumn, FixedBinaryColumn, NumberColumn } from './fixed.js';
import { ListColumn, MapColumn, StructColumn } from './nested.js';
import { BinaryColumn, TextColumn } from './text.js';

function kind(type) {
  if (Object.hasOwn(ARRAYS, type.kind)) return NumberColumn;
  switch (type.kind) {
    case 'boolean':
      return BooleanColumn;
    case 'decimal':
      return DecimalColumn;
    case 'utf8':
      return TextColumn;
    case 'binary':
      return BinaryColumn;
    case 'fixed_binary':
      return FixedBinaryColumn;
    case 'list':
      return ListColumn;
    case 'struct':
      return StructColumn;
    case 'map':
      return MapColumn;
    default:
      throw Fault.fatal(`${name(type)} is not a type of columns`);
  }
}

/**
 * Makes a column. A typed array of the type's own class (`Float64Array` for float64, `BigInt64Array` for int64 and
 * times), or `Bits` for boolean, is taken as it is, without a copy. Anything else is iterated: null and undefined are
 * missing, and a value that the type cannot hold exactly is a fault.
 * @param {import('../types.js').DataType} type
 * @param {Iterable<unknown>} values Numbers; BigInt for 64 bits and decimals (in the smallest unit; or text); strings;
 *   Uint8Array for bytes; Date for dates and timestamps; arrays, objects and Maps for nested types.
 * @param {Bits | Column | null} [validity] Which rows have a value, beside a typed array: bits, or the column that the
 *   values were made from.
 */
export const column = (type, values, validity) => kind(type).make(type, values, validity);

/** A column out of nodes and buffers. `node` and `next` answer the next of each. */
export function read(type, node, next) {
  const { rowCount, nullCount } = node();
  const bits = next();
  const validity = nullCount === 0 ? null : new Bits(rowCount, bits, rowCount - nullCount);
  return kind(type).read(type, rowCount, validity, next, node);
}

/** The column that crossed. @param {{nodes: {rowCount: number, nullCount: number}[], buffers: Uint8Array[]}} crossed */
export function fromWit(type, { nodes, buffers }) {
  let [nodeIndex, bufferIndex] = [0, 0];
  return read(type, () => nodes[nodeIndex++], () => buffers[bufferIndex++]);
}

/** The column as it crosses. @param {Column} given */
export function toWit(given) {
  const crossing = { nodes: [], buffers: [] };
  given.push(crossing.nodes, crossing.buffers);
  return crossing;
}
