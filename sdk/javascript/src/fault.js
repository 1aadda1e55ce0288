// Why a call did not succeed.

import { isLater } from './settle.js';

/** A call did not succeed. A bad row is not a fault but a reject: see `Processed.reject`. */
export class Fault extends Error {
  /** @param {string} tag The contract's name for it. @param {unknown} val What the contract carries with it. @param {string} message */
  constructor(tag, val, message) {
    super(message);
    this.name = 'Fault';
    this.tag = tag;
    this.val = val;
  }

  /** The config is wrong at a JSON pointer such as `/columns/0`; empty for the whole config. */
  static config(pointer, message) {
    return new Fault('invalid-config', { pointer, message }, pointer ? `${pointer}: ${message}` : message);
  }

  /** The granted columns are wrong: missing, or of another type. */
  static schema(message) {
    return new Fault('invalid-schema', message, message);
  }

  /** The whole batch cannot be processed. */
  static data(message) {
    return new Fault('invalid-data', message, message);
  }

  /** The cause may pass; `afterMs` is how long to wait at least, in milliseconds, where that is known. */
  static retryable(message, afterMs) {
    const wait = afterMs === undefined ? undefined : BigInt(Math.max(0, Math.ceil(afterMs)));
    return new Fault('retryable', { message, afterMs: wait }, message);
  }

  /** The plugin cannot go on. */
  static fatal(message) {
    return new Fault('fatal', message, message);
  }
}

/** The longest text of a mistake in a plugin's own code that crosses, in characters: a few frames of its stack. */
const MAX_MISTAKE_CHARS = 800;

/** What a call threw, as the contract's fault. Anything but a `Fault` is a mistake in the plugin. */
export function toWit(thrown) {
  if (thrown instanceof Fault) return { tag: thrown.tag, val: thrown.val };
  const text = typeof thrown?.message === 'string' ? `${thrown.name}: ${thrown.message}\n${thrown.stack ?? ''}` : String(thrown);
  return { tag: 'fatal', val: text.trim().slice(0, MAX_MISTAKE_CHARS) };
}

/** Makes a function of the contract: whatever it throws becomes a fault that crosses. */
export function crossing(call) {
  return function crossed(...given) {
    let answer;
    try {
      answer = call.apply(this, given);
    } catch (thrown) {
      throw toWit(thrown);
    }
    return isLater(answer)
      ? answer.then(undefined, (thrown) => {
          throw toWit(thrown);
        })
      : answer;
  };
}
