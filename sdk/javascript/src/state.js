// What a plugin keeps between calls, as JSON in bytes.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A value, of what JSON can hold, as bytes: for `snapshot`. @returns {Uint8Array} */
export const save = (value) => encoder.encode(JSON.stringify(value));

/** The value of such bytes, for `restore`; undefined of none. */
export const load = (bytes) => (bytes === undefined || bytes === null ? undefined : JSON.parse(decoder.decode(bytes)));
