// What has happened since this page is open, the newest first.

import { byId, el, setClass, setText, setTitle } from './dom.js';
import { clock, dateAndClock } from './format.js';

const SHOWN_MAX = 100;

function build() {
  return el('li', {}, el('span', { class: 'digits faint' }), el('span'), el('span', { class: 'what' }), el('span', { class: 'who faint digits' }));
}

export function createEvents(store) {
  const list = byId('events');
  const filters = byId('filters');
  const rows = new Map(); // entry -> its row
  let kind = '';

  function show() {
    const entries = store.events.filter((entry) => !kind || entry.kind === kind).slice(0, SHOWN_MAX);
    const shown = new Set(entries);
    for (const [entry, row] of rows) {
      if (shown.has(entry)) continue;
      row.remove();
      rows.delete(entry);
    }
    let next = list.firstElementChild;
    for (const entry of entries) {
      const row = rows.get(entry) ?? buildFor(entry);
      if (row === next) next = next.nextElementSibling;
      else list.insertBefore(row, next);
    }
    byId('events-empty').hidden = entries.length > 0;
    list.hidden = entries.length === 0;
    setText(byId('seq'), store.feed.seq === null ? '\u2013' : String(store.feed.seq).replace(/\B(?=(\d{3})+$)/g, ','));
    setClass(byId('feed-dot'), `dot ${store.feed.state === 'open' ? 'good' : 'bad'}`);
  }

  function buildFor(entry) {
    const row = build();
    const [at, tag, what, who] = row.children;
    setText(at, clock(entry.at));
    setTitle(at, dateAndClock(entry.at));
    setText(tag, entry.tag);
    setClass(tag, `tag ${entry.tag.replace(' ', '-')}`);
    const text = [entry.text, entry.end].filter(Boolean).join(' \u00b7 ');
    setText(what, text);
    setTitle(what, text);
    setText(who, entry.who ?? '');
    rows.set(entry, row);
    return row;
  }

  filters.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    kind = button.dataset.kind;
    for (const other of filters.children) other.setAttribute('aria-pressed', String(other === button));
    show();
  });
  return show;
}
