// What a build needs and the SDK does not carry: installed by the author's project.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** What makes a component of a module. */
export const COMPONENTIZE = '@bytecodealliance/componentize-js';

/** A package of one of these folders' node_modules, or of those above them, loaded. */
export async function tool(name, folders) {
  const { folder, exports, main } = found(name, folders);
  const root = exports?.['.'] ?? exports;
  const file = typeof root === 'string' ? root : (root?.import ?? root?.default ?? main);
  return import(pathToFileURL(path.join(folder, typeof file === 'object' ? file.default : file)).href);
}

/** The version of a package that `tool` would load. */
export const versionOf = (name, folders) => found(name, folders).version;

function found(name, folders) {
  const package_ = folders.flatMap(above).map((folder) => path.join(folder, 'node_modules', name)).find((one) => existsSync(path.join(one, 'package.json')));
  if (package_ === undefined) {
    throw new Error(`${name} is not installed; run: npm install --save-dev --save-exact @bytecodealliance/componentize-js@0.23.0 @bytecodealliance/preview2-shim@0.25.0 esbuild@0.28.2`);
  }
  return { folder: package_, ...JSON.parse(readFileSync(path.join(package_, 'package.json'), 'utf8')) };
}

/** A folder and those that hold it. */
function above(folder) {
  const parent = path.dirname(folder);
  return parent === folder ? [folder] : [folder, ...above(parent)];
}
