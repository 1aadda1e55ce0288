import assert from 'node:assert/strict';
import { test } from 'node:test';
import { column, types } from '@tidegate/sdk';
import { batch, verdict } from '@tidegate/sdk/testing';
import Missing from '../src/index.js';

const names = (...values) => batch({ name: column(types.utf8, values) });

test('the share is that of all batches together', async () => {
  const batches = [names('a', null), names('c', 'd')];
  const few = await verdict(Missing, { most: 0.25 }, batches);
  assert.deepEqual([few.passed, few.measures], [true, { 'name.missing': 0.25 }]);
  const none = await verdict(Missing, { most: 0.2 }, batches);
  assert.deepEqual([none.passed, none.severity, none.message], [false, 'error', 'missing: `name` 25.0 %']);
});

test('nothing is missing of no rows', async () => {
  assert.equal((await verdict(Missing, { most: 0 }, [names()])).passed, true);
});

test('a share is from 0 to 1', async () => {
  await assert.rejects(verdict(Missing, { most: 2 }, [names()]), ({ val }) => val.pointer === '/most');
});
