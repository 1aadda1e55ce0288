import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bits, Fault, Output, Processed, Shape, Transform, column, made, passed, types } from '@tidegate/sdk';
import { batch, bindTo, run, runWithRejects } from '@tidegate/sdk/testing';

class Scale extends Transform {
  static configSchema = { type: 'object', properties: { factor: { type: 'number' } }, required: ['factor'], additionalProperties: false };

  static bind({ factor }, input) {
    input.expectColumns(1, 'the amount');
    input.expect(0, types.float64);
    return Object.assign(new Scale(), { factor });
  }

  shape() {
    return Shape.beside(made('scaled', types.float64).from(0), passed(0, 'amount'));
  }

  process(rows) {
    const amounts = rows.column(0);
    const done = new Processed(Output.all([column(types.float64, amounts.values.map((value) => value * this.factor), amounts)]));
    amounts.values.forEach((value, row) => value < 0 && done.reject(row, 'amount.negative', 'an amount cannot be negative'));
    return done;
  }
}

const amounts = (...values) => batch({ amount: column(types.float64, values) });

test('made columns stand beside passed ones', () => {
  assert.deepEqual(run(Scale, { factor: 10 }, amounts(1, null)).columns, { scaled: [10, null], amount: [1, null] });
});

test('a refused row goes on in no output', () => {
  const { columns, rejects, rows } = runWithRejects(Scale, { factor: 2 }, amounts(1, -1, 3));
  assert.deepEqual(columns, { scaled: [2, 6], amount: [1, 3] });
  assert.deepEqual(rejects, [{ row: 1, code: 'amount.negative', message: 'an amount cannot be negative' }]);
  assert.equal(rows, 2);
  assert.throws(() => run(Scale, { factor: 2 }, amounts(-1)), /row 0 was refused: amount.negative/);
});

test('what is wrong with config and columns is said before data moves', () => {
  assert.throws(() => bindTo(Scale, { factor: 'x' }, amounts(1)), ({ tag, val }) => tag === 'invalid-config' && val.pointer === '/factor');
  const names = batch({ name: column(types.utf8, ['a']) });
  assert.throws(() => bindTo(Scale, { factor: 1 }, names), /the column `name` must be float64, and is utf8/);
  const two = batch({ a: column(types.float64, []), b: column(types.float64, []) });
  assert.throws(() => bindTo(Scale, { factor: 1 }, two), /`reads` must name 1 columns \(the amount\), and names 2/);
});

/** A transform of one function. */
const once = (shape, process) =>
  class extends Transform {
    shape() {
      return shape;
    }
    process(rows) {
      return process(rows);
    }
  };

test('rows are kept by bits, by booleans and by a column of them', () => {
  const given = batch({ n: column(types.int32, [1, 2, 3]) });
  const keeps = [Bits.where(3, (row) => row !== 1), [true, false, true], column(types.boolean, [true, null, true])];
  for (const keep of keeps) {
    const Keep = once(Shape.beside(made('m', types.int32)), (rows) => Output.keep(keep, [column(types.int32, rows.column(0).values)]));
    assert.deepEqual(run(Keep, {}, given).columns, { m: [1, 3] });
  }
});

test('rows are taken by index, in any order and more than once', () => {
  const Take = once(Shape.beside(passed(0, 'n'), made('m', types.utf8)), () => Output.take([2, 0, 2], [column(types.utf8, ['c', 'a', 'c'])]));
  assert.deepEqual(run(Take, {}, batch({ n: column(types.int32, [1, 2, 3]) })).columns, { n: [3, 1, 3], m: ['c', 'a', 'c'] });
});

class Sum extends Transform {
  total = 0n;
  shape() {
    return Shape.instead(made('total', types.int64).from(0).required());
  }
  process(rows) {
    for (const value of rows.column(0)) this.total += value ?? 0n;
    return Processed.nothing().absorbing();
  }
  finish() {
    return [Output.rows(1, [column(types.int64, [this.total])])];
  }
  snapshot() {
    return new TextEncoder().encode(String(this.total));
  }
  restore(state) {
    this.total = BigInt(new TextDecoder().decode(state));
  }
}

test('state outlives an instance, exact beyond 2^53', () => {
  const given = batch({ n: column(types.int64, [2n ** 60n, null, 1n]) });
  const first = bindTo(Sum, {}, given);
  assert.deepEqual(first.process(given), { rows: 0, columns: { total: [] }, rejects: [], rest: 'absorbed' });
  const second = bindTo(Sum, {}, given);
  second.restore(first.snapshot());
  assert.deepEqual(second.finish().columns, { total: [2n ** 60n + 1n] });
});

test('mistakes of the plugin are faults that name them', () => {
  const given = amounts(1);
  const shape = Shape.beside(made('m', types.float64));
  const wrong = [
    [once(shape, () => Output.all()), /an output has 0 columns, and the shape makes 1/],
    [once(shape, () => undefined), /neither an Output nor a Processed/],
    [once(shape, (rows) => rows.column(1)), /column 1 was asked for, and 1 are granted/],
    [once(shape, () => nowhere.to.be.found), /ReferenceError: nowhere is not defined/],
    [Transform, /no `shape`/],
  ];
  for (const [Author, message] of wrong) assert.throws(() => run(Author, {}, given), (fault) => fault instanceof Fault && fault.tag === 'fatal' && message.test(fault.message));
  assert.throws(() => bindTo(Scale, { factor: 1 }, given).restore(new Uint8Array(1)), /keeps no state/);
  assert.throws(() => run(once(shape, () => Output.all([column(types.float64, [1, 2])])), {}, given), /it has 2 values and must have 1/);
});

test('a cause that may pass carries how long to wait', () => {
  const Late = once(Shape.rowsOnly(), () => {
    throw Fault.retryable('busy', 1500.2);
  });
  assert.throws(() => run(Late, {}, amounts(1)), ({ tag, val }) => tag === 'retryable' && val.afterMs === 1501n && val.message === 'busy');
});

test('a transform may be async, and its faults cross as well', async () => {
  const shape = Shape.beside(made('m', types.float64));
  const Slow = once(shape, async (rows) => Output.all([rows.column(0)]));
  assert.deepEqual((await run(Slow, {}, amounts(1, null))).columns, { m: [1, null] });
  const Fails = once(shape, async () => {
    throw Fault.data('no');
  });
  await assert.rejects(run(Fails, {}, amounts(1)), ({ tag }) => tag === 'invalid-data');
});

test('every kind of value can be handed on as it came, though its buffers are of another global object', () => {
  const given = {
    bytes: column(types.binary, [Uint8Array.of(1), null]),
    fixed: column(types.fixedBinary(1), [Uint8Array.of(1), null]),
    small: column(types.uint8, [255, null]),
    big: column(types.int64, [2n ** 60n + 1n, null]),
    flags: column(types.boolean, [true, null]),
    nested: column(types.list(types.binary), [[Uint8Array.of(1), null], null]),
  };
  for (const [name, one] of Object.entries(given)) {
    for (const before of [{}, { before: column(types.int8, [1, 2]) }]) {
      const at = Object.keys(before).length;
      const Echo = once(Shape.beside(made('echo', one.type)), (rows) => Output.all([column(one.type, rows.column(at).toArray())]));
      const { echo } = run(Echo, {}, batch({ ...before, [name]: one })).columns;
      assert.deepEqual(echo.map(plain), one.toArray().map(plain), name);
    }
  }
});

/** Bytes as an array of numbers, so that two global objects' classes compare. */
const plain = (value) => (ArrayBuffer.isView(value) ? [...value] : Array.isArray(value) ? value.map(plain) : value);
