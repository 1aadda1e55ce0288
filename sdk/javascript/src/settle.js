// Answers that may come later: an author's method may be async, above all where it fetches.

/** Whether a value is a promise, of whatever global object: that of `fetch` need not be the author's. */
export const isLater = (value) => typeof value?.then === 'function';

/** `then` of the value, now or, of a promise, once it is there. */
export const settle = (value, then) => (isLater(value) ? value.then(then) : then(value));
