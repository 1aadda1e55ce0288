import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bits, Fault, column, types } from '@tidegate/sdk';
import { fromWit, toWit } from '../src/column/kinds.js';
import { lift } from '../src/testing/lift.js';

const bytes = (...values) => Uint8Array.from(values);
const at = new Date('2026-11-22T14:00:00.125Z');

const KINDS = [
  [types.boolean, [true, null, false]],
  [types.int8, [-128, null, 127]],
  [types.int16, [-32768, null, 32767]],
  [types.int32, [-(2 ** 31), null, 2 ** 31 - 1]],
  [types.int64, [-(2n ** 63n), null, 2n ** 60n + 1n]],
  [types.uint8, [0, null, 255]],
  [types.uint16, [0, null, 65535]],
  [types.uint32, [0, null, 2 ** 32 - 1]],
  [types.uint64, [0n, null, 2n ** 64n - 1n]],
  [types.float32, [-1.5, null, 0.25]],
  [types.float64, [-1.1, null, Number.MAX_VALUE]],
  [types.decimal(38, 2), [-(10n ** 38n) + 1n, null, 1234n]],
  [types.decimal(76, 10), [-(10n ** 76n) + 1n, null, 10n ** 76n - 1n]],
  [types.utf8, ['', null, 'Grüße, 世界 🌊', '\ufeffmarked']],
  [types.binary, [bytes(), null, bytes(0, 255)]],
  [types.fixedBinary(2), [bytes(1, 2), null, bytes(3, 4)]],
  [types.date32, [-1, null, 20_000]],
  [types.time64('us'), [0n, null, 86_399_999_999n]],
  [types.timestamp('ns', 'Europe/London'), [-1n, null, 2n ** 62n]],
  [types.duration('s'), [-5n, null, 5n]],
  [types.list(types.int64), [[], null, [1n, null, 2n ** 60n + 1n]]],
  [types.struct({ city: types.utf8, at: types.list(types.float64) }), [{ city: 'Bergen', at: [1, 2] }, null, { city: null, at: null }]],
  [types.map(types.utf8, types.decimal(4, 1)), [new Map(), null, new Map([['a', 15n], ['b', null]])]],
];

for (const [type, values] of KINDS) {
  test(`${types.name(type)} crosses as it is, at any address, with and without missing values`, () => {
    const long = Array.from({ length: 70 }, (_, index) => values[index % values.length]);
    for (const some of [values, long, values.filter((value) => value !== null), values.map(() => null), []]) {
      const crossed = toWit(column(type, some));
      const moved = { nodes: crossed.nodes, buffers: crossed.buffers.map(atOddAddress) };
      for (const { nodes, buffers } of [crossed, moved]) {
        const back = lift(types.field('it', type), { nodes, buffers }, some.length);
        assert.deepEqual(back.toArray(), some);
        assert.deepEqual([...back], some);
        assert.equal(back.nullCount, some.filter((value) => value === null).length);
        assert.deepEqual(toWit(back), crossed);
      }
    }
  });

  test(`the contract's form of ${types.name(type)} is read back`, () => {
    const fields = [types.field('first', type, false), types.field('second', types.utf8)];
    assert.deepEqual(types.fromSchema(types.toSchema(fields)), fields);
  });
}

function atOddAddress(buffer) {
  const room = new Uint8Array(buffer.length + 1);
  room.set(buffer, 1);
  return room.subarray(1);
}

test('an array without rows may come without offsets', () => {
  const nothing = { nodes: [{ rowCount: 0, nullCount: 0 }], buffers: [bytes(), bytes(), bytes()] };
  assert.deepEqual(fromWit(types.utf8, nothing).toArray(), []);
  assert.deepEqual(toWit(fromWit(types.utf8, nothing)).buffers[1].length, 4);
});

test('typed arrays and bits are taken as they are', () => {
  const values = BigInt64Array.of(2n ** 60n + 1n, 0n);
  assert.equal(column(types.int64, values).values, values);
  const validity = new Bits(2);
  validity.set(0);
  assert.deepEqual(column(types.int64, values, validity).toArray(), [2n ** 60n + 1n, null]);
  assert.deepEqual(column(types.float64, Float64Array.of(1, 2), column(types.utf8, ['a', null])).toArray(), [1, null]);
  assert.deepEqual(column(types.boolean, validity).toArray(), [true, false]);
  assert.throws(() => column(types.float64, Float64Array.of(1), validity), /2 bits was given for 1 values/);
});

test('what a type cannot hold exactly is refused', () => {
  const wrong = [
    [types.int8, 128],
    [types.uint32, -1],
    [types.int32, 1.5],
    [types.int32, '5'],
    [types.int64, 1.5],
    [types.int64, 2n ** 63n],
    [types.int64, ''],
    [types.uint64, -1n],
    [types.float64, '1'],
    [types.boolean, 1],
    [types.utf8, 5],
    [types.binary, 'text'],
    [types.fixedBinary(2), bytes(1)],
    [types.decimal(4, 2), '123.45'],
    [types.decimal(4, 2), '1.234'],
    [types.decimal(4, 2), 1.5],
    [types.struct({ a: types.int8 }), 5],
  ];
  for (const [type, value] of wrong) assert.throws(() => column(type, [value]), Fault, `${types.name(type)} of ${value}`);
});

test('whole numbers, texts and dates are taken where they are exact', () => {
  assert.deepEqual(column(types.int64, [5, '1152921504606846977']).toArray(), [5n, 2n ** 60n + 1n]);
  assert.deepEqual(column(types.decimal(9, 2), ['-12.3', '0', '12.340']).toArray(), [-1230n, 0n, 1234n]);
  assert.equal(column(types.decimal(9, 2), [-1230n]).text(0), '-12.30');
  assert.equal(column(types.decimal(9, 2), [-5n]).text(0), '-0.05');
  assert.deepEqual(column(types.timestamp('us', 'UTC'), [at]).toArray(), [BigInt(at.getTime()) * 1000n]);
  assert.deepEqual(column(types.timestamp('s'), [new Date(-1)]).toArray(), [-1n]);
  assert.deepEqual(column(types.date32, [new Date('1969-12-31T23:00:00Z')]).toArray(), [-1]);
});

test('texts are the same one by one and all at once, over many rows', () => {
  const texts = Array.from({ length: 2000 }, (_, row) => (row % 7 === 0 ? null : row > 900 && row < 910 ? `naïve ${row}` : `row ${row}`));
  const made = column(types.utf8, texts);
  const one = fromWit(types.utf8, toWit(made));
  assert.deepEqual(Array.from({ length: 2000 }, (_, row) => one.get(row)), texts);
  assert.deepEqual(one.strings(), texts);
  assert.equal(one.get(905), 'naïve 905');
});

test('half a pair at the end of one text does not meet the other half in the next', () => {
  const crossed = toWit(column(types.utf8, ['\ud83c', '\udf0a']));
  assert.deepEqual(lift(types.field('it', types.utf8), crossed, 2).toArray(), ['\ufffd', '\ufffd']);
});

test('bits are counted whatever their number and address', () => {
  for (const length of [0, 1, 7, 8, 9, 31, 32, 33, 64, 65, 1000]) {
    const bits = Bits.where(length, (row) => (row * 7919) % 5 < 2);
    const expected = Array.from({ length }, (_, row) => bits.get(row)).filter(Boolean).length;
    assert.equal(bits.count(), expected);
    assert.equal(new Bits(length, atOddAddress(bits.bytes)).count(), expected);
    assert.equal(new Bits(length, Bits.ones(length).bytes).count(), length);
  }
});
