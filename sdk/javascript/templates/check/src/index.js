// Fails where a larger share of a column's values is missing than `most`. It looks at each column of `reads`.

import { Check, Verdict, state } from '@tidegate/sdk';

export default class Missing extends Check {
  static configSchema = {
    type: 'object',
    properties: {
      most: { description: 'The largest share of missing values that is all right.', type: 'number', minimum: 0, maximum: 1 },
    },
    required: ['most'],
    additionalProperties: false,
  };

  static bind({ most }, input) {
    const names = input.fields.map(({ name }) => name);
    return Object.assign(new Missing(), { most, names, seen: { rows: 0, missing: names.map(() => 0) } });
  }

  observe(batch) {
    this.seen.rows += batch.rows;
    this.seen.missing = this.seen.missing.map((missing, index) => missing + batch.column(index).nullCount);
  }

  snapshot() {
    return state.save(this.seen);
  }

  restore(bytes) {
    this.seen = state.load(bytes);
  }

  verdict() {
    const { rows, missing } = this.seen;
    const shares = missing.map((count) => (rows === 0 ? 0 : count / rows));
    const percent = (share) => `${(share * 100).toFixed(1)} %`;
    const bad = this.names.filter((_, index) => shares[index] > this.most).map((name) => `\`${name}\` ${percent(shares[this.names.indexOf(name)])}`);
    const message = bad.length ? `missing: ${bad.join(', ')}` : `at most ${percent(this.most)} of each column's values are missing`;
    const verdict = new Verdict(bad.length === 0, message);
    this.names.forEach((name, index) => verdict.measure(`${name}.missing`, shares[index]));
    return verdict;
  }
}
