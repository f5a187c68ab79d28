// A browser's own EventSource over restarts of the bridge: all journaled events, in order, each once.
//
// BRIDGE_URL and CHROMIUM say where they are. The bridge is killed, stopped and started by who has started this: a line "@kill",
// "@stop" or "@start" on standard output, answered by a line on standard input.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import readline from 'node:readline';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

const { BRIDGE_URL, CHROMIUM = '/usr/bin/chromium' } = process.env;
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const TIME = { timeout: 20000, polling: 50 };

const profile = mkdtempSync(join(tmpdir(), 'bridge-feed-'));
const answers = readline.createInterface({ input: process.stdin });
let browser;
let page;

function ask(word) {
  return new Promise((resolve) => {
    answers.once('line', resolve);
    process.stdout.write(`@${word}\n`);
  });
}

async function request(path, method = 'GET', body = undefined) {
  const answer = await fetch(BRIDGE_URL + path, { method, headers: body ? { 'Content-Type': 'application/json' } : {}, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text && JSON.parse(text);
}

// Orders that fill, some with a tag.
async function orders(count) {
  for (let n = 0; n < count; n += 1) {
    await request('/orders?wait=filled', 'POST', { symbol: 'BTCUSDT', side: 'buy', qty: '0.01', ...(n % 2 ? { tag: 'web' } : {}) });
  }
}

async function journal() {
  const events = [];
  for (let path = '/events?after=earliest&limit=1000'; path;) {
    const { items, next } = await request(path);
    events.push(...items);
    path = next;
  }
  return events;
}

before(async () => {
  browser = await chromium.launchPersistentContext(profile, { executablePath: CHROMIUM, args: FLAGS });
  page = await browser.newPage();
  await page.goto(`${BRIDGE_URL}/docs`); // a page of the bridge's own origin that has no stream
});

after(async () => {
  await browser?.close();
  answers.close();
  rmSync(profile, { recursive: true, force: true });
});

// A list of what comes, in the page. The topics of the market make the stream wait for the list of symbols after each start.
const listen = (name, query) => page.evaluate(([where, what]) => {
  const seen = { events: [], opened: 0, names: {} };
  const source = new EventSource(`/stream?${what}`);
  window[where] = { seen, source };
  source.onopen = () => { seen.opened += 1; };
  for (const event of ['hello', 'order', 'fill', 'ticker', 'reset', 'gap', 'bye']) {
    source.addEventListener(event, ({ data, lastEventId }) => {
      seen.names[event] = (seen.names[event] ?? 0) + 1;
      if (event === 'order' || event === 'fill') seen.events.push({ id: lastEventId, event, data: JSON.parse(data) });
    });
  }
}, [name, query]);

const opened = (name, times) => page.waitForFunction(([where, count]) => window[where].seen.opened >= count, [name, times], TIME);

async function compare(name, wanted) {
  await page.waitForFunction(([where, last]) => window[where].seen.events.at(-1)?.id === last, [name, wanted.at(-1).id], TIME);
  const { events, names } = await page.evaluate((where) => window[where].seen, name);
  assert.deepEqual(events.map(({ id }) => id), wanted.map(({ id }) => id));
  assert.deepEqual(events, wanted.map(({ id, event, data }) => ({ id, event, data })));
  assert.equal(names.reset, undefined);
  return names;
}

test('an EventSource misses nothing over kills, stops and starts of the bridge', async () => {
  await listen('all', 'topics=orders,fills,ticker:BTCUSDT&after=earliest');
  await listen('tagged', 'topics=orders,fills&tag=web&after=earliest');
  await opened('all', 1);
  await orders(3);
  let starts = 1;
  for (const word of ['kill', 'stop', 'kill']) {
    await ask(word);
    await new Promise((resolve) => { setTimeout(resolve, 300); });
    await ask('start');
    await orders(2); // while the page is not there yet
    starts += 1;
    await opened('all', starts);
    await opened('tagged', starts);
    await orders(2);
  }
  // The newest event may be still to come.
  let events;
  do {
    events = await journal();
    await new Promise((resolve) => { setTimeout(resolve, 500); });
  } while ((await journal()).length !== events.length);
  assert.ok(events.filter(({ event }) => event === 'fill').length >= 15, `${events.length} events`);
  const names = await compare('all', events);
  assert.ok(names.ticker > 0 && names.bye > 0, JSON.stringify(names));
  await compare('tagged', events.filter(({ data }) => data.tag === 'web'));
});
