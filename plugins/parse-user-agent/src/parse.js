// One user agent's text, by the rules.

import { BOTS, BROWSERS, DEVICES, SYSTEMS } from './rules.js';

/** Texts that are looked at, in characters: browsers send a few hundred, and servers refuse headers of some thousand. */
const MAX_CHARS = 1024;

/**
 * What the text says; null for what no rule knows.
 * @param {string} text
 */
export function parse(text) {
  const agent = text.slice(0, MAX_CHARS);
  const [bot, botVersion] = first(BOTS, agent);
  const [browser, browserVersion] = bot === null ? first(BROWSERS, agent) : [bot, botVersion];
  const [os, osVersion] = first(SYSTEMS, agent);
  const device = bot === null ? first(DEVICES, agent)[0] : 'bot';
  return { browser, browser_version: browserVersion, os, os_version: osVersion, device, bot: bot !== null };
}

/** The name and version of the first rule that fits. */
function first(rules, text) {
  for (const [pattern, name] of rules) {
    const found = pattern.exec(text);
    if (found !== null) return [name, found[1] ? found[1].replaceAll('_', '.') : null];
  }
  return [null, null];
}
