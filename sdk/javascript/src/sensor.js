// What the author of a sensor writes, and what the component exports of it.

import { configOf } from './config.js';
import { Fault, crossing } from './fault.js';
import { settle } from './settle.js';

/** Looks outside and asks for runs. */
export class Sensor {
  /** The JSON Schema of the config. */
  static configSchema = { type: 'object', additionalProperties: false };

  /**
   * Looks once; may be async. `cursor` is what the last look answered; undefined at the first.
   * @param {any} _config @param {any} _cursor @returns {Evaluation | Promise<Evaluation>}
   */
  static evaluate(_config, _cursor) {
    throw Fault.fatal('the sensor has no `evaluate`');
  }
}

/** What was seen. */
export class Evaluation {
  constructor(outcome) {
    this.outcome = outcome;
    this.seen = undefined;
  }

  /** Runs are wanted. @param {...RunRequest} requests */
  static runs(...requests) {
    return new Evaluation({ tag: 'runs', val: requests.map((request) => request.toWit()) });
  }

  /** Nothing is wanted, and why. */
  static skip(why) {
    return new Evaluation({ tag: 'skip', val: why });
  }

  /**
   * For the next look: any JSON, of 64 KiB at most. It is kept from look to look, so that a later version of the plugin
   * must still read it. Without one, the next look has none.
   */
  cursor(cursor) {
    this.seen = cursor;
    return this;
  }
}

/** A run is wanted. */
export class RunRequest {
  /** A run under a key: one that was asked for already is not made again. */
  constructor(key) {
    this.key = key;
    this.slice = undefined;
    this.settings = undefined;
    this.tags = [];
  }

  /** The slice to materialize. */
  partition(key) {
    this.slice = key;
    return this;
  }

  /** Config for the run, in place of the schema's. */
  config(config) {
    this.settings = config;
    return this;
  }

  /** A tag for the run. */
  tag(name, value) {
    this.tags.push([name, String(value)]);
    return this;
  }

  toWit() {
    const config = this.settings === undefined ? undefined : JSON.stringify(this.settings);
    return { key: this.key, partition: this.slice, config, tags: this.tags };
  }
}

/** What the component of a sensor exports. @param {typeof Sensor} Author */
export function sensorExports(Author) {
  const evaluate = (text, before) => {
    const cursor = before === undefined || before === null ? undefined : JSON.parse(before);
    return settle(Author.evaluate(configOf(text, Author.configSchema), cursor), ({ outcome, seen }) => ({
      outcome,
      cursor: seen === undefined ? undefined : JSON.stringify(seen),
    }));
  };
  return { evaluate: crossing(evaluate) };
}
