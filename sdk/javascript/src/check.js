// What the author of a check writes, and what the component exports of it.

import { Batch, Input } from './batch.js';
import { configOf } from './config.js';
import { Fault, crossing } from './fault.js';
import { settle } from './settle.js';
import { fromSchema } from './types.js';

/**
 * Looks at the batches of a load and gives a verdict.
 *
 * The host calls `bind`, then maybe `restore`, then `observe` for each batch with `snapshot` between them, then
 * `verdict`. `observe` and `verdict` may be async.
 */
export class Check {
  /** The JSON Schema of the config. */
  static configSchema = { type: 'object', additionalProperties: false };

  /**
   * Binds a config, which keeps to the schema, to the granted columns. Look here for everything that can be wrong:
   * `tidegate check` calls it before any data moves.
   * @param {any} config @param {Input} input @returns {Check}
   */
  static bind(config, input) {
    return new this(config, input);
  }

  /** Looks at a batch. @param {Batch} _batch */
  observe(_batch) {
    throw Fault.fatal('the check has no `observe`');
  }

  /**
   * What was seen so far, 16 MiB at most. A check that has something to remember needs it, since a load may go on in
   * another instance. @returns {Uint8Array | undefined}
   */
  snapshot() {
    return undefined;
  }

  /** Takes over what `snapshot` gave. @param {Uint8Array} _state */
  restore(_state) {
    throw Fault.fatal('this check remembers nothing, so there is nothing to restore');
  }

  /** What is to be said of all batches together. @returns {Verdict | Promise<Verdict>} */
  verdict() {
    throw Fault.fatal('the check has no `verdict`');
  }
}

/** What is to be said. */
export class Verdict {
  /** Whether the data is as it should be, and what was found. Grave where not, unless `warning()` follows. */
  constructor(passed, message) {
    this.passed = passed;
    this.message = message;
    this.severity = 'error';
    this.measures = [];
  }

  /** Where it failed it is shown, and blocks nothing. */
  warning() {
    this.severity = 'warn';
    return this;
  }

  /** Something measured, to be plotted: a name and a number. */
  measure(name, value) {
    this.measures.push([name, value]);
    return this;
  }
}

/** What the component of a check exports. @param {typeof Check} Author */
export function checkExports(Author) {
  class Checker {
    #check;
    #fields;

    constructor(check, fields) {
      this.#check = check;
      this.#fields = fields;
    }

    static bind(config, schema) {
      const fields = fromSchema(schema);
      return new Checker(Author.bind(configOf(config, Author.configSchema), new Input(fields)), fields);
    }

    observe(held) {
      return settle(this.#check.observe(new Batch(held, this.#fields)), () => undefined);
    }

    snapshot() {
      return this.#check.snapshot() ?? undefined;
    }

    restore(state) {
      this.#check.restore(state);
    }

    verdict() {
      return settle(this.#check.verdict(), (verdict) => {
        if (!(verdict instanceof Verdict)) throw Fault.fatal('`verdict` answered no Verdict');
        const { passed, severity, message, measures } = verdict;
        return { passed, severity, message, measures };
      });
    }
  }
  Checker.bind = crossing(Checker.bind);
  for (const call of ['observe', 'snapshot', 'restore', 'verdict']) Checker.prototype[call] = crossing(Checker.prototype[call]);
  return { Checker };
}
