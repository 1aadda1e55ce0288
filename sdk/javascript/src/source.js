// What the author of a source writes, and what the component exports of it.

import { Column } from './column/column.js';
import { toWit } from './column/kinds.js';
import { configOf } from './config.js';
import { Fault, crossing } from './fault.js';
import * as state from './state.js';
import { settle } from './settle.js';
import { toSchema } from './types.js';

/**
 * Reads batches from somewhere. The object itself is the reader of one stream. Every method may be async.
 *
 * The host calls `check` and `discover` at any time; `open`, then `next` until it answers nothing. Reading the same
 * stream from the same cursor must give the same rows in the same order, as long as the other side keeps them.
 */
export class Source {
  /** The JSON Schema of what `config` of the resource and the asset's `source` hold. */
  static configSchema = { type: 'object', additionalProperties: false };

  /** Whether the config is right and the other side can be reached with it; throws a Fault where not. */
  static check(_config) {}

  /** What can be read. @returns {Stream[] | Promise<Stream[]>} */
  static discover(_config) {
    throw Fault.fatal('the source has no `discover`');
  }

  /** Opens a reader. @param {any} _config @param {Request} _request @returns {Source | Promise<Source>} */
  static open(_config, _request) {
    throw Fault.fatal('the source has no `open`');
  }

  /** The next rows, `maxRows` at most; undefined at the end. @returns {Chunk | undefined | Promise<Chunk | undefined>} */
  next(_maxRows) {
    throw Fault.fatal('the source has no `next`');
  }
}

/** Something that can be read. */
export class Stream {
  /** A stream of these columns, read whole each time. @param {string} name @param {import('./types.js').Field[]} fields */
  constructor(name, fields) {
    this.name = name;
    this.fields = fields;
    this.about = undefined;
    this.keys = [];
    this.resumed = false;
  }

  /** What a row of it is. */
  description(text) {
    this.about = text;
    return this;
  }

  /** The columns that name a row. */
  key(...names) {
    this.keys = names;
    return this;
  }

  /** It can be read from a cursor on. */
  incremental() {
    this.resumed = true;
    return this;
  }

  toWit() {
    return { name: this.name, description: this.about, schema: toSchema(this.fields), key: this.keys, incremental: this.resumed };
  }
}

/** What to read. */
export class Request {
  constructor({ stream, columns, cursor, partition }) {
    this.stream = stream;
    /** The columns wanted, by name. A chunk may have more, in any order; these are taken from it. */
    this.columns = columns;
    /** Go on behind this cursor, made by this source; undefined from the start. */
    this.cursor = state.load(cursor);
    /** Read only this slice, `startMs <= instant < endMs`, in milliseconds since 1970-01-01T00:00:00Z. */
    this.partition = partition && { key: partition.key, startMs: Number(partition.startMs), endMs: Number(partition.endMs) };
  }

  /** Whether a column is wanted: one that is costly to read need not be read otherwise. */
  wants(column) {
    return this.columns.includes(column);
  }

  /** A fault for a stream that this source has not. */
  unknownStream(streams) {
    return Fault.config('/stream', `there is no stream \`${this.stream}\`; there are ${streams.join(', ')}`);
  }
}

/** Rows, and where the reader stands behind them. */
export class Chunk {
  /**
   * @param {Record<string, Column>} columns At least the columns asked for, by name.
   * @param {unknown} cursor Any JSON, of 64 KiB at most: reading on from it gives the row behind the last. It is kept from
   *   run to run, so that a later version of the plugin must still read it.
   */
  constructor(columns, cursor) {
    this.columns = columns;
    this.cursor = cursor;
    const lengths = new Set(Object.values(columns).map(({ length }) => length));
    if (lengths.size !== 1) throw Fault.fatal(`a chunk has columns of ${[...lengths].join(' and ') || 'no'} rows`);
    [this.rows] = lengths;
  }

  toWit(request) {
    const columns = request.columns.map((name) => {
      const column = this.columns[name];
      if (!(column instanceof Column)) throw Fault.fatal(`a chunk lacks the column \`${name}\``);
      return toWit(column);
    });
    return { rowCount: this.rows, columns, cursor: state.save(this.cursor) };
  }
}

/** What the component of a source exports. @param {typeof Source} Author */
export function sourceExports(Author) {
  const config = (text) => configOf(text, Author.configSchema);

  class Reader {
    #source;
    #request;

    constructor(source, request) {
      this.#source = source;
      this.#request = request;
    }

    static open(asked) {
      const request = new Request(asked);
      return settle(Author.open(config(asked.config), request), (source) => new Reader(source, request));
    }

    next(maxRows) {
      return settle(this.#source.next(maxRows), (chunk) => chunk?.toWit(this.#request));
    }
  }
  Reader.open = crossing(Reader.open);
  Reader.prototype.next = crossing(Reader.prototype.next);
  return {
    check: crossing((text) => settle(Author.check(config(text)), () => undefined)),
    discover: crossing((text) => settle(Author.discover(config(text)), (streams) => streams.map((stream) => stream.toWit()))),
    Reader,
  };
}
