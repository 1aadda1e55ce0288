// Watches the items of a list.

import { Evaluation, Fault, RunRequest } from '@tidegate/sdk';
import { at, digest, isName, plain } from './json.js';
import { compared } from './order.js';

/** The most that ids may take in the cursor, in bytes of its JSON: it has 64 KiB, and the rest takes little. */
const MAX_SEEN_BYTES = 48 << 10;

/**
 * What a look at a list comes to. What is remembered: without `order`, the ids of the items that were in the list, and of
 * older ones as many as there is room for; with it, the largest value of it that was asked for and the ids that have it.
 */
export async function lookAtItems(config, list, { seen }) {
  const items = await read(config, list);
  const { fresh, after } = (config.order === undefined ? byId : byOrder)(items, seen ?? {});
  if (seen === undefined && config.first_look === 'remember') {
    return { outcome: Evaluation.skip(`the first look: ${fresh.length} items are remembered`), seen: after(fresh), isWhole: true };
  }
  const asked = fresh.slice(0, config.runs_per_look);
  const outcome = asked.length > 0
    ? Evaluation.runs(...asked.map((item) => run(config, item)))
    : Evaluation.skip(`none of ${items.length} items is new`);
  return { outcome, seen: after(asked), isWhole: asked.length === fresh.length };
}

/** Each item once, with its id: its key, and what `updated` points to. */
async function read({ items: where, key, updated, order }, list) {
  const items = new Map();
  for (const [place, value] of list.entries()) {
    const what = `the item ${place} of \`${where}\``;
    const text = (pointer) => {
      const found = plain(at(value, pointer));
      if (found === undefined) throw Fault.data(`${what} has neither text nor a number at \`${pointer}\``);
      return found;
    };
    const name = text(key);
    const id = await named(updated === undefined ? name : `${name}@${text(updated)}`);
    if (!items.has(id)) items.set(id, { id, name, value, what, order: order === undefined ? undefined : comparable(at(value, order), order, what) });
  }
  return [...items.values()];
}

function run({ partition: slice }, { id, name, value, what }) {
  const wanted = new RunRequest(id);
  if (isName(name)) wanted.tag('item', name);
  return slice === undefined ? wanted : wanted.partition(partition(value, slice, what));
}

/** The id of an item, and the key of its run: itself, or its digest where the host would not take it. */
const named = async (text) => (isName(text) ? text : `sha256-${await digest(text)}`);

/** The slice that a document or item names. */
export function partition(value, pointer, what) {
  const slice = plain(at(value, pointer));
  if (slice === undefined || !isName(slice)) throw Fault.data(`${what} names no slice at \`${pointer}\``);
  return slice;
}

function comparable(value, pointer, what) {
  if (!['string', 'number'].includes(typeof value) || !isName(String(value))) {
    throw Fault.data(`${what} has nothing to order it by at \`${pointer}\``);
  }
  return value;
}

function byId(items, { ids = [] }) {
  const before = new Set(ids);
  const current = new Set(items.map(({ id }) => id));
  const after = (known) => {
    const asked = new Set(known.map(({ id }) => id));
    const here = items.map(({ id }) => id).filter((id) => before.has(id) || asked.has(id));
    // Those of this list last: where there is no room, older ones are forgotten.
    return { ids: newest([...ids.filter((id) => !current.has(id)), ...here], here.length) };
  };
  return { fresh: items.filter(({ id }) => !before.has(id)), after };
}

/** The last ids that there is room for; a fault where that is not for so many of them. */
function newest(ids, needed) {
  let bytes = 0;
  let first = ids.length;
  while (first > 0 && bytes + bytesOf(ids[first - 1]) <= MAX_SEEN_BYTES) bytes += bytesOf(ids[--first]);
  if (ids.length - first < needed) {
    throw Fault.data(`${needed} items cannot be remembered: give \`order\`, or a \`url\` that answers fewer`);
  }
  return ids.slice(first);
}

/** An id in the cursor, with the comma behind it. */
const bytesOf = (id) => new TextEncoder().encode(JSON.stringify(id)).length + 1;

function byOrder(items, { largest, ids = [] }) {
  const before = new Set(ids);
  const isFresh = ({ id, order }) => {
    const way = largest === undefined ? 1 : compared(order, largest);
    return way > 0 || (way === 0 && !before.has(id));
  };
  const fresh = items.filter(isFresh).sort((a, b) => compared(a.order, b.order));
  const after = (known) => {
    const last = known.at(-1)?.order ?? largest;
    if (last === undefined) return { ids: [] };
    const here = known.filter(({ order }) => compared(order, last) === 0).map(({ id }) => id);
    const old = largest !== undefined && compared(last, largest) === 0 ? ids : [];
    return { largest: last, ids: newest([...old, ...here], old.length + here.length) };
  };
  return { fresh, after };
}
