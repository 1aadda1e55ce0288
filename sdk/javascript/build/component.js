// Builds the component of a plugin's folder.

import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SDK, componentSource, inspect } from './bundle.js';
import { kept } from './kept.js';
import { manifest, withManifest } from './manifest.js';
import { COMPONENTIZE, tool } from './tools.js';

/** The contract: in the package, or, in a clone of the repository, beside the SDKs. */
export const witFolder = () => [path.join(SDK, 'wit'), path.join(SDK, '../../wit/since-v0.1')].find((folder) => existsSync(folder));

/** What of the engine a plugin may ask for in `tidegate.features`. */
const FEATURES = ['clocks', 'random'];

/** Roles whose same input must give the same output: neither clock nor random numbers, unless asked for. */
const REPEATABLE = ['transform', 'check'];

/**
 * Builds the plugin in a folder.
 * @param {string} folder Where its package.json is.
 * @param {{output?: string, tools?: string, revision?: string, cache?: string}} options `tools`: a folder whose
 *   node_modules has componentize-js and esbuild, where that is not the plugin's own. `cache`: where components are
 *   kept, so that one whose inputs are the same is not built again.
 * @returns {Promise<{file: string, bytes: number, manifest: object}>}
 */
export async function build(folder, { output, tools, revision, cache } = {}) {
  const root = path.resolve(folder);
  const pack = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
  const main = mainOf(root, pack);
  const places = [tools, root, SDK].filter(Boolean).map((place) => path.resolve(place));
  const esbuild = await tool('esbuild', places);
  const found = await inspect(esbuild, root, main);
  const said = manifest(pack, found, revision);
  const source = await componentSource(esbuild, root, main, found.role);
  const options = { witPath: witFolder(), worldName: `${found.role}-plugin`, disableFeatures: disabled(found.role, pack.tidegate ?? {}) };
  const make = async () => withManifest(await componentize(places, source, options), said);
  const bytes = cache === undefined ? await make() : await kept(path.resolve(cache), { places, source, options, said }, make);
  const file = path.resolve(root, output ?? `dist/${said.name}.wasm`);
  await mkdir(path.dirname(file), { recursive: true });
  // A reader sees the old component or the new one, never half of one.
  await writeFile(`${file}.new`, bytes);
  await rename(`${file}.new`, file);
  return { file, bytes: bytes.length, manifest: said };
}

function mainOf(root, pack) {
  const named = pack.main ? [pack.main] : ['src/index.ts', 'src/index.js'];
  const main = named.map((one) => path.join(root, one)).find((one) => existsSync(one));
  if (main === undefined) throw new Error(`${root}: there is no ${named.join(' or ')}`);
  return main;
}

/** The features of the engine that the component goes without. */
function disabled(role, { features = REPEATABLE.includes(role) ? [] : FEATURES, wishes = {} }) {
  const unknown = features.find((feature) => !FEATURES.includes(feature));
  if (unknown !== undefined) throw new Error(`package.json: \`tidegate.features\` has \`${unknown}\`; there is ${FEATURES.join(', ')}`);
  const off = FEATURES.filter((feature) => !features.includes(feature));
  return wishes.http?.length ? [...off, 'fetch-event'] : [...off, 'http', 'fetch-event'];
}

async function componentize(places, source, options) {
  const { componentize: run } = await tool(COMPONENTIZE, places);
  // Given as text, so that no folder of this machine ends up in the component but a temporary one of the tool's own.
  return Buffer.from((await run(source, options)).component);
}
