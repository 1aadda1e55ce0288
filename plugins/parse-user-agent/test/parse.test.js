import assert from 'node:assert/strict';
import { test } from 'node:test';
import { column, types } from '@tidegate/sdk';
import { batch, bindTo, run } from '@tidegate/sdk/testing';
import ParseUserAgent from '../src/index.js';

const AGENTS = [
  ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36', 'Chrome', '131.0.0.0', 'Windows', '10.0', 'desktop'],
  ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.51', 'Edge', '131.0.2903.51', 'Windows', '10.0', 'desktop'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15', 'Safari', '17.5', 'macOS', '10.15.7', 'desktop'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1', 'Safari', '17.5', 'iOS', '17.5.1', 'phone'],
  ['Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/125.0.6422.80 Mobile/15E148 Safari/604.1', 'Chrome', '125.0.6422.80', 'iOS', '16.6', 'tablet'],
  ['Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0', 'Firefox', '133.0', 'Linux', null, 'desktop'],
  ['Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36', 'Samsung Internet', '26.0', 'Android', '14', 'phone'],
  ['Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36', 'Chrome', '120.0.0.0', 'Android', '13', 'tablet'],
  ['Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; AS; rv:11.0) like Gecko', 'Internet Explorer', '11.0', 'Windows', '6.1', 'desktop'],
  ['Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 OPR/114.0.0.0', 'Opera', '114.0.0.0', 'ChromeOS', '14541.0.0', 'desktop'],
  ['Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/6.0 TV Safari/538.1', 'Safari', '6.0', 'Tizen', '6.0', 'tv'],
  ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', 'Googlebot', '2.1', null, null, 'bot'],
  ['curl/8.5.0', 'curl', '8.5.0', null, null, 'bot'],
  ['SomeUnknownCrawler/1.0', 'other bot', null, null, null, 'bot'],
  ['', null, null, null, null, null],
];

for (const [text, browser, version, os, osVersion, device] of AGENTS) {
  test(`${device}: ${text.slice(0, 60) || '(empty)'}`, () => {
    const { columns } = run(ParseUserAgent, {}, batch({ user_agent: column(types.utf8, [text]) }));
    assert.deepEqual(columns, { browser: [browser], browser_version: [version], os: [os], os_version: [osVersion], device: [device], bot: [device === 'bot'] });
  });
}

const some = batch({ user_agent: column(types.utf8, ['curl/8.5.0', null, AGENTS[0][0], AGENTS[0][0]]) });

test('robots are left out where asked, and a missing text is no robot', () => {
  const { columns } = run(ParseUserAgent, { columns: ['browser'], prefix: 'ua_', drop_bots: true }, some);
  assert.deepEqual(columns, { ua_browser: [null, 'Chrome', 'Chrome'] });
});

test('what is remembered is bounded and changes nothing', () => {
  const many = Array.from({ length: 25_000 }, (_, index) => `curl/8.${index % 12_000}.0`);
  const { columns } = run(ParseUserAgent, { columns: ['browser_version'] }, batch({ user_agent: column(types.utf8, many) }));
  assert.deepEqual(columns.browser_version, many.map((text) => text.slice(5)));
});

test('a text without end does not hold the batch up', () => {
  const long = `Mozilla/5.0 ${'Trident/'.repeat(200_000)}`;
  const started = performance.now();
  run(ParseUserAgent, {}, batch({ user_agent: column(types.utf8, [long]) }));
  assert.ok(performance.now() - started < 1000);
});

test('columns and config that do not fit are refused at bind', () => {
  assert.throws(() => bindTo(ParseUserAgent, { columns: ['brwser'] }, some), ({ val }) => val.pointer === '/columns/0');
  assert.throws(() => bindTo(ParseUserAgent, { prefix: 'UA-' }, some), ({ val }) => val.pointer === '/prefix');
  assert.throws(() => bindTo(ParseUserAgent, {}, batch({ n: column(types.int64, [1]) })), /must be utf8, and is int64/);
});
