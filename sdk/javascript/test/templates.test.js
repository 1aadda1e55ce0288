import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { manifest } from '../build/manifest.js';

const templates = fileURLToPath(new URL('../templates', import.meta.url));
const resolve = pathToFileURL(fileURLToPath(new URL('../build/resolve.js', import.meta.url))).href;
const sdk = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

for (const role of ['transform', 'source', 'destination', 'check', 'sensor']) {
  test(`the template of a ${role} passes its own tests, and its package says what it is`, () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), `tidegate-template-${role}-`));
    try {
      cpSync(path.join(templates, role), folder, { recursive: true });
      const file = path.join(folder, 'package.json');
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll('{{name}}', 'made-new').replaceAll('{{sdk}}', 'file:../sdk/javascript'));
      const pack = JSON.parse(readFileSync(file, 'utf8'));
      assert.equal(manifest(pack, { role, configSchema: {} }).name, 'made-new');
      const { '@tidegate/sdk': _, ...tools } = pack.devDependencies;
      assert.deepEqual(tools, sdk.devDependencies);
      const tests = readdirSync(path.join(folder, 'test')).map((name) => path.join('test', name));
      // Without this, the runner of the inner tests believes that it is the outer one's.
      const { NODE_TEST_CONTEXT: __, ...env } = process.env;
      const ran = spawnSync(process.execPath, ['--import', resolve, '--test', ...tests], { cwd: folder, env, encoding: 'utf8' });
      assert.equal(ran.status, 0, ran.stdout + ran.stderr);
      assert.match(ran.stdout, /pass [1-9]/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
