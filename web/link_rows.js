// The parts that data comes through, as rows: what /status and the stream's status events say. Pure.

import { bytes, clock, span, time } from './format.js';

const LEVELS = { connected: 'good', open: 'good', synced: 'good', idle: 'idle', connecting: 'warn', 'not synced': 'warn', stale: 'bad', down: 'bad', unknown: 'idle' };

function row(name, pill, state, more = {}) {
  const level = LEVELS[state] ?? 'warn';
  return { name, pill, state, level, short: level === 'good' ? 'ok' : state, detail: '', since: NaN, ...more };
}

function upstream(store, link, name, pill) {
  const found = store.links.get(link);
  if (!found) return row(name, pill, 'unknown');
  const parts = [];
  if (Number.isFinite(found.age_ms)) parts.push(`data ${found.age_ms < 1000 ? `${found.age_ms} ms` : span(found.age_ms)} old`);
  if (found.topics) parts.push(`${found.topics} topics`);
  if (found.reconnects) parts.push(`${found.reconnects} reconnects`);
  return row(name, pill, found.state, { since: found.since, detail: parts.join(', ') });
}

function journal(status) {
  const found = status?.journal;
  if (!found) return row('Journal', null, status ? 'not kept' : 'unknown', status ? { level: 'idle' } : {});
  const behind = found.waiting_rows ?? 0;
  return row('Journal', 'Journal', found.state, {
    short: found.state === 'open' ? `${behind} behind` : found.state,
    detail: `${behind} rows waiting, ${bytes(found.file_bytes)}`,
  });
}

function clockRow(status) {
  const found = status?.clock;
  if (!found?.synced) return row('Clock', 'Clock', status ? 'not synced' : 'unknown');
  const offset = `${found.offset_ms < 0 ? '\u2212' : '+'}${Math.abs(found.offset_ms)} ms`;
  const bound = found.bound_ms === null ? '' : ` \u00b1 ${found.bound_ms} ms`;
  return row('Clock', 'Clock', 'synced', { short: offset, detail: `exchange ${offset}${bound}` });
}

// What is left of the rate budget, who waits for it, and a ban.
function restRow(store) {
  const budget = store.status?.budget;
  const rest = upstream(store, 'rest', 'REST', 'REST');
  if (!budget || !Number.isFinite(budget.ip_left)) return rest;
  const waiting = (budget.lanes ?? []).reduce((sum, lane) => sum + lane.waiting, 0);
  const spent = (budget.windows ?? []).filter((window) => window.left === 0 || window.held_for_ms > 0);
  const parts = [`${budget.ip_left}${budget.ip_limit ? ` of ${budget.ip_limit}` : ''} requests left`];
  if (waiting) parts.push(`${waiting} waiting`);
  for (const window of spent) parts.push(`none left of ${window.route}${window.category ? ` ${window.category}` : ''}`);
  if (budget.banned_for_ms > 0) {
    const until = `banned until ${clock(time(budget.banned_until))}`;
    return { ...rest, state: 'banned', level: 'bad', short: 'banned', detail: [until, ...parts].join(', ') };
  }
  return { ...rest, detail: parts.join(', ') };
}

export function linkRows(store) {
  const { status } = store;
  const busy = [...store.links.values()].filter((link) => link.link.startsWith('public.') &&
    (link.state !== 'idle' || link.link === `public.${store.category}`));
  const rows = [restRow(store)];
  for (const link of busy) {
    const category = link.link.slice('public.'.length);
    rows.push(upstream(store, link.link, `Public ${category}`, category === store.category ? 'Public' : null));
  }
  if (store.keys !== false) rows.push(upstream(store, 'private', 'Private', 'Private'));
  rows.push(journal(status), clockRow(status));
  return rows;
}
