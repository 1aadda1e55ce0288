import assert from 'node:assert/strict';
import { test } from 'node:test';
import { column, types } from '@tidegate/sdk';
import { batch, bindTo, runWithRejects } from '@tidegate/sdk/testing';
import Tidy from '../src/index.js';

const emails = (...values) => batch({ email: column(types.utf8, values) });

test('addresses are tidied, and one without an @ is refused', () => {
  const { columns, rejects } = runWithRejects(Tidy, {}, emails(' Ann@Example.com', null, 'bob'));
  assert.deepEqual(columns, { email_tidy: ['ann@example.com', null] });
  assert.deepEqual(rejects.map(({ row, code }) => [row, code]), [[2, 'bad_email']]);
});

test('other domains are left out', () => {
  const { columns, rejects } = runWithRejects(Tidy, { domains: ['example.com'] }, emails('eve@other.org', 'ann@example.com', null));
  assert.deepEqual(columns, { email_tidy: ['ann@example.com', null] });
  assert.deepEqual(rejects, []);
});

test('a domain is told without its @', () => {
  assert.throws(() => bindTo(Tidy, { domains: ['a.org', '@b.org'] }, emails()), ({ val }) => val.pointer === '/domains/1');
});
