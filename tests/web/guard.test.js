import assert from 'node:assert/strict';
import test from 'node:test';

import { describe } from '../../web/describe.js';
import { guardChange, killedLine } from '../../web/guard.js';
import { linkRows } from '../../web/link_rows.js';
import * as state from '../../web/state.js';

const killed = (more = {}) => ({ killed: true, clear: false, since: Date.UTC(2026, 0, 2, 3, 4, 5), reason: null, by: 'http', ...more });
const report = (kill, more = {}) => ({ ...killed(), since: '2026-01-02T03:04:05.000Z', durable: true, kill, ...more });

test('the banner says why, since when, and how far the cancelling is', () => {
  assert.equal(killedLine(null, null), null);
  assert.equal(killedLine({ killed: false }, report(null)), null);
  assert.match(killedLine(killed(), null), /^KILLED since \d\d:\d\d:\d\d\. Still cancelling\. No order is sent until POST \/guard\/arm\.$/);
  assert.match(killedLine(killed({ reason: 'a stop.' }), report({ open_count: 2, unknown_count: 1, cancelled_count: 7, filled_count: 0, not_sent_count: 3, scopes: [] })),
    /: a stop\. Still cancelling: 2 still open, 1 with an unknown outcome, 7 cancelled, 3 never sent\. No/);
  assert.match(killedLine(killed({ clear: true }), report({ cancelled_count: 7, open_count: 0, scopes: [] })), /Nothing is open \(7 cancelled\)\. No/);
  assert.match(killedLine(killed(), report({ scopes: [{ category: 'option', state: 'failed', error: 'no permission' }, { category: 'spot', state: 'clear', error: null }] })),
    /\. option failed: no permission\. No/);
  assert.match(killedLine(killed(), report(null, { durable: false })), /Not stored yet: a restart would end it/);
});

test('each change has its words', () => {
  assert.deepEqual(guardChange({ change: 'killed', reason: 'x' }), ['Killed: no order is sent', 'x']);
  assert.deepEqual(guardChange({ change: 'clear' }), ['Killed, and nothing is open any more', '']);
  assert.deepEqual(guardChange({ change: 'armed', reason: null }), ['Armed: orders are sent again', '']);
  assert.deepEqual(guardChange({ change: 'limits', limits: { max_order_notional: '10', symbols: null, reduce_only_mode: false } }), ['Limits changed', '1 limit is on']);
  assert.equal(describe('guard', { change: 'killed', killed: true }, 1).tag, 'kill');
});

function started() {
  const store = state.createStore();
  store.keys = true;
  state.setFeedState(store, 'open', 1000);
  return store;
}

test('the guard follows its events, and what is read over HTTP is not older than they are', () => {
  const store = started();
  state.applyEvent(store, 'guard', { change: null, killed: false, clear: false, since: null, reason: null, by: null }, '', 1000);
  assert.equal(store.events.length, 0); // nothing has happened
  assert.equal(store.guard.killed, false);
  state.applyEvent(store, 'guard', { change: 'killed', killed: true, clear: false, since: 5, reason: 'x', by: 'http' }, '5-1', 1001);
  assert.equal(store.events[0].tag, 'kill');
  assert.ok(store.needs.has('guard') && store.dirty.has('guard') && state.guardIsMoving(store));
  const changes = store.guardChanges;
  state.applyEvent(store, 'guard', { change: 'armed', killed: false, clear: false, since: 6, reason: null, by: 'http' }, '5-2', 1002);
  state.putGuardReport(store, report({ open_count: 1 }), changes);
  assert.equal(store.guard.killed, false);
  state.putGuardReport(store, report({ open_count: 1 }), store.guardChanges);
  assert.equal(store.guard.killed, true);
  assert.ok(state.guardIsMoving(store));
  state.putGuardReport(store, report(null, { clear: true }), store.guardChanges);
  assert.equal(state.guardIsMoving(store), false);
  state.putGuardReport(store, report(null, { clear: true, durable: false }), store.guardChanges);
  assert.equal(state.guardIsMoving(store), true);
});

test('a kill that is not stored yet shows in /status, and is asked for', () => {
  const store = started();
  state.applyStatus(store, { env: 'sim', keys: true, links: [], guard: { killed: false } }, 1);
  assert.equal(store.needs.has('guard'), false);
  state.applyStatus(store, { env: 'sim', keys: true, links: [], guard: { killed: true } }, 2);
  assert.ok(store.needs.has('guard'));
});

test('the rate budget shows what is left, who waits, and a ban', () => {
  const store = started();
  const rest = () => linkRows(store).find((row) => row.name === 'REST');
  state.applyStatus(store, { env: 'sim', keys: true, links: [{ link: 'rest', state: 'connected', since: 1 }], budget: { ip_limit: 550, ip_left: 540, banned_for_ms: 0, windows: [], lanes: [] } }, 1);
  assert.equal(rest().detail, '540 of 550 requests left');
  store.status.budget = { ip_limit: 550, ip_left: 3, banned_for_ms: 0, lanes: [{ lane: 'create', waiting: 4, throttled: 0 }, { lane: 'read', waiting: 1, throttled: 0 }],
    windows: [{ route: '/v5/order/create', category: 'linear', limit: 10, left: 0, held_for_ms: 0 }] };
  assert.equal(rest().detail, '3 of 550 requests left, 5 waiting, none left of /v5/order/create linear');
  store.status.budget = { ip_limit: 550, ip_left: 0, banned_for_ms: 5000, banned_until: '2026-01-02T03:04:05.000Z', windows: [], lanes: [] };
  assert.equal(rest().state, 'banned');
  assert.match(rest().detail, /^banned until \d\d:\d\d:\d\d/);
});
