// The page in a real browser, against a real bridge and the simulated exchange.
//
// BRIDGE_URL, SIM_URL and CHROMIUM say where they are. The bridge is stopped and started by who has
// started this: a line "@kill" or "@start" on standard output, answered by a line on standard input.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import readline from 'node:readline';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

const { BRIDGE_URL, SIM_URL, CHROMIUM = '/usr/bin/chromium' } = process.env;
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

const profile = mkdtempSync(join(tmpdir(), 'bridge-page-'));
const complaints = [];
let allowed = () => false; // console messages that are expected
let browser;
let page;

async function request(url, method, body) {
  const headers = body ? { 'Content-Type': 'application/json' } : {};
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${url}: ${answer.status} ${text}`);
  return text;
}

const order = (fields) => request(`${BRIDGE_URL}/orders`, 'POST', fields).then(JSON.parse);
const sim = (path, body) => request(SIM_URL + path, 'POST', body);
const price = async (symbol = 'BTCUSDT') => Number(await request(`${BRIDGE_URL}/price/${symbol}`, 'GET'));

const answers = readline.createInterface({ input: process.stdin });

// Asks who has started this for `word`.
function ask(word) {
  return new Promise((resolve) => {
    answers.once('line', resolve);
    process.stdout.write(`@${word}\n`);
  });
}

function listen(to) {
  to.on('pageerror', (error) => complaints.push(`error: ${error.stack}`));
  to.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !allowed(message)) complaints.push(`${message.type()}: ${message.text()} ${message.location().url}`);
  });
  return to.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
}

const text = (selector) => page.locator(selector).first().innerText();
const until = (check, argument) => page.waitForFunction(check, argument, { timeout: 10000, polling: 50 });
const rows = (id) => page.locator(`#${id} tbody tr`);
const untilText = (selector, pattern) => until(([where, what]) => new RegExp(what).test(document.querySelector(where)?.textContent ?? ''), [selector, pattern.source]);
const untilChanged = async (selector) => {
  const was = await page.evaluate((where) => document.querySelector(where).textContent, selector);
  await until(([where, what]) => document.querySelector(where).textContent !== what, [selector, was]);
};
const isStale = (id) => page.evaluate((where) => document.getElementById(where).classList.contains('is-stale'), id);
const untilStale = (id, wanted) => until(([where, what]) => document.getElementById(where).classList.contains('is-stale') === what, [id, wanted]);

// Requests under way must not fail the test that began them.
async function closeRouted(to) {
  await to.unrouteAll({ behavior: 'ignoreErrors' });
  await to.close();
}

before(async () => {
  browser = await chromium.launchPersistentContext(profile, { executablePath: CHROMIUM, args: FLAGS, viewport: { width: 1412, height: 840 } });
  page = await browser.newPage();
  await listen(page);
  await page.goto(`${BRIDGE_URL}/`);
  await page.evaluate(() => {
    window.loadedOnce = true;
  });
});

after(async () => {
  await browser?.close();
  answers.close();
  rmSync(profile, { recursive: true, force: true });
});

test('prices, book, trades and candles come and move', async () => {
  await untilText('#env', /^SIM$/);
  await untilText('#last', /^[\d,]+\.\d/);
  await until(() => [...document.querySelectorAll('#book .bids th')].filter((cell) => cell.textContent).length >= 5);
  await until(() => document.querySelectorAll('#trades tbody tr').length > 3);
  await untilText('#ohlc', /O[\d,]+\.\d/);
  await untilChanged('#last');
  await untilChanged('#book .bids tr:first-child');
  await untilChanged('#trades tbody tr:first-child');
  assert.match(await text('#mark'), /^[\d,]+\.\d+$/);
  assert.match(await text('#funding'), /% \d\d:\d\d:\d\d$/);
  for (const panel of ['panel-chart', 'panel-book', 'panel-trades', 'panel-account']) assert.equal(await isStale(panel), false, panel);
});

test('the chart is drawn', async () => {
  await until(() => {
    const canvas = document.getElementById('chart');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value, index) => index % 4 === 1 && value > 150);
  });
});

test('the account is there before anything happens', async () => {
  await untilText('#balance', /USDT/);
  await untilText('#tiles', /Equity\d[\d,]*\.\d\d/);
  await untilText('#positions', /No open position/);
  await untilText('#orders', /No open order/);
});

test('an order placed elsewhere appears, and goes when it is cancelled', async () => {
  const low = Math.floor((await price()) * 0.8);
  await order({ client_id: 'page-rest', symbol: 'BTCUSDT', side: 'buy', qty: '0.012', price: String(low), tag: 'page-test' });
  await untilText('#orders tbody', /BTCUSDT Buy.*0\.012.*open/);
  assert.equal(await text('#count-orders'), '1');
  await untilText('#events', /open.*Buy 0\.012 BTCUSDT/i);
  await request(`${BRIDGE_URL}/orders/page-rest`, 'DELETE');
  await until(() => document.querySelectorAll('#orders tbody tr').length === 0);
  await untilText('#events', /cancel/i);
});

test('a fill, its position and the balance appear', async () => {
  await order({ symbol: 'BTCUSDT', side: 'buy', qty: '0.021' });
  await untilText('#fills tbody', /BTCUSDT Buy0\.021/);
  await untilText('#positions tbody', /BTCUSDT Long 10.*0\.021/);
  await untilText('#tiles', /1 position/);
  await untilText('#tiles', /Last fill\+0\.021/);
});

test('tabs work by keyboard', async () => {
  await page.focus('#tab-positions');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.getAttribute('#tab-fills', 'aria-selected'), 'true');
  assert.ok(await page.isVisible('#fills') && !(await page.isVisible('#positions')));
  await page.keyboard.press('Home');
  assert.ok(await page.isVisible('#positions') && await page.isVisible('#orders') && !(await page.isVisible('#fills')));
});

test('another symbol is shown, and remembered', async () => {
  await page.selectOption('#symbol', 'spot:ETHUSDT');
  await untilText('#last', /^[1-9],?\d{3}\.\d/);
  await until(() => document.querySelectorAll('#trades tbody tr').length > 1);
  await untilChanged('#book .bids tr:first-child');
  assert.equal(await page.isVisible('#funding'), false);
  assert.equal(await page.evaluate(() => localStorage.getItem('bybit-bridge.symbol')), 'spot:ETHUSDT');
  await page.selectOption('#symbol', 'linear:BTCUSDT');
  await untilText('#last', /^\d\d\d?,\d{3}\.\d/);
  await untilChanged('#book .bids tr:first-child');
});

test('a muted public stream greys the market and nothing else; unmuted it heals', async () => {
  await sim('/sim/stream', { mode: 'mute', kind: 'public' });
  for (const panel of ['panel-book', 'panel-chart', 'panel-trades']) await untilStale(panel, true);
  assert.match(await text('#panel-book .stale'), /stale since \d\d:\d\d:\d\d \(\d+ s\)/);
  assert.equal(await isStale('panel-account'), false);
  assert.equal(await page.isVisible('#banner'), false);
  await sim('/sim/stream', { mode: 'unmute', kind: 'public' });
  for (const panel of ['panel-book', 'panel-chart', 'panel-trades']) await untilStale(panel, false);
  await untilChanged('#book .bids tr:first-child');
});

test('a cut public stream is a gap that heals', async () => {
  await sim('/sim/stream', { mode: 'cut', kind: 'public' });
  await untilText('#events', /public\.linear/);
  await untilStale('panel-book', false);
  await untilChanged('#book .bids tr:first-child');
});

test('a kill shows at once, with why and how far it is, and goes with the arm', async () => {
  const low = Math.floor((await price()) * 0.8);
  assert.equal(await page.isVisible('#killed'), false);
  await order({ symbol: 'BTCUSDT', side: 'buy', qty: '0.012', price: String(low) });
  await untilText('#orders tbody', /0\.012/);
  await request(`${BRIDGE_URL}/guard/kill`, 'POST', { reason: 'a <b>test</b>' });
  await untilText('#killed', /^KILLED since \d\d:\d\d:\d\d: a <b>test<\/b>\. Nothing is open \(1 cancelled\)\. No order is sent until/);
  assert.ok(await page.isVisible('#killed') && !(await page.isVisible('#banner')));
  await until(() => document.querySelectorAll('#orders tbody tr').length === 0);
  await untilText('#events', /Killed: no order is sent/);
  const other = await browser.newPage(); // one that comes later
  await listen(other);
  await other.goto(`${BRIDGE_URL}/`);
  await other.locator('#killed').getByText(/KILLED since/).waitFor({ timeout: 5000 });
  await request(`${BRIDGE_URL}/guard/arm`, 'POST');
  await other.locator('#killed').waitFor({ state: 'hidden', timeout: 5000 });
  await other.close();
  await until(() => document.getElementById('killed').hidden);
  await untilText('#events', /Armed: orders are sent again/);
});

test('the rate budget is among the connections', async () => {
  await untilText('#links', /REST: \d+ of \d+ requests left/);
});

test('nothing was refused or blocked so far', () => assert.deepEqual(complaints, []));

test('a bridge that dies greys the page; back again it shows what happened meanwhile', async () => {
  const high = Math.floor((await price()) * 1.01);
  await order({ client_id: 'page-while', symbol: 'BTCUSDT', side: 'sell', qty: '0.007', price: String(high) });
  await untilText('#orders tbody', /0\.007/);
  allowed = (message) => /net::ERR_|503|Failed to load/.test(message.text());
  await ask('kill');
  await until(() => document.body.classList.contains('gone') && !document.getElementById('banner').hidden);
  assert.match(await text('#banner'), /gone since \d\d:\d\d:\d\d/);
  assert.equal(await isStale('panel-account'), true);
  await sim('/sim/price', { symbol: 'BTCUSDT', price: String(high + 100) });
  await ask('start');
  await until(() => !document.body.classList.contains('gone') && document.getElementById('banner').hidden);
  await untilText('#fills tbody', /BTCUSDT Sell0\.007/);
  await until(() => document.querySelectorAll('#orders tbody tr').length === 0);
  await untilText('#positions tbody', /BTCUSDT Long 10.*0\.014/);
  for (const panel of ['panel-book', 'panel-chart', 'panel-trades', 'panel-account']) await untilStale(panel, false);
  await untilChanged('#last');
  await order({ symbol: 'BTCUSDT', side: 'buy', qty: '0.033' });
  await untilText('#fills tbody', /BTCUSDT Buy0\.033/);
  assert.equal(await page.evaluate(() => window.loadedOnce), true);
  allowed = () => false;
});

test('it fits a phone', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await untilChanged('#last');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
  await page.setViewportSize({ width: 1412, height: 840 });
});

test('without keys the account says what to do', async () => {
  const other = await browser.newPage();
  await listen(other);
  await other.route('**/status', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), keys: false } });
  });
  await other.goto(`${BRIDGE_URL}/`);
  await other.locator('#positions').getByText('BYBIT_API_KEY').waitFor({ timeout: 5000 });
  await other.locator('#last').getByText(/\d/).waitFor({ timeout: 5000 });
  await closeRouted(other);
});

test('a bridge with tokens asks for one', async () => {
  const other = await browser.newPage();
  let token = null;
  await other.route((url) => url.pathname !== '/' && !url.pathname.startsWith('/assets/'), (route) =>
    token === 'right' ? route.continue() : route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"code":"token_required","detail":"no token"}' }));
  await other.route('**/login', (route) => {
    token = route.request().postDataJSON().token;
    return token === 'right' ? route.fulfill({ status: 200, json: {} }) : route.fulfill({ status: 401, json: { detail: 'that is not the token' } });
  });
  await other.goto(`${BRIDGE_URL}/`);
  await other.fill('#login-token', 'wrong');
  await other.click('#login-form button');
  await other.getByText('that is not the token').waitFor({ timeout: 5000 });
  await other.fill('#login-token', 'right');
  await other.click('#login-form button');
  await other.locator('#last').getByText(/\d/).waitFor({ timeout: 5000 });
  assert.equal(await other.isVisible('#login'), false);
  await closeRouted(other);
});

test('/docs loads', async () => {
  const other = await browser.newPage();
  await listen(other);
  await other.goto(`${BRIDGE_URL}/docs`);
  await other.locator('#POST-orders summary').click();
  await other.locator('#POST-orders .curl').getByText('symbol=').waitFor({ timeout: 5000 });
  await other.close();
});

test('/docs shows the document', async () => {
  const other = await browser.newPage();
  await listen(other);
  await other.route('**/openapi.json', (route) => route.fulfill({ json: {
    openapi: '3.1.0', info: { title: 'x', version: '9.9.9', description: 'All of <b>it</b>.' },
    paths: { '/price/{symbol}': { get: { summary: 'One number', parameters: [{ name: 'symbol', in: 'path', required: true, schema: { type: 'string', example: 'BTCUSDT' } }], responses: { 200: { description: 'A price' } } } },
      '/orders': { get: { summary: 'A list', responses: {} } } },
    components: { schemas: { Order: { type: 'object', description: 'An order.', properties: { qty: { type: 'string' } } } } },
  } }));
  await other.goto(`${BRIDGE_URL}/docs#GET-price-symbol`);
  await other.getByText(`curl ${BRIDGE_URL}/price/BTCUSDT`).waitFor({ timeout: 5000 });
  await other.getByText('All of <b>it</b>.').waitFor({ timeout: 5000 });
  await other.fill('#search', 'one number');
  assert.ok(await other.locator('#GET-price-symbol').isVisible() && !(await other.locator('#GET-orders').isVisible()));
  await closeRouted(other);
});

test('nothing was refused or blocked at all', () => assert.deepEqual(complaints, []));
