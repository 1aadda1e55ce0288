// Shows the first rows of each batch in the log of the run, and keeps nothing: to see what would be loaded.

import { Destination, log } from '@tidegate/sdk';

export default class Show extends Destination {
  static configSchema = {
    type: 'object',
    properties: {
      // The host keeps 100 lines of a call.
      rows: { description: 'How many rows of each batch are shown.', type: 'integer', minimum: 0, maximum: 50, default: 5 },
    },
    additionalProperties: false,
  };

  static open({ rows }, load) {
    // Batches come in order, so a repeated one is that whose token came last.
    const seen = load.staged ?? { last: null, rows: 0 };
    return Object.assign(new Show(), { shown: rows, asset: load.asset, seen });
  }

  write(batch, token) {
    if (this.seen.last === token) return;
    for (const row of batch.objects().slice(0, this.shown)) log.info(`${this.asset}: ${JSON.stringify(row, exact)}`);
    this.seen = { last: token, rows: this.seen.rows + batch.rows };
  }

  stage() {
    return this.seen;
  }

  commit() {
    return { rows: this.seen.rows, location: 'the log of the run' };
  }
}

/** JSON has no BigInt. */
const exact = (_name, value) => (typeof value === 'bigint' ? value.toString() : value);
