// Wires the page: the feed into the state, the state into the panels, once a frame.

import { get } from './api.js';
import { createFeed } from './feed.js';
import { byId, setText } from './dom.js';
import { clock, span } from './format.js';
import { createLoaders } from './load.js';
import { askForToken } from './login.js';
import { createBalance } from './panel_balance.js';
import { createBookPanel } from './panel_book.js';
import { createChartPanel } from './panel_chart.js';
import { createEvents } from './panel_events.js';
import { createFills } from './panel_fills.js';
import { createGuard } from './panel_guard.js';
import { createHeader } from './panel_header.js';
import { createLinks } from './panel_links.js';
import { createOrders } from './panel_orders.js';
import { createPositions } from './panel_positions.js';
import { createPrice } from './panel_price.js';
import { createTiles } from './panel_tiles.js';
import { createTrades } from './panel_trades.js';
import * as state from './state.js';
import { createTabs } from './tabs.js';

const STATUS_MS = 5000;
const STATUS_PAUSE_MS = 700;
const TICK_MS = 250;
const DRAW_MS = 60; // numbers that change faster can't be read
const SILENT_MS = 30000; // a stream that brings nothing that long is opened again
const REPAIR_MS = 5000; // between two tries to get a fresh book
const GUARD_MS = 1000; // between two looks at a kill that is not whole yet
const BOOK_DEPTH = 50;
const SAVED = 'bybit-bridge.symbol';

// Steps of the computer's clock must not age the data.
const now = () => Math.round(performance.timeOrigin + performance.now());

const store = state.createStore();
const loaders = createLoaders(store, { get, askForToken, now });
const panels = {};
let framePending = false;
let drawnAt = 0;
let repairedAt = 0;
let reopenedAt = 0;
let statusAskedAt = 0;
let statusBusy = false;
let guardAskedAt = 0;

// --- drawing ---

function draw() {
  framePending = false;
  drawnAt = now();
  const dirty = [...store.dirty];
  store.dirty.clear();
  for (const name of dirty) panels[name]?.(now());
  if (dirty.includes('header')) panels.tiles(now());
}

function changed() {
  if (store.dirty.size && !framePending) {
    framePending = true;
    setTimeout(() => requestAnimationFrame(draw), Math.max(0, drawnAt + DRAW_MS - now()));
  }
}

function words(verdict) {
  const verb = verdict.why === 'syncing' ? 'syncing' : 'stale';
  return Number.isFinite(verdict.since) ? `${verb} since ${clock(verdict.since)} (${span(now() - verdict.since)})` : verb;
}

function showVerdicts() {
  const verdicts = state.judge(store, now());
  document.body.classList.toggle('gone', verdicts.gone !== null);
  const banner = byId('banner');
  banner.hidden = verdicts.gone === null;
  if (verdicts.gone !== null)
    setText(banner, `The feed of the bridge is gone since ${clock(verdicts.gone)} (${span(now() - verdicts.gone)}): what you see is old. Trying again\u2026`);
  for (const node of document.querySelectorAll('[data-judge]')) {
    const verdict = verdicts.gone !== null ? { why: 'the feed is gone', since: verdicts.gone } : verdicts[node.dataset.judge];
    const note = node.querySelector('.stale');
    node.classList.toggle('is-stale', Boolean(verdict));
    if (!note) continue;
    note.hidden = !verdict;
    setText(note, verdict ? words(verdict) : '');
    note.title = verdict ? verdict.why : '';
  }
}

// --- the feed ---

function topics() {
  const symbol = state.topicSymbol(store);
  const market = [`ticker:${symbol}`, `book:${symbol}:${BOOK_DEPTH}`, `trades:${symbol}`, `candles:${symbol}:1m`];
  return store.keys === false ? ['status', ...market] : ['orders', 'fills', 'guard', 'positions', 'balance', 'status', ...market];
}

async function onProblem(problem) {
  if (problem.status === 401 && problem.code !== 'no_api_key') {
    await askForToken();
    void feed.again();
  }
}

const feed = createFeed({
  event(name, data, id) {
    if (name === 'hello' && store.env && data.env !== store.env) {
      window.location.reload(); // another bridge answers at this address
      return;
    }
    state.applyEvent(store, name, data, id, now());
    serveNeeds();
    changed();
  },
  state(word) {
    state.setFeedState(store, word, now());
    changed();
  },
  missing(found) {
    store.feed.missing = found;
    loaders.missing(found);
  },
  problem: (problem) => void onProblem(problem),
}, { EventSource: window.EventSource, fetch: window.fetch.bind(window), setTimeout: window.setTimeout.bind(window) });

// False: it is too early; the need is kept until the next tick.
function serveNeed(need) {
  if (need === 'feed') {
    if (now() - repairedAt < REPAIR_MS) return false;
    repairedAt = now();
    void feed.again();
  } else if (need === 'status') {
    if (now() - statusAskedAt < STATUS_PAUSE_MS) return false;
    void readStatus();
  } else {
    loaders.load(need);
  }
  return true;
}

function serveNeeds() {
  for (const need of store.needs) {
    if (serveNeed(need)) store.needs.delete(need);
  }
}

// --- the symbol ---

function saved() {
  try {
    return window.localStorage.getItem(SAVED) ?? '';
  } catch {
    return '';
  }
}

function save(value) {
  try {
    window.localStorage.setItem(SAVED, value);
  } catch {
    // A browser that keeps nothing: the next visit starts with the first symbol.
  }
}

function choose(category, symbol) {
  state.chooseSymbol(store, category, symbol);
  save(`${category}:${symbol}`);
  loaders.load('trades');
  loaders.load('candles');
  void feed.open(topics());
  changed();
}

function chooseFirst() {
  const wanted = [saved(), `${store.category}:BTCUSDT`];
  const found = wanted.map((name) => store.symbols.find((row) => `${row.category}:${row.symbol}` === name)).find(Boolean);
  const row = found ?? store.symbols[0];
  if (row) choose(row.category, row.symbol);
}

// --- starting, and looking after it ---

async function readStatus() {
  if (statusBusy) return null; // it may wait for a token
  statusBusy = true;
  statusAskedAt = now();
  const before = store.keys;
  const version = store.status?.version;
  const status = await loaders.status();
  statusBusy = false;
  state.applyStatus(store, status, now());
  if (status && version && version !== status.version) window.location.reload(); // these scripts are the old build's
  if (status && before !== null && before !== store.keys) void feed.open(topics());
  changed();
  return status;
}

async function start() {
  state.setFeedState(store, 'connecting', now());
  while (!(await readStatus())) await new Promise((resolve) => setTimeout(resolve, 1000));
  store.category = store.status.default_category ?? 'linear';
  await loaders.symbols();
  chooseFirst();
  setInterval(() => void readStatus(), STATUS_MS);
}

function tick() {
  showVerdicts();
  if (state.guardIsMoving(store) && now() - guardAskedAt > GUARD_MS) {
    guardAskedAt = now();
    store.needs.add('guard');
  }
  serveNeeds();
  state.mark(store, 'price'); // the countdown
  if (Math.floor(now() / 1000) !== Math.floor((now() - TICK_MS) / 1000)) state.mark(store, 'orders', 'links');
  if (store.feed.state === 'open' && now() - Math.max(store.feed.eventAt, reopenedAt) > SILENT_MS) {
    reopenedAt = now();
    void feed.again();
  }
  changed();
}

Object.assign(panels, {
  header: createHeader(store, choose),
  tiles: createTiles(store),
  price: createPrice(store),
  chart: createChartPanel(store),
  book: createBookPanel(store),
  trades: createTrades(store),
  positions: createPositions(store),
  orders: createOrders(store, now),
  fills: createFills(store),
  guard: createGuard(store),
  balance: createBalance(store),
  links: createLinks(store, now),
  events: createEvents(store),
});
createTabs(byId('tabs'), byId('account'));
state.mark(store, ...Object.keys(panels));
setInterval(tick, TICK_MS);
changed();
void start();
