// Environment, symbol picker, and the links at a glance.

import { byId, el, setClass, setText, setTitle } from './dom.js';
import { clock } from './format.js';
import { linkRows } from './link_rows.js';

const TITLES = { linear: 'Perpetuals and futures (linear)', spot: 'Spot', inverse: 'Inverse' };

export function createHeader(store, onChoose) {
  const select = byId('symbol');
  const pills = byId('pills');
  let filledWith = null;

  select.addEventListener('change', () => {
    const [category, symbol] = select.value.split(':');
    onChoose(category, symbol);
  });

  function fillPicker() {
    filledWith = store.symbols;
    const groups = Object.entries(TITLES).map(([category, label]) => {
      const rows = store.symbols.filter((row) => row.category === category);
      const options = rows.map((row) => el('option', { value: `${category}:${row.symbol}` }, row.symbol));
      return options.length ? el('optgroup', { label }, ...options) : '';
    });
    select.replaceChildren(...groups.filter(Boolean));
    select.disabled = store.symbols.length === 0;
  }

  function pill(row) {
    const item = el('li', {}, el('span', { class: 'dot' }), el('span', { class: 'name' }), el('span', { class: 'digits' }));
    item.dataset.link = row.name;
    return item;
  }

  function showPills() {
    const rows = linkRows(store).filter((row) => row.pill);
    while (pills.children.length > rows.length) pills.lastElementChild.remove();
    rows.forEach((row, index) => {
      const item = pills.children[index] ?? pills.appendChild(pill(row));
      const [dot, name, text] = item.children;
      setClass(item, row.short === 'ok' ? 'good plain' : row.level);
      setClass(dot, `dot ${row.level}`);
      setText(name, row.pill);
      setText(text, row.short);
      setTitle(item, `${row.name}: ${row.state}${Number.isFinite(row.since) ? ` since ${clock(row.since)}` : ''}`);
    });
  }

  return function show() {
    const env = byId('env');
    setText(env, store.env ? store.env.toUpperCase() : '\u2026');
    setClass(env, `env ${store.env ?? ''}`);
    if (filledWith !== store.symbols) fillPicker();
    const value = `${store.category}:${store.symbol}`;
    if (store.symbol && select.value !== value) select.value = value;
    showPills();
  };
}
