// What the page knows, and how each event changes it. Pure: no document, no network, no clock.
//
// All lists are bounded. A change marks the panels that show it in `store.dirty`; what must be
// fetched again because of it is added to `store.needs`.

import { applyFrame, createBook, loseBook } from './book.js';
import { mergeCandles } from './candles.js';
import { describe } from './describe.js';
import { isDecimal, sign, time } from './format.js';

const TRADES_MAX = 60;
const FILLS_MAX = 200;
const EVENTS_MAX = 200;
const ENDED_MAX = 500;
const ORDERS_MAX = 2000;
const POSITIONS_MAX = 512;

// Where data must flow, and for how long it may be silent.
const SILENCE_MS = 3000;
// A feed that is opened again (another symbol) is not gone yet.
const REOPEN_MS = 700;

const OPEN_STATES = new Set(['pending', 'accepted', 'open', 'partial', 'untriggered', 'unknown']);

export function createStore() {
  return {
    dirty: new Set(),
    needs: new Set(),
    env: null,
    keys: null, // null: not known yet
    symbols: [],
    category: 'linear',
    symbol: '',
    instrument: null,
    feed: { state: 'connecting', since: 0, epoch: null, seq: null, lastId: '', missing: new Map(), eventAt: 0 },
    status: null,
    statusFailed: false,
    statusAt: NaN,
    links: new Map(),
    at: { ticker: 0, book: 0, trade: 0, candle: 0 }, // when the last one came
    ticker: null,
    rising: 0, // the last price's move: -1, 0, 1
    book: createBook(),
    trades: [],
    candles: [],
    orders: new Map(),
    ended: new Map(), // link -> seq of its end, so that an older list does not open it again
    ordersLoaded: false,
    fills: [],
    fillsLoaded: false,
    positions: new Map(),
    positionsLoaded: false,
    balance: null,
    balanceAt: NaN,
    guard: null, // killed, clear, since (ms), reason, by; null: not known, or there are no keys
    guardReport: null, // GET /guard, read while it is killed
    guardChanges: 0,
    events: [],
    notes: new Map(), // panel -> why it has nothing
    gaps: 0,
  };
}

export function mark(store, ...panels) {
  for (const panel of panels) store.dirty.add(panel);
}

export function note(store, panel, text) {
  if (text) store.notes.set(panel, text);
  else store.notes.delete(panel);
  mark(store, panel);
}

export function topicSymbol(store) {
  return `${store.category}:${store.symbol}`;
}

export function chooseSymbol(store, category, symbol) {
  Object.assign(store, {
    category,
    symbol,
    instrument: store.symbols.find((row) => row.category === category && row.symbol === symbol) ?? null,
    ticker: null,
    rising: 0,
    book: createBook(),
    trades: [],
    candles: [],
  });
  Object.assign(store.at, { ticker: 0, book: 0, trade: 0, candle: 0 });
  for (const panel of ['trades', 'chart']) store.notes.delete(panel);
  mark(store, 'header', 'price', 'chart', 'book', 'trades');
}

// --- journaled events ---

export function orderKey(order) {
  return order.link || order.id || order.client_id;
}

function trim(map, max) {
  while (map.size > max) map.delete(map.keys().next().value);
}

export function putOrder(store, order) {
  const key = orderKey(order);
  const known = store.orders.get(key)?.seq ?? store.ended.get(key) ?? -1;
  if ((order.seq ?? 0) < known) return;
  if (OPEN_STATES.has(order.state)) {
    if (!store.ended.has(key) || order.seq > known) {
      store.ended.delete(key);
      store.orders.set(key, order);
    }
  } else {
    store.orders.delete(key);
    store.ended.delete(key);
    store.ended.set(key, order.seq ?? 0);
  }
  trim(store.ended, ENDED_MAX);
  trim(store.orders, ORDERS_MAX);
  mark(store, 'orders', 'header');
}

export function putFill(store, fill) {
  const isSame = (other) => other.id === fill.id && other.order_id === fill.order_id && other.category === fill.category;
  if (store.fills.some(isSame)) return;
  const seq = fill.seq ?? 0;
  let at = 0;
  while (at < store.fills.length && (store.fills[at].seq ?? 0) > seq) at++;
  store.fills.splice(at, 0, fill);
  store.fills.length = Math.min(store.fills.length, FILLS_MAX);
  mark(store, 'fills', 'header');
}

// --- states of the account ---

export function positionKey(position) {
  return `${position.category}:${position.symbol}:${position.position_idx ?? 0}`;
}

export function isFlat(position) {
  return !position.side || (isDecimal(position.qty) && sign(position.qty) === 0);
}

export function putPosition(store, position) {
  const key = positionKey(position);
  store.positions.delete(key); // the newest last: a full map loses the oldest
  store.positions.set(key, position);
  trim(store.positions, POSITIONS_MAX);
  mark(store, 'positions', 'header');
}

// A whole list as of `asOf`; what the stream has said later stays.
export function replacePositions(store, items, asOf) {
  const later = [...store.positions].filter(([, position]) => position.recv_at > asOf);
  store.positions = new Map(items.map((position) => [positionKey(position), { ...position, seen_at: asOf }]));
  for (const [key, position] of later) store.positions.set(key, position);
  store.positionsLoaded = true;
  note(store, 'positions', null);
  mark(store, 'header');
}

export function replaceBalance(store, balance, asOf) {
  if (store.balanceAt > asOf) return;
  store.balance = balance;
  store.balanceAt = asOf;
  note(store, 'balance', null);
  mark(store, 'header');
}

// --- market ---

function isOurs(store, data) {
  return data.symbol === store.symbol && data.category === store.category;
}

function onTicker(store, data, now) {
  const before = store.ticker?.last;
  if (before && data.last && before !== data.last) store.rising = Math.sign(Number(data.last) - Number(before));
  store.ticker = data;
  store.at.ticker = now;
  mark(store, 'price', 'chart', 'book');
}

function onBook(store, data, now) {
  store.at.book = now;
  if (applyFrame(store.book, data) === 'lost') {
    store.needs.add('feed');
    addEvent(store, { kind: 'system', tag: 'gap', text: 'A step of the order book is missing: syncing', at: now });
  }
  mark(store, 'book');
}

export function putTrades(store, trades) {
  for (const trade of trades) {
    if (store.trades.some((other) => other.id === trade.id)) continue;
    const at = store.trades.findIndex((other) => tradeTime(other) <= tradeTime(trade));
    store.trades.splice(at < 0 ? store.trades.length : at, 0, trade);
  }
  store.trades.length = Math.min(store.trades.length, TRADES_MAX);
  mark(store, 'trades');
}

export function tradeTime(trade) {
  return trade.ts ?? time(trade.at);
}

export function putCandles(store, rows) {
  mergeCandles(store.candles, rows);
  mark(store, 'chart');
}

// --- the guard ---

function onGuard(store, data) {
  store.guard = { killed: data.killed, clear: data.clear, since: data.since ?? NaN, reason: data.reason, by: data.by };
  store.guardChanges++;
  if (!data.killed) store.guardReport = null;
  store.needs.add('guard');
  mark(store, 'guard');
}

// GET /guard, asked for after `changes` changes: an event that came meanwhile is newer.
export function putGuardReport(store, report, changes) {
  if (changes !== store.guardChanges) return;
  store.guardReport = report;
  store.guard = { killed: report.killed, clear: report.clear, since: time(report.since), reason: report.reason, by: report.by };
  mark(store, 'guard');
}

// What is not so any more by the time it is shown must be asked for again.
export function guardIsMoving(store) {
  return Boolean(store.guard?.killed && (!store.guard.clear || store.guardReport?.durable === false));
}

// --- the feed itself ---

export function addEvent(store, entry) {
  store.events.unshift(entry);
  store.events.length = Math.min(store.events.length, EVENTS_MAX);
  mark(store, 'events');
}

// What the journal has from before this page, the oldest first.
export function addHistory(store, items) {
  const entries = items.map((item) => describe(item.event, item.data, time(item.at)));
  store.events.push(...entries.reverse());
  store.events.length = Math.min(store.events.length, EVENTS_MAX);
  mark(store, 'events');
}

function onLink(store, data, now) {
  const before = store.links.get(data.link);
  store.links.set(data.link, { ...before, ...data, since: time(data.since) });
  if (before ? before.state !== data.state : !['connected', 'idle', 'connecting'].includes(data.state))
    addEvent(store, describe('status', data, now));
  store.needs.add('status');
  mark(store, 'links', 'header');
}

function onHello(store, data) {
  if (store.feed.epoch !== data.epoch) store.needs.add('account'); // at first, too
  if (store.feed.epoch === null) store.needs.add('history');
  store.feed.epoch = data.epoch;
  store.feed.seq = Math.max(data.seq ?? 0, 0);
  // Positions and balance begin with a snapshot, but what was closed meanwhile is in none.
  store.needs.add('states');
  mark(store, 'events', 'header');
}

function onGap(store, data) {
  const topic = String(data.topic ?? '');
  store.gaps++;
  if (topic.startsWith('book:')) {
    loseBook(store.book);
    mark(store, 'book');
  } else if (topic.startsWith('trades:')) {
    store.needs.add('trades');
  } else if (topic.startsWith('candles:')) {
    store.needs.add('candles');
  } else {
    store.needs.add('states');
  }
}

function onReset(store, data) {
  store.orders.clear();
  store.ended.clear();
  store.ordersLoaded = Array.isArray(data.orders);
  for (const order of data.orders ?? []) putOrder(store, order);
  store.fills = [];
  store.fillsLoaded = false;
  store.positionsLoaded = false;
  store.needs.add('account');
  mark(store, 'orders', 'fills', 'positions', 'header');
}

const handlers = {
  hello: onHello,
  status: onLink,
  gap: onGap,
  reset: onReset,
  guard: onGuard,
  order: putOrder,
  fill: putFill,
  position: (store, data) => {
    store.positionsLoaded = true;
    putPosition(store, data);
  },
  balance: (store, data, now) => replaceBalance(store, data, data.recv_at ?? now),
  ticker: (store, data, now) => isOurs(store, data) && onTicker(store, data, now),
  book: (store, data, now) => isOurs(store, data) && onBook(store, data, now),
  trade: (store, data, now) => {
    if (!isOurs(store, data)) return;
    store.at.trade = now;
    putTrades(store, [data]);
  },
  candle: (store, data, now) => {
    if (!isOurs(store, data) || (data.interval && data.interval !== '1m')) return;
    store.at.candle = now;
    putCandles(store, [data]);
  },
};

const TOLD = new Set(['order', 'fill', 'gap', 'reset', 'bye', 'guard']);

// The guard as it is, on connecting: nothing has changed.
const isState = (event, data) => event === 'guard' && !data.change;

// One event of the stream; `id` is the last id seen ("<epoch>-<seq>").
export function applyEvent(store, event, data, id, now) {
  store.feed.eventAt = now;
  if (id && id !== store.feed.lastId) {
    store.feed.lastId = id;
    store.feed.seq = Number(id.split('-')[1]);
    mark(store, 'events');
  }
  handlers[event]?.(store, data, now);
  if (TOLD.has(event) && !isState(event, data)) addEvent(store, describe(event, data, now));
}

export function setFeedState(store, state, now) {
  if (store.feed.state === state) return;
  const wasOpen = store.feed.state === 'open';
  // Between two tries the feed stays down since the first loss.
  if (wasOpen || state === 'open' || !store.feed.since) store.feed.since = now;
  store.feed.state = state;
  mark(store, 'events', 'links', 'header');
}

// GET /status; null: it did not answer.
export function applyStatus(store, status, now) {
  store.statusFailed = !status;
  if (status) {
    store.statusAt = now;
    store.status = status;
    store.env = status.env;
    if (store.keys !== status.keys) mark(store, 'positions', 'orders', 'fills', 'balance');
    store.keys = status.keys;
    // It may be killed in memory before its event is stored.
    if (status.guard && status.guard.killed !== Boolean(store.guard?.killed)) store.needs.add('guard');
    for (const link of status.links ?? []) store.links.set(link.link, { ...link, since: time(link.since) });
  }
  mark(store, 'links', 'header');
}

// --- how far the page can be believed ---

function goneSince(store, now) {
  const { feed } = store;
  const patience = feed.epoch === null ? SILENCE_MS : REOPEN_MS; // the first time takes longer
  if (feed.state !== 'open' && feed.since && now - feed.since > patience) return feed.since;
  if (store.statusFailed && feed.eventAt && now - feed.eventAt > SILENCE_MS) return feed.eventAt;
  return null;
}

function linkStale(store, name) {
  const link = store.links.get(name);
  if (!link || link.state === 'connected' || link.state === 'idle') return null;
  return { why: `${name} is ${link.state}`, since: link.since };
}

function silent(at, now) {
  return at && now - at > SILENCE_MS ? { why: 'no data', since: at } : null;
}

// For each panel null, or why and since when (ms) it shows the past. `gone`: the whole page.
export function judge(store, now) {
  const gone = goneSince(store, now);
  const link = linkStale(store, `public.${store.category}`);
  const { ticker, book, trade } = store.at;
  const newest = Math.max(ticker, book, trade);
  const price = link ?? silent(ticker, now);
  const account = store.keys === false ? null : linkStale(store, 'private');
  const syncing = store.book.state === 'syncing' && book ? { why: 'syncing', since: book } : null;
  return {
    gone,
    price,
    chart: price,
    book: link ?? silent(book, now) ?? syncing,
    trades: link ?? silent(newest, now),
    account,
    links: store.statusFailed ? { why: 'GET /status fails', since: store.statusAt } : null,
    events: null,
  };
}
