import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { witFolder } from '../build/component.js';
import { leb128, manifest, withManifest } from '../build/manifest.js';

const pack = { name: '@team/scale', version: '1.2.3', description: 'Multiplies.', license: 'Apache-2.0', author: { name: 'Ada', email: 'ada@example.org' } };
const found = { role: 'transform', configSchema: { type: 'object' } };

test('the manifest is what package.json and the module say', () => {
  assert.deepEqual(manifest({ ...pack, contributors: ['Bo'], tidegate: { wishes: { memory: '128MiB' } } }, found, 'abc'), {
    name: 'scale',
    version: '1.2.3',
    description: 'Multiplies.',
    license: 'Apache-2.0',
    authors: ['Ada <ada@example.org>', 'Bo'],
    roles: ['transform'],
    contract: '0.1.0',
    revision: 'abc',
    wishes: { memory: '128MiB' },
    config_schema: { type: 'object' },
  });
});

test('what cannot be a manifest is said before anything is built', () => {
  assert.throws(() => manifest({ ...pack, name: 'Über' }, found), /a plugin's name/);
  assert.throws(() => manifest({ ...pack, version: '1' }, found), /semver/);
  assert.throws(() => manifest({ ...pack, tidegate: { roles: ['check'] } }, found), /exports a transform/);
});

test('numbers are written as WebAssembly writes them', () => {
  const cases = { 0: [0], 127: [0x7f], 128: [0x80, 1], 624485: [0xe5, 0x8e, 0x26] };
  for (const [number, bytes] of Object.entries(cases)) assert.deepEqual([...leb128(Number(number))], bytes);
});

test('the manifest is a custom section behind the component', () => {
  const component = Buffer.from('\0asm....');
  const done = withManifest(component, { name: 'scale' });
  assert.deepEqual(done.subarray(0, 8), component);
  const body = Buffer.from('\x11tidegate:manifest{"name":"scale"}');
  assert.deepEqual(done.subarray(8), Buffer.concat([Buffer.from([0, body.length]), body]));
});

test('a contract in the package is that of the repository', () => {
  const kept = fileURLToPath(new URL('../wit', import.meta.url));
  const source = fileURLToPath(new URL('../../../wit/since-v0.1', import.meta.url));
  assert.equal(witFolder(), existsSync(kept) ? kept : source);
  for (const file of existsSync(kept) ? readdirSync(source) : []) {
    assert.equal(readFileSync(path.join(kept, file), 'utf8'), readFileSync(path.join(source, file), 'utf8'), file);
  }
});
