import assert from 'node:assert/strict';
import { test } from 'node:test';
import { column, types } from '@tidegate/sdk';
import { batch, bindTo, runWithRejects } from '@tidegate/sdk/testing';
import Scale from '../src/index.js';

const amounts = (...values) => batch({ amount: column(types.float64, values) });

test('amounts are multiplied, and negative ones refused', () => {
  const { columns, rejects } = runWithRejects(Scale, { factor: 10 }, amounts(1.5, null, -1));
  assert.deepEqual(columns, { scaled: [15, null] });
  assert.deepEqual(rejects.map(({ row, code }) => [row, code]), [[2, 'amount.negative']]);
});

test('without a factor there is nothing to multiply by', () => {
  assert.throws(() => bindTo(Scale, {}, amounts()), ({ val }) => val.message.includes('`factor` is missing'));
});
