// Bitmaps: one bit a row, the first the lowest of a byte.

/** One bit a row. */
export class Bits {
  /** @param {number} length How many bits. @param {Uint8Array} [bytes] Their bytes; all zero where not given. */
  constructor(length, bytes = new Uint8Array((length + 7) >>> 3), ones = -1) {
    this.length = length;
    this.bytes = bytes;
    /** How many are set, where that was counted already. */
    this.ones = ones;
  }

  /** So many bits, all set. */
  static ones(length) {
    const bits = new Bits(length);
    bits.bytes.fill(0xff);
    if (length & 7) bits.bytes[bits.bytes.length - 1] = (1 << (length & 7)) - 1;
    bits.ones = length;
    return bits;
  }

  /** The bits of rows for which `test(row)` is true. */
  static where(length, test) {
    const bits = new Bits(length);
    const { bytes } = bits;
    for (let row = 0; row < length; row++) if (test(row)) bytes[row >>> 3] |= 1 << (row & 7);
    return bits;
  }

  get(row) {
    return (this.bytes[row >>> 3] & (1 << (row & 7))) !== 0;
  }

  set(row) {
    this.ones = -1;
    this.bytes[row >>> 3] |= 1 << (row & 7);
  }

  clear(row) {
    this.ones = -1;
    this.bytes[row >>> 3] &= ~(1 << (row & 7));
  }

  /** How many are set. */
  count() {
    if (this.ones < 0) this.ones = count(this.bytes);
    return this.ones;
  }

  /** The bits that are set in both. @param {Bits} other */
  and(other) {
    return new Bits(this.length, this.bytes.map((byte, index) => byte & other.bytes[index]));
  }
}

/** Four bytes at a time where they stand at an address for it: a turn of a loop is what costs in the sandbox. */
function count(bytes) {
  const words = bytes.byteOffset & 3 ? 0 : bytes.length >>> 2;
  let ones = 0;
  for (let word of new Uint32Array(bytes.buffer, words ? bytes.byteOffset : 0, words)) {
    word -= (word >>> 1) & 0x55555555;
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
    ones += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  for (let index = words * 4; index < bytes.length; index++) for (let rest = bytes[index]; rest; rest &= rest - 1) ones += 1;
  return ones;
}
