// JSON whose numbers stay what they are, and places in it.

import { Fault } from '@tidegate/sdk';

/** Texts, which are stepped over, and numbers. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/** A document's text as a value. A whole number that would be rounded is a text of its digits: ids may have 64 bits. */
export function parsed(text) {
  // Up to 15 digits, none is.
  const exact = /\d{16}/.test(text) ? text.replace(TOKENS, (token) => (isRounded(token) ? `"${token}"` : token)) : text;
  try {
    return JSON.parse(exact);
  } catch {
    // The error's own words may quote the answer.
    throw Fault.data('the answer is not JSON');
  }
}

const isRounded = (token) => /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token));

/** What stands at a JSON pointer (RFC 6901); undefined where nothing does. */
export function at(value, pointer) {
  const steps = pointer.split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return steps.reduce((below, step) => {
    if (Array.isArray(below)) return /^(0|[1-9]\d*)$/.test(step) ? below[Number(step)] : undefined;
    return typeof below === 'object' && below !== null && Object.hasOwn(below, step) ? below[step] : undefined;
  }, value);
}

/** A value's JSON with the keys of objects in order: the same for two answers that only differ in that. */
export function canonical(value) {
  return JSON.stringify(value, (_, one) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

/** A text's SHA-256, its first 128 bits in hexadecimal. */
export async function digest(text) {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return [...bytes.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The longest name of a run or slice that the host takes, in bytes. */
const MAX_NAME_BYTES = 255;

/** Control characters, and halves of characters, which cannot cross. */
const NO_NAME = /[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/u;

/** Whether the host takes a text as the name of a run or slice. */
export const isName = (text) => text !== '' && !NO_NAME.test(text) && new TextEncoder().encode(text).length <= MAX_NAME_BYTES;

/** A value that has none in it as text; undefined for others. */
export const plain = (value) => (['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined);
