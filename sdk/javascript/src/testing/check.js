// A check outside the sandbox: through what the component exports.

import { checkExports } from '../check.js';
import { toSchema } from '../types.js';
import { uncrossed } from './faults.js';

/**
 * The verdict of a check over batches. Behind each batch a new instance goes on from the snapshot, where there is one.
 * `measures` is an object.
 * @param {import('./batch.js').HeldBatch[]} batches
 */
export async function verdict(Author, config, batches) {
  const { Checker } = checkExports(Author);
  const bind = () => uncrossed(() => Checker.bind(JSON.stringify(config ?? {}), toSchema(batches[0].fields)));
  let checker = bind();
  for (const batch of batches) {
    await uncrossed(() => checker.observe(batch));
    const state = uncrossed(() => checker.snapshot());
    if (state === undefined) continue;
    checker = bind();
    uncrossed(() => checker.restore(state));
  }
  const said = await uncrossed(() => checker.verdict());
  return { ...said, measures: Object.fromEntries(said.measures) };
}
