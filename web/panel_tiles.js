// The account at a glance.

import { byId, el, setClass, setText } from './dom.js';
import { clock, dash, group, shorten, sign, signed, sum, time } from './format.js';
import { isFlat } from './state.js';
import { toneOf } from './panel_price.js';

const money = (text) => group(text === null || text === undefined ? null : shorten(text, 2), 2);

function share(part, whole) {
  const ratio = (100 * Number(part)) / Number(whole); // a hint, not an amount
  return Number.isFinite(ratio) && part !== null ? `${ratio.toFixed(0)}% of equity` : '';
}

function open(store) {
  return [...store.positions.values()].filter((position) => !isFlat(position));
}

const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;

const tiles = [
  ['Equity', ({ balance }) => [money(balance?.equity), 'USD']],
  ['Available', ({ balance }) => [money(balance?.available), balance ? share(balance.available, balance.equity) : '']],
  ['Margin used', ({ balance }) => [money(balance?.margin_used), balance ? share(balance.margin_used, balance.equity) : '']],
  ['Unrealised', (store) => {
    const total = sum(open(store).map((position) => position.unrealised_pnl));
    if (!store.positionsLoaded) return [dash, ''];
    return [total === null ? '0' : signed(shorten(total, 2), 2), plural(open(store).length, 'position'), toneOf(sign(total))];
  }],
  ['Exposure', (store) => {
    const total = sum(open(store).map((position) => position.value));
    return store.positionsLoaded ? [money(total ?? '0'), store.balance ? share(total ?? '0', store.balance.equity) : ''] : [dash, ''];
  }],
  ['Open orders', (store) => {
    const unknown = [...store.orders.values()].filter((order) => order.state === 'unknown').length;
    return store.ordersLoaded ? [String(store.orders.size), unknown ? `${unknown} unknown` : '', unknown ? 'warn' : ''] : [dash, ''];
  }],
  ['Last fill', ({ fills }) => {
    const fill = fills[0];
    return fill ? [`${fill.side === 'sell' ? '\u2212' : '+'}${fill.qty}`, `${fill.symbol} ${clock(time(fill.at) || fill.ts)}`] : [dash, ''];
  }],
  ['Feed', (store) => [store.feed.state === 'open' ? 'live' : store.feed.state, store.gaps ? `${plural(store.gaps, 'gap')} seen` : 'no gap',
    store.feed.state === 'open' ? '' : 'warn']],
];

export function createTiles(store) {
  const holder = byId('tiles');
  const nodes = tiles.map(([title]) => {
    const node = el('div', { class: 'tile' }, el('h2', {}, title), el('p', { class: 'value' }, dash), el('p', { class: 'under' }));
    holder.append(node);
    return node;
  });
  return function show() {
    tiles.forEach(([title, value], index) => {
      const [, big, under] = nodes[index].children;
      const isAccount = store.keys === false && title !== 'Feed';
      const [text, more, tone = ''] = isAccount ? [dash, 'no API key'] : value(store);
      setText(big, text);
      setClass(big, `value ${tone}`);
      setText(under, more);
    });
  };
}
