// Faults that crossed, as the errors that a test can look for.

import { Fault } from '../fault.js';
import { isLater } from '../settle.js';

/** What a call answers; a fault that crossed is thrown as the `Fault` that it was. Of an async call, once it is there. */
export function uncrossed(call) {
  try {
    const answer = call();
    return isLater(answer) ? answer.then(undefined, rethrow) : answer;
  } catch (thrown) {
    return rethrow(thrown);
  }
}

function rethrow(thrown) {
  if (thrown instanceof Error || typeof thrown?.tag !== 'string') throw thrown;
  const { tag, val } = thrown;
  const text = typeof val === 'string' ? val : val.pointer ? `${val.pointer}: ${val.message}` : val.message;
  throw new Fault(tag, val, text);
}
