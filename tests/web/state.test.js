import assert from 'node:assert/strict';
import test from 'node:test';

import * as state from '../../web/state.js';

function started() {
  const store = state.createStore();
  store.symbols = [{ category: 'linear', symbol: 'BTCUSDT', tick_size: '0.10' }];
  store.keys = true;
  state.chooseSymbol(store, 'linear', 'BTCUSDT');
  state.setFeedState(store, 'open', 1000);
  state.applyEvent(store, 'hello', { env: 'sim', epoch: 5, seq: 10 }, '5-10', 1000);
  store.needs.clear();
  return store;
}

const order = (link, orderState, seq, more = {}) => ({ link, state: orderState, seq, symbol: 'BTCUSDT', category: 'linear', side: 'buy', qty: '1', ...more });
const ticker = (last, more = {}) => ({ category: 'linear', symbol: 'BTCUSDT', last, ...more });

test('an order is open until an event ends it, whatever an older list says', () => {
  const store = started();
  state.applyEvent(store, 'order', order('a', 'open', 11), '5-11', 1001);
  assert.equal(store.orders.size, 1);
  state.applyEvent(store, 'order', order('a', 'filled', 13), '5-13', 1002);
  assert.equal(store.orders.size, 0);
  state.putOrder(store, order('a', 'open', 11));
  assert.equal(store.orders.size, 0);
  state.putOrder(store, order('b', 'unknown', 12));
  state.putOrder(store, order('b', 'open', 9));
  assert.equal(store.orders.get('b').state, 'unknown');
  assert.equal(store.feed.seq, 13);
});

test('an order that was not sent and is tried again opens again', () => {
  const store = started();
  state.putOrder(store, order('a', 'not_sent', 11));
  state.putOrder(store, order('a', 'accepted', 12));
  assert.equal(store.orders.get('a').state, 'accepted');
});

test('a fill that the list and the stream both tell is one', () => {
  const store = started();
  const fill = (id, seq) => ({ id, order_id: 'o', category: 'linear', symbol: 'BTCUSDT', seq });
  state.putFill(store, fill('1', 11));
  state.putFill(store, fill('3', 13));
  state.putFill(store, fill('2', 12));
  state.putFill(store, fill('3', 13));
  assert.deepEqual(store.fills.map((one) => one.id), ['3', '2', '1']);
});

test('everything is bounded', () => {
  const store = started();
  for (let i = 0; i < 5000; i++) {
    state.applyEvent(store, 'order', order(`l${i}`, i % 2 ? 'open' : 'filled', 20 + i), `5-${20 + i}`, i);
    state.applyEvent(store, 'trade', { id: String(i), category: 'linear', symbol: 'BTCUSDT', price: '1', qty: '1', ts: i }, '', i);
    state.applyEvent(store, 'position', { category: 'linear', symbol: `S${i}`, side: null, qty: '0' }, '', i);
    if (i < 1000) state.putFill(store, { id: String(i), order_id: 'o', category: 'linear', seq: i });
  }
  assert.ok(store.orders.size <= 2000 && store.ended.size <= 500 && store.fills.length <= 200);
  assert.ok(store.trades.length <= 60 && store.events.length <= 200 && store.positions.size <= 512);
  assert.equal(store.trades[0].id, '4999');
});

test('a whole list of positions replaces, but not what was said later', () => {
  const store = started();
  state.putPosition(store, { category: 'linear', symbol: 'OLD', side: 'buy', qty: '1', recv_at: 100 });
  state.putPosition(store, { category: 'linear', symbol: 'NEW', side: null, qty: '0', recv_at: 300 });
  state.replacePositions(store, [{ category: 'linear', symbol: 'NEW', side: 'buy', qty: '1' }], 200);
  assert.ok(!store.positions.has('linear:OLD:0'));
  assert.ok(state.isFlat(store.positions.get('linear:NEW:0')));
});

test('the newest balance wins', () => {
  const store = started();
  state.applyEvent(store, 'balance', { equity: '2', recv_at: 2000 }, '', 2000);
  state.replaceBalance(store, { equity: '1' }, 1500);
  assert.equal(store.balance.equity, '2');
});

test('events of another symbol are not shown', () => {
  const store = started();
  state.applyEvent(store, 'ticker', { category: 'spot', symbol: 'BTCUSDT', last: '1' }, '', 1001);
  assert.equal(store.ticker, null);
  state.applyEvent(store, 'ticker', ticker('5'), '', 1002);
  state.applyEvent(store, 'ticker', ticker('6'), '', 1003);
  assert.equal(store.rising, 1);
});

test('a jump in the book asks for a fresh stream and says syncing', () => {
  const store = started();
  const frame = (type, u) => ({ category: 'linear', symbol: 'BTCUSDT', type, depth: 50, u, bids: [['1', '1']], asks: [['2', '1']] });
  state.applyEvent(store, 'book', frame('snapshot', 1), '', 1001);
  assert.equal(state.judge(store, 1002).book, null);
  state.applyEvent(store, 'book', frame('delta', 3), '', 1002);
  assert.ok(store.needs.has('feed'));
  assert.equal(state.judge(store, 1003).book.why, 'syncing');
});

test('gaps: the book syncs, lists are read again', () => {
  const store = started();
  state.applyEvent(store, 'book', { category: 'linear', symbol: 'BTCUSDT', type: 'snapshot', u: 1, bids: [], asks: [] }, '', 1001);
  state.applyEvent(store, 'gap', { topic: 'book:linear:BTCUSDT:50', repaired: false }, '', 1002);
  assert.equal(store.book.state, 'syncing');
  state.applyEvent(store, 'gap', { topic: 'trades:linear:BTCUSDT' }, '', 1003);
  state.applyEvent(store, 'gap', { topic: 'candles:linear:BTCUSDT:1m' }, '', 1003);
  state.applyEvent(store, 'gap', { topic: 'positions' }, '', 1003);
  assert.deepEqual([...store.needs].sort(), ['candles', 'states', 'trades']);
  assert.equal(store.events.filter((entry) => entry.tag === 'gap').length, 4);
});

test('a reset starts the account anew', () => {
  const store = started();
  state.putOrder(store, order('gone', 'open', 9));
  state.putFill(store, { id: '1', order_id: 'o', category: 'linear', seq: 8 });
  state.applyEvent(store, 'reset', { reason: 'the id is unknown here', orders: [order('kept', 'open', 3)] }, '6-4', 2000);
  assert.deepEqual([...store.orders.keys()], ['kept']);
  assert.equal(store.fills.length, 0);
  assert.ok(store.needs.has('account'));
});

test('a new epoch reads the account again', () => {
  const store = started();
  state.applyEvent(store, 'hello', { env: 'sim', epoch: 6, seq: 1 }, '', 2000);
  assert.ok(store.needs.has('account'));
});

test('silence greys what must flow, and only that', () => {
  const store = started();
  state.applyEvent(store, 'ticker', ticker('5'), '', 2000);
  state.applyEvent(store, 'book', { category: 'linear', symbol: 'BTCUSDT', type: 'snapshot', u: 1, bids: [], asks: [] }, '', 4000);
  assert.deepEqual(state.judge(store, 5000), { gone: null, price: null, chart: null, book: null, trades: null, account: null, links: null, events: null });
  const later = state.judge(store, 6000);
  assert.deepEqual([later.price.since, later.book, later.trades, later.account], [2000, null, null, null]);
  assert.equal(state.judge(store, 7001).trades.since, 4000);
});

test('a link that is down greys its own panels', () => {
  const store = started();
  state.applyEvent(store, 'status', { link: 'private', state: 'connected', since: 1 }, '', 2000);
  state.applyEvent(store, 'status', { link: 'private', state: 'down', since: 2100 }, '', 2100);
  const verdict = state.judge(store, 2200);
  assert.equal(verdict.account.since, 2100);
  assert.equal(verdict.price, null);
  state.applyEvent(store, 'status', { link: 'public.spot', state: 'down', since: 2100 }, '', 2100);
  assert.equal(state.judge(store, 2200).price, null);
  state.applyEvent(store, 'status', { link: 'public.linear', state: 'stale', since: 2150 }, '', 2150);
  assert.equal(state.judge(store, 2200).book.since, 2150);
  assert.equal(store.events.length, 3);
});

test('the page is gone with its feed, since the first loss, but not while it is opened again', () => {
  const store = started();
  state.setFeedState(store, 'down', 3000);
  assert.equal(state.judge(store, 3200).gone, null);
  state.setFeedState(store, 'connecting', 5000);
  state.setFeedState(store, 'down', 6000);
  assert.equal(state.judge(store, 6100).gone, 3000);
  state.setFeedState(store, 'open', 7000);
  assert.equal(state.judge(store, 7001).gone, null);
});

test('a bridge that answers nothing is gone although its socket is open', () => {
  const store = started();
  state.applyStatus(store, null, 2000);
  assert.equal(state.judge(store, 3000).gone, null);
  assert.equal(state.judge(store, 4100).gone, 1000);
});
