// The types of columns, and their form in the contract (wit/since-v0.1/types.wit): there, nested types are indices into
// an arena of fields.

/**
 * A column's type.
 * @typedef {object} DataType
 * @property {string} kind Its name in YAML: `float64`, `decimal`, `list`, …
 * @property {number} [precision] Digits of a decimal in all, 1 to 76.
 * @property {number} [scale] Digits of a decimal behind the point.
 * @property {'s'|'ms'|'us'|'ns'} [unit] What a time counts.
 * @property {string} [timezone] The IANA name of a timestamp's time zone.
 * @property {number} [width] Bytes of a value of `fixed_binary`.
 * @property {Field} [item] What a list holds.
 * @property {Field[]} [members] What a struct holds; key and value of a map.
 */

/**
 * A named, typed value of each row.
 * @typedef {{name: string, type: DataType, nullable: boolean}} Field
 */

/** @param {string} kind @param {object} [more] @returns {DataType} */
const type = (kind, more) => Object.freeze({ kind, ...more });

/** A field; null may stand in it unless told otherwise. @returns {Field} */
export const field = (name, dataType, nullable = true) => Object.freeze({ name, type: dataType, nullable });

export const boolean = type('boolean');
export const int8 = type('int8');
export const int16 = type('int16');
export const int32 = type('int32');
export const int64 = type('int64');
export const uint8 = type('uint8');
export const uint16 = type('uint16');
export const uint32 = type('uint32');
export const uint64 = type('uint64');
export const float32 = type('float32');
export const float64 = type('float64');
export const utf8 = type('utf8');
export const binary = type('binary');
export const date32 = type('date32');

/** An exact number of `precision` digits (1 to 76), `scale` of them behind the point. */
export function decimal(precision, scale) {
  if (!(Number.isInteger(precision) && precision >= 1 && precision <= 76 && Number.isInteger(scale) && scale >= 0 && scale <= precision)) {
    throw new RangeError(`decimal(${precision},${scale}): 1 to 76 digits, of which 0 to all are behind the point`);
  }
  return type('decimal', { precision, scale });
}

/** `width` bytes a value. */
export const fixedBinary = (width) => type('fixed_binary', { width });
/** Time since midnight: `us` or `ns`. */
export const time64 = (unit) => type('time64', { unit: known(unit) });
/** With a time zone an instant, counted in UTC; without, what a clock on the wall shows. */
export const timestamp = (unit, timezone) => type('timestamp', timezone ? { unit: known(unit), timezone } : { unit: known(unit) });
/** A length of time. */
export const duration = (unit) => type('duration', { unit: known(unit) });
/** Lists of items; an item may be missing unless told otherwise. */
export const list = (item, nullable = true) => type('list', { item: field('item', item, nullable) });
/** Named members: `struct({city: utf8})`, or fields for members that may not be missing. */
export const struct = (members) =>
  type('struct', { members: Array.isArray(members) ? members : Object.entries(members).map(([name, one]) => field(name, one)) });
/** Maps of keys, never missing, to values. */
export const map = (key, value, nullable = true) =>
  type('map', { members: [field('key', key, false), field('value', value, nullable)] });

const UNITS = { s: 'second', ms: 'millisecond', us: 'microsecond', ns: 'nanosecond' };
const UNIT_NAMES = { second: 's', millisecond: 'ms', microsecond: 'us', nanosecond: 'ns' };

function known(unit) {
  if (!Object.hasOwn(UNITS, unit)) throw new RangeError(`\`${unit}\` is not a unit of time; the units are s, ms, us, ns`);
  return unit;
}

/** The type as YAML has it. @param {DataType} dataType @returns {string} */
export function name(dataType) {
  switch (dataType.kind) {
    case 'decimal':
      return `decimal(${dataType.precision},${dataType.scale})`;
    case 'fixed_binary':
      return `fixed_binary(${dataType.width})`;
    case 'timestamp':
      return dataType.timezone ? `timestamp(${dataType.unit}, ${dataType.timezone})` : `timestamp(${dataType.unit})`;
    case 'time64':
    case 'duration':
      return `${dataType.kind}(${dataType.unit})`;
    case 'list':
      return `list(${name(dataType.item.type)})`;
    case 'struct':
      return `struct(${dataType.members.map((member) => `${member.name}: ${name(member.type)}`).join(', ')})`;
    case 'map':
      return `map(${dataType.members.map((member) => name(member.type)).join(', ')})`;
    default:
      return dataType.kind;
  }
}

/** Whether a decimal takes 256 bits: more than the 38 digits that 128 hold, or so given. @param {DataType} dataType */
export const isWide = (dataType) => dataType.precision > 38 || dataType.wide === true;

/** Whether two types are the same; whether members may be missing is not looked at. */
export const same = (one, other) => name(one) === name(other);

/** Puts a field and then its members into an arena of the contract; answers its index. */
export function pushField(one, arena) {
  const index = arena.length;
  arena.push(undefined);
  arena[index] = { name: one.name, dataType: toWit(one.type, arena), nullable: one.nullable };
  return index;
}

/** Fields as a schema of the contract. @param {Field[]} fields */
export function toSchema(fields) {
  const arena = [];
  const columns = fields.map((one) => pushField(one, arena));
  return { fields: arena, columns: Uint32Array.from(columns) };
}

/** The fields of a schema of the contract. @returns {Field[]} */
export const fromSchema = (schema) => Array.from(schema.columns, (index) => fromArena(schema.fields, index));

function fromArena(arena, index) {
  const { name: called, dataType, nullable } = arena[index];
  return field(called, fromWit(dataType, arena), nullable);
}

function toWit(dataType, arena) {
  switch (dataType.kind) {
    case 'decimal': {
      const val = { precision: dataType.precision, scale: dataType.scale };
      return { tag: isWide(dataType) ? 'decimal256' : 'decimal128', val };
    }
    case 'fixed_binary':
      return { tag: 'fixed-binary', val: dataType.width };
    case 'time64':
    case 'duration':
      return { tag: dataType.kind, val: UNITS[dataType.unit] };
    case 'timestamp':
      return { tag: 'timestamp', val: { unit: UNITS[dataType.unit], timezone: dataType.timezone } };
    case 'list':
      return { tag: 'list-of', val: pushField(dataType.item, arena) };
    case 'struct':
      return { tag: 'struct-of', val: Uint32Array.from(dataType.members.map((member) => pushField(member, arena))) };
    case 'map':
      return { tag: 'map-of', val: dataType.members.map((member) => pushField(member, arena)) };
    default:
      return { tag: dataType.kind };
  }
}

function fromWit({ tag, val }, arena) {
  switch (tag) {
    case 'decimal128':
      return decimal(val.precision, val.scale);
    case 'decimal256':
      // A decimal of few digits in 256 bits keeps its width.
      return type('decimal', { precision: val.precision, scale: val.scale, ...(val.precision > 38 ? {} : { wide: true }) });
    case 'fixed-binary':
      return fixedBinary(val);
    case 'time64':
      return time64(UNIT_NAMES[val]);
    case 'duration':
      return duration(UNIT_NAMES[val]);
    case 'timestamp':
      return timestamp(UNIT_NAMES[val.unit], val.timezone);
    case 'list-of':
      return type('list', { item: fromArena(arena, val) });
    case 'struct-of':
      return type('struct', { members: Array.from(val, (index) => fromArena(arena, index)) });
    case 'map-of':
      return type('map', { members: Array.from(val, (index) => fromArena(arena, index)) });
    default:
      return type(tag);
  }
}
