// Watches an HTTP endpoint that answers JSON: asks for a run for each new item of a list, or when a value changed.

import { Evaluation, Fault, Sensor } from '@tidegate/sdk';
import { ask } from './ask.js';
import { at } from './json.js';
import { lookAtItems } from './items.js';
import { remembered } from './memory.js';
import { lookAtValue } from './value.js';

const pointer = (description) => ({ description, type: 'string', pattern: '^(/.*)?$' });

export default class WatchEndpoint extends Sensor {
  static configSchema = {
    type: 'object',
    properties: {
      url: { description: 'What is asked for, with GET.', type: 'string', pattern: '^https?://[^/?#]' },
      items: pointer('A JSON pointer to the list that is watched; without it, a value is.'),
      key: pointer('In an item, what names it; without `items`, the value that is watched: the whole document unless told.'),
      updated: pointer('In an item, what changes when the item does: it is then asked for again.'),
      order: pointer('In an item, a number or text that is larger in newer items.'),
      partition: pointer('In an item, or without `items` in the document, the slice that a run is for.'),
      first_look: {
        description: 'Whether the first look asks for runs, or only remembers what is there.',
        enum: ['ask', 'remember'],
        default: 'ask',
      },
      runs_per_look: { description: 'Runs that one look asks for at most.', type: 'integer', minimum: 1, maximum: 1000, default: 100 },
    },
    required: ['url'],
    additionalProperties: false,
  };

  static async evaluate(config, cursor) {
    check(config);
    const memory = await remembered(config, cursor);
    const answer = await ask(config.url, memory.etag);
    if (answer === null) return Evaluation.skip('nothing changed, says the endpoint (304)').cursor(cursor);
    const { outcome, seen, isWhole } = config.items === undefined
      ? await lookAtValue(config, answer.document, memory)
      : await lookAtItems(config, list(config, answer.document), memory);
    // Where runs are left for the next look, it has to be given the list again.
    return outcome.cursor({ ...memory.place, ...(isWhole && answer.etag ? { etag: answer.etag } : {}), ...seen });
  }
}

/** What the schema cannot say. */
function check({ items, key, updated, order }) {
  if (items !== undefined && key === undefined) throw Fault.config('/key', 'is needed with `items`: what names an item');
  if (items === undefined && updated !== undefined) throw Fault.config('/updated', 'is of items, and there are no `items`');
  if (items === undefined && order !== undefined) throw Fault.config('/order', 'is of items, and there are no `items`');
}

function list({ items }, document) {
  const found = at(document, items);
  if (!Array.isArray(found)) throw Fault.data(`the answer has no list at \`${items}\``);
  return found;
}
