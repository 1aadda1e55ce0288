// One module out of the author's module, the SDK, and what else is imported.

import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The SDK's own folder. */
export const SDK = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const MODULES = {
  '@tidegate/sdk': 'src/index.js',
  '@tidegate/sdk/testing': 'src/testing/index.js',
  '@tidegate/sdk/component': 'src/component.js',
};

/** The file of a module of the SDK. */
export const moduleFile = (name) => (Object.hasOwn(MODULES, name) ? path.join(SDK, MODULES[name]) : undefined);

/** So that a plugin is built with the SDK that builds it, wherever it lies. */
const sdk = {
  name: 'tidegate-sdk',
  setup(build) {
    build.onResolve({ filter: /^@tidegate\/sdk(\/|$)/ }, ({ path: name }) => {
      const file = moduleFile(name);
      return file === undefined ? { errors: [{ text: `the SDK has no module ${name}` }] } : { path: file };
    });
  },
};

const ENTRY = (main, role) => `
import Author from ${JSON.stringify(main)};
import { componentExports } from '@tidegate/sdk/component';
import * as host from 'tidegate:plugin/host@0.1.0';
const component = componentExports(Author, host);
export const configuration = component.configuration;
export const ${role} = component.role;
`;

const INSPECT = (main) => `
import Author from ${JSON.stringify(main)};
import { roleOf } from '@tidegate/sdk/component';
import { unsupported } from ${JSON.stringify(path.join(SDK, 'src/config.js'))};
export const role = roleOf(Author);
export const configSchema = Author.configSchema;
export const unchecked = unsupported(configSchema);
`;

async function bundle(esbuild, folder, contents) {
  const { outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir: folder, sourcefile: 'plugin-entry.js' },
    absWorkingDir: folder,
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['import', 'module'],
    target: 'es2022',
    external: ['tidegate:*'],
    // Names of classes and functions are in messages; paths of this machine are not.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    plugins: [sdk],
    logLevel: 'error',
  });
  return outputFiles[0].text;
}

/** The module that becomes the component. */
export const componentSource = (esbuild, folder, main, role) => bundle(esbuild, folder, ENTRY(main, role));

/** The author's class looked at outside the sandbox: its role and the JSON Schema of its config. */
export async function inspect(esbuild, folder, main) {
  const source = await bundle(esbuild, folder, INSPECT(main));
  const { role, configSchema, unchecked } = await import(`data:text/javascript;base64,${Buffer.from(source).toString('base64')}`);
  if (unchecked !== null) throw new Error(`configSchema ${unchecked}`);
  return { role, configSchema };
}

