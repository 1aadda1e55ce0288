#!/usr/bin/env node
// `tidegate-js build`: a plugin's folder to a component.

import { parseArgs } from 'node:util';
import { build } from '../build/component.js';

const USAGE = `Usage: tidegate-js build [FOLDER] [--output FILE] [--tools FOLDER] [--cache FOLDER] [--revision TEXT]

Builds the plugin in FOLDER (default: this one), whose package.json names it, to dist/NAME.wasm.

  --output FILE     where the component goes
  --tools FOLDER    whose node_modules has componentize-js and esbuild, if not FOLDER's own
  --cache FOLDER    where components are kept, so that one that is the same is not built again
  --revision TEXT   the source's revision, for the manifest
`;

const text = { type: 'string' };
const options = { output: text, tools: text, cache: text, revision: text, help: { type: 'boolean', short: 'h' } };
try {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [command, folder = '.'] = positionals;
  if (values.help || command !== 'build' || positionals.length > 2) {
    (values.help ? process.stdout : process.stderr).write(USAGE);
    process.exitCode = values.help ? 0 : 2;
  } else {
    const { file, bytes, manifest } = await build(folder, values);
    console.log(`${file}: ${manifest.name} ${manifest.version}, ${manifest.roles.join(', ')}, ${bytes} bytes`);
  }
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
