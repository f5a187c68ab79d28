// Every link that data comes through, the journal and the clock.

import { byId, createTable, setText } from './dom.js';
import { bytes, clock, dateAndClock, span, time } from './format.js';
import { linkRows } from './link_rows.js';

const marks = { good: '\u25cf', idle: '\u25cb', warn: '\u25b2', bad: '\u2716' };

export function createLinks(store, now) {
  const sync = createTable(byId('links'), 'Connections', [
    { title: 'Link', head: true, class: 'left', show: (row) => ({ text: row.name }) },
    { title: 'State', class: 'left', show: (row) => ({ text: `${marks[row.level]} ${row.state}`, class: row.level }) },
    { title: 'Since', class: 'number faint', show: (row) => ({ text: clock(row.since), title: [row.detail, dateAndClock(row.since)].filter(Boolean).join(', ') }) },
  ]);

  function pageRow() {
    const { feed } = store;
    const missing = [...feed.missing.keys()];
    return {
      name: 'This page',
      state: feed.state,
      level: { open: 'good', connecting: 'warn' }[feed.state] ?? 'bad',
      since: feed.since || NaN,
      detail: missing.length ? `without ${missing.join(', ')}` : '',
    };
  }

  return function show() {
    const { status } = store;
    const rows = [...linkRows(store), pageRow()];
    const details = rows.filter((row) => ['REST', 'Journal', 'Clock', 'This page'].includes(row.name) && row.detail)
      .map((row) => `${row.name}: ${row.detail}`);
    const reasons = (status?.reasons ?? []).map((reason) => `Not ready: ${reason}`);
    sync(rows, (row) => row.name, '', [...reasons, ...details].join('\n'));
    setText(byId('uptime'), status ? `up ${span(now() - time(status.started_at))}` : '');
    const host = window.location.host;
    const journal = status?.journal ? ` \u00b7 journal ${bytes(status.journal.file_bytes)}` : '';
    setText(byId('about'), status ? `bridge ${status.version} \u00b7 ${host}${journal}` : host);
  };
}
