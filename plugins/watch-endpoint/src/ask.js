// The request.

import { Fault } from '@tidegate/sdk';
import { parsed } from './json.js';

/** The longest entity tag that is remembered, in characters: servers make them of some ten. */
const MAX_ETAG_CHARS = 1_024;

/** Statuses that may pass beside those of servers, 5xx: RFC 9110, section 15.5.9, RFC 8470, and RFC 6585. */
const MAY_PASS = [408, 425, 429];

/** The document at a URL and its entity tag; null where it is still the one of the tag that is given. */
export async function ask(url, etag) {
  const headers = { accept: 'application/json', ...(etag === undefined ? {} : { 'if-none-match': etag }) };
  let response, text;
  try {
    response = await fetch(url, { headers, redirect: 'manual' });
    text = await response.text();
  } catch (error) {
    throw Fault.retryable(`${shown(url)} cannot be read: ${error.message}`);
  }
  const { status } = response;
  if (status === 304 && etag !== undefined) return null;
  if (MAY_PASS.includes(status) || status >= 500) {
    throw Fault.retryable(`${shown(url)} answered ${status}`, waitMs(response.headers.get('retry-after')));
  }
  if (status !== 200) throw Fault.config('/url', `the endpoint answered ${status}${ADVICE[status] ?? ''}`);
  const tag = response.headers.get('etag');
  return { document: parsed(text), etag: tag !== null && tag.length <= MAX_ETAG_CHARS ? tag : undefined };
}

const CREDENTIALS = '; credentials come from `headers` of the grant';
const REDIRECT = '; redirects are not followed: write the URL that it leads to';
const ADVICE = { 401: CREDENTIALS, 403: CREDENTIALS, 301: REDIRECT, 302: REDIRECT, 303: REDIRECT, 307: REDIRECT, 308: REDIRECT };

/** `Retry-After`, as seconds or as a date (RFC 9110, section 10.2.3), in milliseconds. */
function waitMs(text) {
  if (text === null) return undefined;
  if (/^\s*\d+\s*$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** Without its parameters, which may hold what is not for everyone. */
const shown = (url) => url.split(/[?#]/)[0];
