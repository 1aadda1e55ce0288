import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configOf, unsupported } from '../src/config.js';

const SCHEMA = {
  type: 'object',
  properties: {
    factor: { type: 'number', exclusiveMinimum: 0, maximum: 100 },
    mode: { enum: ['fast', 'exact'], default: 'exact' },
    salt: { type: 'string', minLength: 3, maxLength: 8, pattern: '^[a-z]+$' },
    'a/b~c': { type: ['integer', 'null'] },
    names: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, maxItems: 2 },
    labels: { type: 'object', additionalProperties: { type: 'boolean' } },
  },
  required: ['factor'],
  additionalProperties: false,
};

const bound = (config) => configOf(JSON.stringify(config), SCHEMA);

test('a config that keeps to the schema is taken, defaults filled in', () => {
  assert.deepEqual(bound({ factor: 2 }), { factor: 2, mode: 'exact' });
  const whole = { factor: 0.5, mode: 'fast', salt: 'abc', 'a/b~c': null, names: ['x'], labels: { hot: true } };
  assert.deepEqual(bound(whole), whole);
  assert.deepEqual(configOf('', { type: 'object' }), {});
  assert.deepEqual(configOf('null', { type: 'object' }), {});
});

const WRONG = [
  [{}, '', /`factor` is missing/],
  [{ factor: 'much' }, '/factor', /must be number, and is a text/],
  [{ factor: 0 }, '/factor', /more than 0/],
  [{ factor: 101 }, '/factor', /at most 100/],
  [{ factor: 1, mode: 'slow' }, '/mode', /one of "fast", "exact"/],
  [{ factor: 1, salt: 'ab' }, '/salt', /at least 3/],
  [{ factor: 1, salt: 'abcdefghi' }, '/salt', /at most 8/],
  [{ factor: 1, salt: 'ABC' }, '/salt', /must match/],
  [{ factor: 1, 'a/b~c': 1.5 }, '/a~1b~0c', /integer or null/],
  [{ factor: 1, names: [] }, '/names', /at least 1/],
  [{ factor: 1, names: ['a', ''] }, '/names/1', /at least 1/],
  [{ factor: 1, names: ['a', 'b', 'c'] }, '/names', /at most 2/],
  [{ factor: 1, labels: { hot: 1 } }, '/labels/hot', /must be boolean/],
  [{ factor: 1, fctor: 2 }, '/fctor', /there is no `fctor`/],
  [[], '', /must be object, and is a list/],
];

for (const [config, pointer, message] of WRONG) {
  test(`${JSON.stringify(config)} is refused at "${pointer}"`, () => {
    assert.throws(() => bound(config), ({ tag, val }) => tag === 'invalid-config' && val.pointer === pointer && message.test(val.message));
  });
}

test('a text that is wrong is not shown: it may be a secret', () => {
  assert.throws(() => bound({ factor: 1, salt: 'HUNTER' }), (fault) => !fault.message.includes('HUNTER'));
});

test('a keyword that is not looked at is said so', () => {
  assert.equal(unsupported(SCHEMA), null);
  assert.match(unsupported({ properties: { a: { oneOf: [] } } }), /^\/properties\/a\/oneOf/);
  assert.match(unsupported({ items: { $ref: '#' } }), /\$ref/);
});
