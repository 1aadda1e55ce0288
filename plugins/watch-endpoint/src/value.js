// Watches one value of a document, or all of it.

import { Evaluation, Fault, RunRequest } from '@tidegate/sdk';
import { at, canonical, digest, isName, plain } from './json.js';
import { partition } from './items.js';

/** What a look at a document comes to. What is remembered: how often the value changed, and the digest of what it is. */
export async function lookAtValue({ key = '', partition: slice, first_look: first }, document, { seen }) {
  const value = at(document, key);
  if (value === undefined) throw Fault.data(`the answer has nothing at \`${key}\``);
  const print = await digest(canonical(value));
  const { changes = 0, print: before } = seen ?? {};
  const made = (outcome, count) => ({ outcome, seen: { changes: count, print }, isWhole: true });
  if (print === before) return made(Evaluation.skip('the value is what it was'), changes);
  if (seen === undefined && first === 'remember') return made(Evaluation.skip('the first look: the value is remembered'), 0);
  // The number makes a value that comes back another run.
  const run = new RunRequest(`change-${changes + 1}-${print}`);
  const text = plain(value);
  if (text !== undefined && isName(text)) run.tag('value', text);
  if (slice !== undefined) run.partition(partition(document, slice, 'the answer'));
  return made(Evaluation.runs(run), changes + 1);
}
