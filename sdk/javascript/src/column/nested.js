// Columns of lists, structs and maps.

import { Fault } from '../fault.js';
import { struct } from '../types.js';
import { Column, Validity, bytesOf, validityOf, view } from './column.js';
import { column, read } from './kinds.js';

/** Lists. List `row` holds the items `offsets[row]` up to `offsets[row + 1]` of `items`, a column. */
export class ListColumn extends Column {
  constructor(type, rows, offsets, items, validity) {
    super(type, rows, validity);
    this.offsets = offsets;
    this.items = items;
  }

  value(row) {
    const [first, stop] = [this.offsets[row], this.offsets[row + 1]];
    return Array.from({ length: stop - first }, (_, index) => this.items.get(first + index));
  }

  push(nodes, buffers) {
    super.push(nodes, buffers);
    buffers.push(bytesOf(this.offsets));
    this.items.push(nodes, buffers);
  }

  static read(type, rows, validity, next, node) {
    const offsets = view(Int32Array, next());
    return new ListColumn(type, rows, offsets.length ? offsets : new Int32Array(1), read(type.item.type, node, next), validity);
  }

  static make(type, given, validity) {
    const { offsets, items, missing } = flat(given, (value) => Array.from(value));
    const rows = offsets.length - 1;
    return new ListColumn(type, rows, offsets, column(type.item.type, items), validityOf(validity, rows) ?? missing);
  }
}

/** Structs: `members` holds a column for each name. A value is an object. */
export class StructColumn extends Column {
  constructor(type, rows, members, validity) {
    super(type, rows, validity);
    this.members = members;
  }

  value(row) {
    return Object.fromEntries(Object.entries(this.members).map(([name, member]) => [name, member.get(row)]));
  }

  push(nodes, buffers) {
    super.push(nodes, buffers);
    for (const { name } of this.type.members) this.members[name].push(nodes, buffers);
  }

  static read(type, rows, validity, next, node) {
    // Their buffers stand one behind the other, in the order of the members.
    const members = Object.fromEntries(type.members.map((member) => [member.name, read(member.type, node, next)]));
    return new StructColumn(type, rows, members, validity);
  }

  static make(type, given, validity) {
    const source = Array.from(given);
    const missing = new Validity(source.length);
    source.forEach((value, row) => {
      if (value === null || value === undefined) missing.clear(row);
      else if (typeof value !== 'object') throw Fault.fatal(`value ${row} of a column of structs is no object`);
    });
    const member = ({ name, type: of }) => [name, column(of, source.map((value) => value?.[name]))];
    const bits = validityOf(validity, source.length) ?? missing.done();
    return new StructColumn(type, source.length, Object.fromEntries(type.members.map(member)), bits);
  }
}

/** Maps: the entries `offsets[row]` up to `offsets[row + 1]` of the columns `keys` and `items`. A value is a Map. */
export class MapColumn extends Column {
  constructor(type, rows, offsets, entries, validity) {
    super(type, rows, validity);
    this.offsets = offsets;
    /** A struct of each key and its value. */
    this.entries = entries;
    [this.keys, this.items] = type.members.map(({ name }) => entries.members[name]);
  }

  value(row) {
    const value = new Map();
    for (let entry = this.offsets[row]; entry < this.offsets[row + 1]; entry++) value.set(this.keys.get(entry), this.items.get(entry));
    return value;
  }

  push(nodes, buffers) {
    super.push(nodes, buffers);
    buffers.push(bytesOf(this.offsets));
    this.entries.push(nodes, buffers);
  }

  static read(type, rows, validity, next, node) {
    const offsets = view(Int32Array, next());
    const entries = read(struct(type.members), node, next);
    return new MapColumn(type, rows, offsets.length ? offsets : new Int32Array(1), entries, validity);
  }

  static make(type, given, validity) {
    const { offsets, items, missing } = flat(given, (value) => [...(value instanceof Map ? value : Object.entries(value))]);
    const rows = offsets.length - 1;
    const [key, value] = type.members;
    const entries = column(struct(type.members), items.map((pair) => ({ [key.name]: pair[0], [value.name]: pair[1] })));
    return new MapColumn(type, rows, offsets, entries, validityOf(validity, rows) ?? missing);
  }
}

/** Lists one behind the other, and where each begins. */
function flat(given, itemsOf) {
  const source = Array.from(given);
  const missing = new Validity(source.length);
  const offsets = new Int32Array(source.length + 1);
  const items = [];
  source.forEach((value, row) => {
    if (value === null || value === undefined) missing.clear(row);
    else for (const item of itemsOf(value)) items.push(item);
    offsets[row + 1] = items.length;
  });
  return { offsets, items, missing: missing.done() };
}
