/** A value, of what JSON can hold, as bytes: for `snapshot`. */
export function save(value: unknown): Uint8Array;
/** The value of such bytes, for `restore`; undefined of none. */
export function load(bytes: Uint8Array | undefined): any;
