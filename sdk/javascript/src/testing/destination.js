// A destination outside the sandbox: through what the component exports.

import { destinationExports } from '../destination.js';
import { toSchema } from '../types.js';
import { uncrossed } from './faults.js';

/**
 * Writes a load as the host would at its worst: each batch twice under its token, a new writer from what `stage` answered
 * behind each batch, and `commit` twice. Answers the receipt.
 * @param {import('./batch.js').HeldBatch[]} batches
 * @param {{asset?: string, partition?: string, mode?: string, key?: string[], token?: string}} options
 */
export async function load(Author, config, batches, { asset = 'asset', partition = '', mode = 'append', key = [], token = 'load' } = {}) {
  const { check, Writer } = destinationExports(Author);
  const text = JSON.stringify(config ?? {});
  await uncrossed(() => check(text));
  const request = { config: text, asset, partition, mode, schema: toSchema(batches[0].fields), key, token, staged: undefined };
  let epoch = 1n;
  let writer = await uncrossed(() => Writer.open({ ...request, epoch }));
  for (const [index, batch] of batches.entries()) {
    for (let time = 0; time < 2; time++) await uncrossed(() => writer.write(batch, `${token}-${index}`));
    const staged = await uncrossed(() => writer.stage());
    if (staged === undefined) continue;
    epoch += 1n;
    writer = await uncrossed(() => Writer.open({ ...request, staged, epoch }));
  }
  const first = await uncrossed(() => writer.commit());
  const second = await uncrossed(() => writer.commit());
  if (first.rowCount !== second.rowCount) throw new Error(`a repeated commit told of ${second.rowCount} rows after ${first.rowCount}`);
  return { rows: Number(first.rowCount), bytes: first.byteCount === undefined ? undefined : Number(first.byteCount), location: first.location };
}
