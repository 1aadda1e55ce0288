// Batches of a test, as the host holds them.

import vm from 'node:vm';
import { toWit } from '../column/kinds.js';
import { field } from '../types.js';

/** A batch of rows in a test: made with `batch`. */
export class HeldBatch {
  /** @param {Record<string, import('../column/column.js').Column>} columns */
  constructor(columns) {
    this.columns = Object.values(columns);
    this.fields = Object.entries(columns).map(([name, { type }]) => field(name, type));
    const lengths = new Set(this.columns.map(({ length }) => length));
    if (lengths.size > 1) throw new Error(`the columns of a batch have ${[...lengths].join(' and ')} rows`);
    this.rows = this.columns[0]?.length ?? 0;
  }

  rowCount() {
    return this.rows;
  }

  column(index) {
    const { nodes, buffers } = toWit(this.columns[index]);
    return { nodes, buffers: buffers.map((bytes) => crossed(bytes, index % 2)) };
  }
}

/** A batch of these columns: `batch({amount: column(types.float64, [1, null])})`. */
export const batch = (columns) => new HeldBatch(columns);

/** The class of buffers that cross in a component: that of another global object. */
const Crossing = vm.runInNewContext('Uint8Array');

/** A copy as it crosses, every other one at an address where nothing but bytes may stand: the sandbox promises no better. */
function crossed(bytes, odd) {
  const room = new Crossing(bytes.length + odd);
  room.set(bytes, odd);
  return room.subarray(odd);
}
