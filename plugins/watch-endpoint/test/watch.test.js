import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { evaluate } from '@tidegate/sdk/testing';
import WatchEndpoint from '../src/index.js';

/** Runs a test against an endpoint that answers what `reply` says of a request and its number, from 0. */
async function against(reply, run) {
  const seen = [];
  const server = createServer((request, response) => {
    seen.push(request);
    const { status = 200, headers = {}, body = '' } = reply(request, seen.length - 1);
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  try {
    const url = `http://127.0.0.1:${server.address().port}/v1/orders?key=k`;
    return await run(async (config, cursor) => short(await evaluate(WatchEndpoint, { url, ...config }, cursor)), seen);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A look, its runs as `key`, or `key partition`. */
const short = ({ runs, ...look }) => ({ ...look, ...(runs ? { runs: runs.map(({ key, partition }) => [key, partition].filter(Boolean).join(' ')) } : {}) });

/** Looks at one body after the other, from cursor to cursor; answers the runs, or the reason for none, of each. */
const looks = (config, ...bodies) =>
  against((_, number) => ({ body: bodies[number] }), async (look) => {
    const all = [];
    let cursor;
    for (const _ of bodies) {
      const seen = await look(config, cursor);
      cursor = seen.cursor;
      all.push(seen.runs ?? seen.skip);
    }
    return all;
  });

const ids = (...all) => all.map((id) => ({ id }));
const byId = { items: '', key: '/id' };

test('each new item is asked for once', async () => {
  const found = await looks(byId, ids('a', 2), ids('a', 2), ids(2, 'b', 'b'), [], ids('a', 'b', 'c'));
  assert.deepEqual(found, [['a', '2'], 'none of 2 items is new', ['b'], 'none of 0 items is new', ['c']]);
});

test('items may lie deep, name a slice, and be asked for again when they change', async () => {
  const config = { items: '/data/a~1b', key: '/meta/id', updated: '/at', partition: '/day' };
  const page = (...items) => ({ data: { 'a/b': items.map(([id, at, day]) => ({ meta: { id }, at, day })) } });
  const found = await looks(config, page(['x', 1, '2024-01-01'], ['y', 1, 'd']), page(['y', 1, 'd'], ['x', 2, '2024-01-02']));
  assert.deepEqual(found, [['x@1 2024-01-01', 'y@1 d'], ['x@2 2024-01-02']]);
});

test('a first look may only remember, and a look asks for no more runs than told', async () => {
  const found = await looks({ ...byId, first_look: 'remember', runs_per_look: 2 }, ids(1, 2, 3), ids(1, 2, 3, 4, 5, 6), ids(1, 2, 3, 4, 5, 6));
  assert.deepEqual(found, ['the first look: 3 items are remembered', ['4', '5'], ['6']]);
});

test('with an order, what is larger is new, whatever the list shows', async () => {
  const item = (id, at) => ({ id, at });
  const config = { items: '', key: '/id', order: '/at', runs_per_look: 2 };
  const pages = [[item('c', 3), item('a', 1), item('b', 2)], [item('c', 3), item('d', 3), item('a', 1)], [item('e', 10), item('d', 3)], [item('d', 3)]];
  assert.deepEqual(await looks(config, ...pages), [['a', 'b'], ['c', 'd'], ['e'], 'none of 1 items is new']);
  const numbers = ['9007199254740993', '9007199254740992', '99999999999999999999'].map((id) => `{"id": ${id}}`);
  const large = await looks({ ...byId, order: '/id' }, `[${numbers.slice(0, 2)}]`, `[${numbers}]`);
  assert.deepEqual(large, [['9007199254740992', '9007199254740993'], ['99999999999999999999']]);
  const texts = ids('9', '10', '2024-01-01').map(({ id }) => [{ id }]);
  assert.deepEqual(await looks({ ...byId, order: '/id' }, ...texts), [['9'], ['10'], ['2024-01-01']]);
  const first = await looks({ ...config, first_look: 'remember' }, pages[0], pages[1]);
  assert.deepEqual(first, ['the first look: 3 items are remembered', ['d']]);
});

test('a value that changes is asked for, also when it comes back', async () => {
  const documents = [{ a: 1, b: [2] }, '{"b":[2],"a":1}', { a: 2, b: [2] }, { a: 1, b: [2] }];
  const found = await looks({}, ...documents);
  const [first, second, third] = [found[0][0], found[2][0], found[3][0]];
  assert.match(first, /^change-1-[0-9a-f]{32}$/);
  assert.equal(found[1], 'the value is what it was');
  assert.match(second, /^change-2-/);
  assert.equal(third, first.replace('change-1', 'change-3'));
  const config = { key: '/version', partition: '/day', first_look: 'remember' };
  const some = await looks(config, { version: 1 }, { version: 1, x: 1 }, { version: 2, day: '2024-01-01' });
  assert.equal(some[0], 'the first look: the value is remembered');
  assert.equal(some[1], 'the value is what it was');
  assert.match(some[2][0], /^change-1-\w+ 2024-01-01$/);
});

test('an endpoint with entity tags is asked whether anything changed', async () => {
  const reply = ({ headers }) =>
    headers['if-none-match'] === 'W/"1"' ? { status: 304 } : { headers: { etag: 'W/"1"' }, body: ids(1, 2) };
  await against(reply, async (look, seen) => {
    const half = await look({ ...byId, runs_per_look: 1 });
    // What is left is asked for at the next look, which has to be given the list again.
    const rest = await look({ ...byId, runs_per_look: 1 }, half.cursor);
    assert.deepEqual([half.runs, rest.runs], [['1'], ['2']]);
    const third = await look(byId, rest.cursor);
    assert.deepEqual(third, { skip: 'nothing changed, says the endpoint (304)', cursor: rest.cursor });
    // Another URL, or other pointers: the tag says nothing of them.
    const elsewhere = await look({ ...byId, url: `http://${seen[0].headers.host}/v2` }, rest.cursor);
    assert.equal(elsewhere.skip, 'none of 2 items is new');
    assert.deepEqual((await look({ items: '', key: '' + '/id', updated: '/id' }, rest.cursor)).runs, ['1@1', '2@2']);
    assert.deepEqual(seen.map(({ headers }) => headers['if-none-match']), [undefined, undefined, 'W/"1"', undefined, undefined]);
    assert.equal(seen[0].headers.accept, 'application/json');
  });
});

test('what is remembered has its bounds', async () => {
  const many = (from, count) => ids(...Array.from({ length: count }, (_, index) => `${from + index}`.padStart(100, '-')));
  await against((_, number) => ({ body: many(number * 400, 400) }), async (look) => {
    let cursor;
    for (let round = 0; round < 3; round++) {
      const seen = await look({ ...byId, runs_per_look: 1000 }, cursor);
      assert.equal(seen.runs.length, 400);
      cursor = seen.cursor;
      assert.ok(JSON.stringify(cursor).length < 64 << 10);
    }
    assert.equal(cursor.ids.length, Math.floor((48 << 10) / 103));
  });
  const fault = looks({ ...byId, runs_per_look: 1000 }, many(0, 500));
  await assert.rejects(fault, /500 items cannot be remembered: give `order`/);
});

test('names that the host would not take become digests', async () => {
  const [runs] = await looks(byId, ids('x'.repeat(256), 'a\nb', 'x'.repeat(255)));
  assert.match(runs[0], /^sha256-[0-9a-f]{32}$/);
  assert.match(runs[1], /^sha256-/);
  assert.equal(runs[2], 'x'.repeat(255));
});

test('answers that cannot be used are faults', async () => {
  const fault = async (reply, config = byId) => {
    const { tag, val } = await against(() => reply, (look) => look(config).then(assert.fail, (thrown) => thrown));
    return [tag, val.message ?? val, val.pointer ?? val.afterMs];
  };
  const place = /^http:\/\/127.0.0.1:\d+\/v1\/orders answered 503$/;
  for (const [header, wait] of [['7', 7_000n], ['Thu, 01 Jan 1970 00:00:00 GMT', 0n], ['soon', undefined]]) {
    const [tag, message, afterMs] = await fault({ status: 503, headers: { 'retry-after': header } });
    assert.deepEqual([tag, place.test(message), afterMs], ['retryable', true, wait]);
  }
  assert.equal((await fault({ status: 429 }))[0], 'retryable');
  assert.deepEqual(await fault({ status: 404 }), ['invalid-config', 'the endpoint answered 404', '/url']);
  assert.match((await fault({ status: 302, headers: { location: '/x' } }))[1], /302; redirects are not followed/);
  assert.match((await fault({ status: 401 }))[1], /401; credentials come from `headers`/);
  assert.equal((await fault({ status: 304 }))[0], 'invalid-config');
  assert.deepEqual(await fault({ body: 'secret' }), ['invalid-data', 'the answer is not JSON', undefined]);
  assert.match((await fault({ body: {} }))[1], /no list at ``/);
  assert.match((await fault({ body: [{ id: 1 }, { id: null }] }))[1], /the item 1 of `` has neither text nor a number at `\/id`/);
  assert.match((await fault({ body: ids(1) }, { ...byId, partition: '/day' }))[1], /the item 0 of `` names no slice at `\/day`/);
  assert.match((await fault({ body: ids(1) }, { ...byId, order: '/at' }))[1], /nothing to order it by at `\/at`/);
  assert.match((await fault({ body: [{ id: 1 }, { id: 'x' }] }, { ...byId, order: '/id' }))[1], /numbers in some items/);
  assert.match((await fault({ body: {} }, { key: '/x' }))[1], /nothing at `\/x`/);
});

test('an endpoint that is not there may be later', async () => {
  const fault = await evaluate(WatchEndpoint, { url: 'http://127.0.0.1:1/x' }).then(assert.fail, (thrown) => thrown);
  assert.deepEqual([fault.tag, fault.val.message.split(':').slice(0, 3).join(':')], ['retryable', 'http://127.0.0.1:1/x cannot be read']);
});

test('wrong configs are refused at their place', async () => {
  for (const [config, pointer] of [
    [{ url: 'ftp://x' }, '/url'],
    [{ items: 'data' }, '/items'],
    [{ items: '/data' }, '/key'],
    [{ order: '/at' }, '/order'],
    [{ updated: '/at' }, '/updated'],
    [{ runs_per_look: 1001 }, '/runs_per_look'],
    [{ first_look: 'no' }, '/first_look'],
  ]) {
    await assert.rejects(evaluate(WatchEndpoint, { url: 'http://x', ...config }), ({ val }) => val.pointer === pointer, pointer);
  }
});
