// What the author of a destination writes, and what the component exports of it.

import { Batch } from './batch.js';
import { configOf } from './config.js';
import { Fault, crossing } from './fault.js';
import * as state from './state.js';
import { settle } from './settle.js';
import { fromSchema } from './types.js';

/**
 * Writes batches somewhere, and shows all of a load at once or none. The object itself is the writer of one load. Every
 * method may be async.
 *
 * The host calls `check` at any time; `open`, then `write` for each batch with `stage` between them, then `commit` or
 * `abort`.
 */
export class Destination {
  /** The JSON Schema of what `config` of the resource and the asset's `destination` hold. */
  static configSchema = { type: 'object', additionalProperties: false };

  /** Whether the config is right and the other side can be reached with it; throws a Fault where not. */
  static check(_config) {}

  /**
   * Opens a writer. Nothing that it does before `commit` may be seen by a reader, unless the other side has no way to hide
   * it, such as a webhook; the tokens keep a repeat from doubling it.
   * @param {any} _config @param {Load} _load @returns {Destination | Promise<Destination>}
   */
  static open(_config, _load) {
    throw Fault.fatal('the destination has no `open`');
  }

  /** Takes a batch. The same token means the same rows, and a repeated one must change nothing. */
  write(_batch, _token) {
    throw Fault.fatal('the destination has no `write`');
  }

  /**
   * Makes all that was written durable, still unseen, and answers what a writer of the same load needs to go on from
   * here: any JSON, of 64 KiB at most. Undefined where the other side cannot hold back what was written: a later attempt
   * then writes the load from its first batch, with the same tokens.
   */
  stage() {
    return undefined;
  }

  /** Shows the load. Repeating it must change nothing. @returns {Receipt | Promise<Receipt>} */
  commit() {
    throw Fault.fatal('the destination has no `commit`');
  }

  /** Forgets the load. */
  abort() {}
}

/**
 * What was loaded: how many rows, how many bytes as stored where that is known, and where it lies, for people.
 * @typedef {{rows: number, bytes?: number, location: string}} Receipt
 */

/** What will be written. */
export class Load {
  constructor({ asset, partition, mode, schema, key, token, staged, epoch }) {
    this.asset = asset;
    /** For which slice; undefined for an asset without. */
    this.partition = partition === '' ? undefined : partition;
    /** How it meets what lies there: `append`, `upsert`, `replace` or `replace-partition`. */
    this.mode = mode;
    /** The columns of every batch. */
    this.fields = fromSchema(schema);
    /** The columns that name a row. */
    this.key = key;
    /** Names the load: a load under a token that was committed already changes nothing. */
    this.token = token;
    /** What `stage` of an earlier attempt at this load answered last; undefined at the first. */
    this.staged = state.load(staged);
    /** The attempt's fence, a BigInt: a destination that has seen a higher one for this asset and slice must refuse. */
    this.epoch = BigInt(epoch);
  }
}

/** What the component of a destination exports. @param {typeof Destination} Author */
export function destinationExports(Author) {
  const config = (text) => configOf(text, Author.configSchema);

  class Writer {
    #destination;
    #fields;

    constructor(destination, fields) {
      this.#destination = destination;
      this.#fields = fields;
    }

    static open(request) {
      const load = new Load(request);
      return settle(Author.open(config(request.config), load), (destination) => new Writer(destination, load.fields));
    }

    write(held, token) {
      return settle(this.#destination.write(new Batch(held, this.#fields), token), () => undefined);
    }

    stage() {
      return settle(this.#destination.stage(), (staged) => (staged === undefined ? undefined : state.save(staged)));
    }

    commit() {
      return settle(this.#destination.commit(), ({ rows, bytes, location }) => ({
        rowCount: BigInt(rows),
        byteCount: bytes === undefined ? undefined : BigInt(bytes),
        location,
      }));
    }

    abort() {
      return settle(this.#destination.abort(), () => undefined);
    }
  }
  Writer.open = crossing(Writer.open);
  for (const call of ['write', 'stage', 'commit', 'abort']) Writer.prototype[call] = crossing(Writer.prototype[call]);
  return { check: crossing((text) => settle(Author.check(config(text)), () => undefined)), Writer };
}
