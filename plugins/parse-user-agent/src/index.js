// Parses user agents: `reads: [user_agent]` of utf8, `writes` the columns of the config.

import { Bits, Output, Shape, Transform, column, made, types } from '@tidegate/sdk';
import { parse } from './parse.js';

/** What can be written, and its type. */
const COLUMNS = {
  browser: types.utf8,
  browser_version: types.utf8,
  os: types.utf8,
  os_version: types.utf8,
  device: types.utf8,
  bot: types.boolean,
};

/** Texts whose answer is remembered. Few texts make up most of a day's visits; at some hundred bytes each this is a few
 * MiB. When it is full it starts anew. */
const REMEMBERED_TEXTS = 10_000;

export default class ParseUserAgent extends Transform {
  static configSchema = {
    type: 'object',
    properties: {
      columns: {
        description: 'What is written, in this order.',
        type: 'array',
        items: { enum: Object.keys(COLUMNS) },
        minItems: 1,
        default: Object.keys(COLUMNS),
      },
      prefix: {
        description: 'Stands before the name of each column written.',
        type: 'string',
        pattern: '^[a-z0-9_]*$',
        default: '',
      },
      drop_bots: { description: 'Whether rows of robots are left out.', type: 'boolean', default: false },
    },
    additionalProperties: false,
  };

  #remembered = new Map();

  static bind(config, input) {
    input.expectColumns(1, 'the user agent');
    input.expect(0, types.utf8);
    return Object.assign(new ParseUserAgent(), { config });
  }

  shape() {
    const { columns, prefix } = this.config;
    return Shape.beside(...columns.map((name) => made(prefix + name, COLUMNS[name]).from(0)));
  }

  process(batch) {
    const agents = batch.column(0).strings().map((text) => (text === null ? null : this.#parsed(text)));
    const written = this.config.columns.map((name) => column(COLUMNS[name], agents.map((agent) => agent?.[name] ?? null)));
    if (!this.config.drop_bots) return Output.all(written);
    return Output.keep(Bits.where(batch.rows, (row) => agents[row]?.bot !== true), written);
  }

  #parsed(text) {
    let agent = this.#remembered.get(text);
    if (agent === undefined) {
      if (this.#remembered.size >= REMEMBERED_TEXTS) this.#remembered.clear();
      agent = parse(text);
      this.#remembered.set(text, agent);
    }
    return agent;
  }
}
