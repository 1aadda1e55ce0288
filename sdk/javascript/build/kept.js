// Components that were built before, by the digest of everything that they are made of.

import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { COMPONENTIZE, versionOf } from './tools.js';

/** The component of these inputs: the kept one, or a new one, which then takes the place of the plugin's older ones. */
export async function kept(cache, { places, source, options, said }, make) {
  const folder = path.join(cache, said.name);
  const name = `${await digest(places, source, options, said)}.wasm`;
  const file = path.join(folder, name);
  const before = await readFile(file).catch(() => null);
  if (before !== null) return before;
  const bytes = await make();
  await mkdir(folder, { recursive: true });
  await writeFile(`${file}.new`, bytes);
  await rename(`${file}.new`, file);
  for (const other of await readdir(folder)) if (other !== name) await rm(path.join(folder, other), { force: true });
  return bytes;
}

async function digest(places, source, { witPath, ...options }, said) {
  const hash = createHash('sha256');
  // Each with its length, so that no two lists of parts are the same text.
  const part = (text) => hash.update(`${text.length}:`).update(text);
  part(versionOf(COMPONENTIZE, places));
  part(source);
  part(JSON.stringify(options));
  part(JSON.stringify(said));
  for (const file of (await readdir(witPath)).sort()) part(await readFile(path.join(witPath, file), 'utf8'));
  return hash.digest('hex');
}
