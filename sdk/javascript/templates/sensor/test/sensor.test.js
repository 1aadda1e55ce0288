import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluate } from '@tidegate/sdk/testing';
import Workdays, { look } from '../src/index.js';

const FRIDAY = Date.UTC(2026, 0, 30, 6);
const HOUR = 3_600_000;

test('a workday is asked for once, from its hour on', () => {
  const { outcome, seen } = look({ hour: 6 }, '2026-01-29', FRIDAY);
  assert.deepEqual([outcome.tag, outcome.val[0].key, seen], ['runs', 'workday-2026-01-30', '2026-01-30']);
  assert.equal(look({ hour: 6 }, '2026-01-29', FRIDAY - 1).outcome.val, '2026-01-29 was asked for');
  assert.equal(look({ hour: 6 }, seen, FRIDAY + HOUR).outcome.val, '2026-01-30 was asked for');
});

test('a weekend is skipped, and what was asked for is remembered', () => {
  const { outcome, seen } = look({ hour: 0 }, '2026-01-30', FRIDAY + 24 * HOUR);
  assert.deepEqual([outcome.val, seen], ['2026-01-31 is a weekend', '2026-01-30']);
});

test('the cursor crosses, and a day has hours 0 to 23', async () => {
  assert.deepEqual(await evaluate(Workdays, {}, '2999-12-31'), { skip: '2999-12-31 was asked for', cursor: '2999-12-31' });
  await assert.rejects(evaluate(Workdays, { hour: 24 }), ({ val }) => val.pointer === '/hour');
});
