import assert from 'node:assert/strict';
import { test } from 'node:test';
import { column, types } from '@tidegate/sdk';
import { batch, load } from '@tidegate/sdk/testing';
import Show from '../src/index.js';

test('each batch counts once, though it comes twice', async () => {
  const batches = [[1n, 2n], [3n]].map((ids) => batch({ id: column(types.int64, ids) }));
  assert.deepEqual(await load(Show, { rows: 1 }, batches), { rows: 3, bytes: undefined, location: 'the log of the run' });
});

test('no more rows are shown than the host keeps lines', async () => {
  await assert.rejects(load(Show, { rows: 51 }, []), ({ val }) => val.pointer === '/rows');
});
