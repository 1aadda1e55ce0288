// What the author of a transform writes, and what the component exports of it.

import { Batch, Input } from './batch.js';
import { configOf } from './config.js';
import { Fault, crossing } from './fault.js';
import { Output, Processed } from './output.js';
import { settle } from './settle.js';
import { fromSchema } from './types.js';

/**
 * Turns batches into batches. Extend it, give `configSchema`, `bind`, `shape` and `process`, and export the class as
 * default.
 *
 * The host calls `bind` and `shape`, then maybe `restore`, then `process` for each batch with `snapshot` between them,
 * then `finish`. Calls never overlap. The same input in the same state must give the same output. `process` and `finish`
 * may be async.
 */
export class Transform {
  /** The JSON Schema of the config. */
  static configSchema = { type: 'object', additionalProperties: false };

  /**
   * Binds a config, which keeps to the schema, to the granted columns. Look here for everything that can be wrong:
   * `tidegate check` calls it before any data moves.
   * @param {any} config @param {Input} input @returns {Transform}
   */
  static bind(config, input) {
    return new this(config, input);
  }

  /** What this transform does to the stream. @returns {import('./shape.js').Shape} */
  shape() {
    throw Fault.fatal('the transform has no `shape`');
  }

  /** One batch. @param {Batch} _batch @returns {Processed | Output | Promise<Processed | Output>} */
  process(_batch) {
    throw Fault.fatal('the transform has no `process`');
  }

  /** What is still held, once there are no more batches; each made with `Output.rows`. @returns {Output[] | Promise<Output[]>} */
  finish() {
    return [];
  }

  /** The state, where there is one. @returns {Uint8Array | undefined} */
  snapshot() {
    return undefined;
  }

  /** Takes over a state that `snapshot` gave. @param {Uint8Array} _state */
  restore(_state) {
    throw Fault.fatal('this transform keeps no state, so there is none to restore');
  }
}

/** What the component of a transform exports. @param {typeof Transform} Author */
export function transformExports(Author) {
  class Transformer {
    #transform;
    #fields;
    #shape;

    constructor(transform, fields) {
      this.#transform = transform;
      this.#fields = fields;
      this.#shape = transform.shape();
    }

    static bind(config, schema) {
      const fields = fromSchema(schema);
      return new Transformer(Author.bind(configOf(config, Author.configSchema), new Input(fields)), fields);
    }

    shape() {
      return this.#shape.toWit();
    }

    process(held) {
      const batch = new Batch(held, this.#fields);
      return settle(this.#transform.process(batch), (done) => {
        const processed = done instanceof Output ? new Processed(done) : done;
        if (!(processed instanceof Processed)) throw Fault.fatal('`process` answered neither an Output nor a Processed');
        return processed.toWit(batch.rows, this.#shape);
      });
    }

    finish() {
      return settle(this.#transform.finish(), (outputs) => outputs.map((output) => output.toWit(this.#shape)));
    }

    snapshot() {
      return this.#transform.snapshot() ?? undefined;
    }

    restore(state) {
      this.#transform.restore(state);
    }
  }
  Transformer.bind = crossing(Transformer.bind);
  for (const call of ['process', 'finish', 'snapshot', 'restore']) Transformer.prototype[call] = crossing(Transformer.prototype[call]);
  return { Transformer };
}
