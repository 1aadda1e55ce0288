import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discover, read, readFromEachCursor } from '@tidegate/sdk/testing';
import Calendar from '../src/index.js';

const CONFIG = { from: '2026-01-30', to: '2026-02-03' };

test('each day is a row, from whichever cursor', async () => {
  const { rows } = await readFromEachCursor(Calendar, CONFIG, 'days', { maxRows: 2 });
  assert.deepEqual(rows.map(({ weekday }) => weekday), [5, 6, 7, 1, 2]);
  assert.deepEqual(rows[1], { day: 20484, year: 2026, month: 1, weekday: 6, weekend: true });
});

test('a slice has the days that begin in it', async () => {
  const partition = { key: '2026-02', startMs: Date.UTC(2026, 1, 1), endMs: Date.UTC(2026, 2, 1) };
  const { rows } = await read(Calendar, CONFIG, 'days', { partition, columns: ['month'] });
  assert.deepEqual(rows, [{ month: 2 }, { month: 2 }, { month: 2 }]);
});

test('a span that is none is refused', async () => {
  await assert.rejects(discover(Calendar, { from: '2026-02-03', to: '2026-01-30' }), /2026-01-30 is before 2026-02-03/);
  await assert.rejects(discover(Calendar, { from: '2026-02-31', to: '2026-03-30' }), ({ val }) => val.pointer === '/from');
});
