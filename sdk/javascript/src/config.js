// The config of a plugin against the JSON Schema that its author gives.

import { Fault } from './fault.js';

/** Keywords that are looked at. */
const CHECKED = new Set([
  ...['type', 'properties', 'required', 'additionalProperties', 'enum', 'const', 'minimum', 'maximum', 'exclusiveMinimum'],
  ...['exclusiveMaximum', 'items', 'minItems', 'maxItems', 'minLength', 'maxLength', 'pattern'],
]);

/** Keywords that only say something to people and editors; `default` is filled in. */
const SPOKEN = new Set(['$schema', '$id', '$comment', 'title', 'description', 'default', 'examples', 'deprecated', 'format', 'writeOnly']);

/** What is wrong with a JSON Schema for this SDK: a keyword that it would not look at. Null where nothing is. */
export function unsupported(schema, path = '') {
  if (typeof schema === 'boolean') return null;
  for (const [key, value] of Object.entries(schema)) {
    if (!CHECKED.has(key) && !SPOKEN.has(key)) return `${path}/${key}: this SDK does not check \`${key}\``;
    const inner =
      key === 'properties'
        ? Object.entries(value).map(([name, one]) => unsupported(one, `${path}/properties/${escape(name)}`))
        : key === 'items' || key === 'additionalProperties'
          ? [unsupported(value, `${path}/${key}`)]
          : [];
    const found = inner.find((one) => one !== null);
    if (found) return found;
  }
  return null;
}

/** A config's text as an object that keeps to the schema, defaults filled in; else a fault with a JSON pointer. */
export function configOf(text, schema) {
  let config;
  try {
    config = JSON.parse(text === '' ? '{}' : text);
  } catch (error) {
    throw Fault.config('', `not JSON: ${error.message}`);
  }
  if (config === null) config = {};
  if (schema === undefined || schema === null) return config;
  return checked(config, schema, '');
}

function checked(value, schema, at) {
  if (schema === true) return value;
  if (schema === false) throw Fault.config(at, 'nothing may stand here');
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.length > 0 && !types.some((type) => is(value, type))) {
    throw Fault.config(at, `must be ${types.join(' or ')}, and is ${shown(value)}`);
  }
  const allowed = schema.const === undefined ? schema.enum : [schema.const];
  if (allowed !== undefined && !allowed.some((one) => JSON.stringify(one) === JSON.stringify(value))) {
    throw Fault.config(at, `must be one of ${allowed.map((one) => JSON.stringify(one)).join(', ')}, and is ${shown(value)}`);
  }
  if (typeof value === 'number') number(value, schema, at);
  if (typeof value === 'string') text(value, schema, at);
  if (Array.isArray(value)) return list(value, schema, at);
  if (typeof value === 'object' && value !== null) return object(value, schema, at);
  return value;
}

function is(value, type) {
  switch (type) {
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'null':
      return value === null;
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}

function number(value, { minimum, maximum, exclusiveMinimum, exclusiveMaximum }, at) {
  const must = (holds, rule) => {
    if (!holds) throw Fault.config(at, `must be ${rule}, and is ${value}`);
  };
  must(minimum === undefined || value >= minimum, `at least ${minimum}`);
  must(maximum === undefined || value <= maximum, `at most ${maximum}`);
  must(exclusiveMinimum === undefined || value > exclusiveMinimum, `more than ${exclusiveMinimum}`);
  must(exclusiveMaximum === undefined || value < exclusiveMaximum, `less than ${exclusiveMaximum}`);
}

// A text may be a secret: it is not shown.
function text(value, { minLength, maxLength, pattern }, at) {
  const length = [...value].length;
  if (minLength !== undefined && length < minLength) throw Fault.config(at, `must have at least ${minLength} characters`);
  if (maxLength !== undefined && length > maxLength) throw Fault.config(at, `must have at most ${maxLength} characters`);
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) throw Fault.config(at, `must match ${pattern}`);
}

function list(value, { items, minItems, maxItems }, at) {
  if (minItems !== undefined && value.length < minItems) throw Fault.config(at, `must have at least ${minItems} items`);
  if (maxItems !== undefined && value.length > maxItems) throw Fault.config(at, `must have at most ${maxItems} items`);
  return items === undefined ? value : value.map((item, index) => checked(item, items, `${at}/${index}`));
}

function object(value, { properties = {}, required = [], additionalProperties = true }, at) {
  const missing = required.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) throw Fault.config(at, `\`${missing}\` is missing`);
  const entries = Object.entries(value).map(([name, one]) => {
    const place = `${at}/${escape(name)}`;
    if (Object.hasOwn(properties, name)) return [name, checked(one, properties[name], place)];
    if (additionalProperties === false) {
      const known = Object.keys(properties);
      throw Fault.config(place, `there is no \`${name}\`; ${known.length ? `there is ${known.join(', ')}` : 'nothing is expected'}`);
    }
    return [name, checked(one, additionalProperties, place)];
  });
  for (const [name, schema] of Object.entries(properties)) {
    if (!Object.hasOwn(value, name) && schema.default !== undefined) entries.push([name, structuredClone(schema.default)]);
  }
  return Object.fromEntries(entries);
}

const escape = (name) => name.replaceAll('~', '~0').replaceAll('/', '~1');

const shown = (value) => (value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value === 'string' ? 'a text' : typeof value === 'object' ? 'an object' : String(value));
