// What is remembered from look to look.

import { log } from '@tidegate/sdk';
import { digest } from './json.js';

/**
 * What the last look left: its `etag` and what it saw, or nothing where there was none or it looked at other things.
 * `place` is what the cursor says of the config.
 */
export async function remembered({ url, items, key, updated, order }, cursor) {
  // What names the items. The URL may hold what is not for everyone.
  const place = { watches: [items, key, updated, order].map((pointer) => pointer ?? null), url: await digest(url) };
  if (cursor === undefined) return { place };
  if (JSON.stringify(cursor?.watches) !== JSON.stringify(place.watches)) {
    log.info('the config watches other things than at the last look, which is forgotten');
    return { place };
  }
  const { watches: _, url: before, etag, ...seen } = cursor;
  // Another URL may have the same tags.
  return { place, seen, etag: before === place.url ? etag : undefined };
}
