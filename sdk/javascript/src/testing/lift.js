// Columns on their way out of a plugin under test: looked at as the host looks at them.

import { isArrayOf } from '../column/column.js';
import { fromWit } from '../column/kinds.js';
import { isWide } from '../types.js';
import { ARRAYS } from '../column/fixed.js';

/** The column that crossed, if it is what the contract says; else an error that names the column. */
export function lift(field, crossed, rows) {
  const nodes = [...crossed.nodes];
  const buffers = [...crossed.buffers];
  look(field, field.name, nodes, buffers, rows);
  if (nodes.length || buffers.length) throw wrong(field.name, `${nodes.length} nodes and ${buffers.length} buffers too many`);
  if (!field.nullable && crossed.nodes[0].nullCount > 0) throw wrong(field.name, `${crossed.nodes[0].nullCount} values are missing, and none may be`);
  return fromWit(field.type, crossed);
}

const wrong = (name, why) => new Error(`column \`${name}\`: ${why}`);

function look({ type }, name, nodes, buffers, rows) {
  const node = nodes.shift();
  if (node === undefined) throw wrong(name, 'its node is missing');
  if (node.rowCount !== rows) throw wrong(name, `it has ${node.rowCount} values and must have ${rows}`);
  const sized = (what, bytes) => {
    const buffer = buffers.shift();
    if (!isArrayOf(Uint8Array, buffer)) throw wrong(name, `its ${what} are missing`);
    if (buffer.length !== bytes) throw wrong(name, `its ${what} have ${buffer.length} bytes and must have ${bytes}`);
    return buffer;
  };
  const bitmap = (rows + 7) >>> 3;
  const missing = node.nullCount === 0 && buffers[0]?.length === 0;
  const validity = sized('validity bits', missing ? 0 : bitmap);
  const present = missing ? rows : Array.from({ length: rows }, (_, row) => (validity[row >>> 3] >>> (row & 7)) & 1).reduce((sum, bit) => sum + bit, 0);
  if (rows - present !== node.nullCount) throw wrong(name, `${node.nullCount} values are said to be missing, and the bits say ${rows - present}`);
  switch (type.kind) {
    case 'boolean':
      sized('values', bitmap);
      return;
    case 'decimal':
      sized('values', rows * (isWide(type) ? 32 : 16));
      return;
    case 'fixed_binary':
      sized('values', rows * type.width);
      return;
    case 'utf8':
    case 'binary': {
      const offsets = offsetsOf(name, sized('offsets', (rows + 1) * 4));
      const bytes = sized('bytes', offsets[rows]);
      if (type.kind === 'utf8') for (let row = 0; row < rows; row++) text(name, bytes.subarray(offsets[row], offsets[row + 1]));
      return;
    }
    case 'list':
      look(type.item, `${name}.item`, nodes, buffers, offsetsOf(name, sized('offsets', (rows + 1) * 4))[rows]);
      return;
    case 'map': {
      const entries = offsetsOf(name, sized('offsets', (rows + 1) * 4))[rows];
      look({ type: { kind: 'struct', members: type.members } }, `${name}.entries`, nodes, buffers, entries);
      return;
    }
    case 'struct':
      for (const member of type.members) look(member, `${name}.${member.name}`, nodes, buffers, rows);
      return;
    default:
      sized('values', rows * ARRAYS[type.kind].BYTES_PER_ELEMENT);
  }
}

function offsetsOf(name, bytes) {
  const offsets = new Int32Array(bytes.slice().buffer);
  if (offsets[0] !== 0) throw wrong(name, `its offsets begin at ${offsets[0]}`);
  if (offsets.some((offset, index) => index > 0 && offset < offsets[index - 1])) throw wrong(name, 'its offsets fall');
  return offsets;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function text(name, bytes) {
  try {
    strict.decode(bytes);
  } catch {
    throw wrong(name, 'its text is not UTF-8');
  }
}
