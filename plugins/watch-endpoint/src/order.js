// Which of two values is the larger one.

import { Fault } from '@tidegate/sdk';

/**
 * Below 0, 0 or above 0 as `a` is before, at or behind `b`. Whole numbers, also those that are texts, by their size; other
 * numbers by theirs; texts, such as times of RFC 3339 in one zone, by their characters.
 */
export function compared(a, b) {
  if (isWhole(a) && isWhole(b)) return sign(BigInt(a), BigInt(b));
  if (typeof a !== typeof b) throw Fault.data('`order` points to numbers in some items and to texts in others');
  return sign(a, b);
}

const isWhole = (value) => (typeof value === 'number' ? Number.isInteger(value) : /^-?\d+$/.test(value));

const sign = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
