// `node --import …/build/resolve.js --test`: a plugin's tests find the SDK that this file belongs to, without an
// installation of it.

import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { moduleFile } from './bundle.js';

export function resolve(name, context, next) {
  const file = moduleFile(name);
  return file === undefined ? next(name, context) : { url: pathToFileURL(file).href, shortCircuit: true };
}

// The hook is loaded by a thread of its own, where nothing is to be registered.
if (!import.meta.url.endsWith('#hook')) register(`${import.meta.url}#hook`);
