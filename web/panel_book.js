// The order book: cumulative sizes as bars, the spread in between, our own orders marked.

import { byId, el, setClass, setText } from './dom.js';
import { decimalsOf, group, subtract, sum, toFloat } from './format.js';
import { decimalsHere, toneOf } from './panel_price.js';

const ROW_PX = 15;
const ROWS_MIN = 5;
const ROWS_MAX = 25;

function buildRow() {
  return el('tr', {}, el('th', { scope: 'row' }), el('td'), el('td', { class: 'total' }));
}

// Levels with exact running totals.
function withTotals(levels, count) {
  let total = null;
  return levels.slice(0, count).map(([price, qty]) => {
    total = total === null ? qty : sum([total, qty]);
    return { price, qty, total };
  });
}

function ownPrices(store) {
  const own = new Set();
  for (const order of store.orders.values()) {
    if (order.symbol === store.symbol && order.category === store.category && order.price)
      own.add(group(order.price, decimalsHere(store)));
  }
  return own;
}

export function createBookPanel(store) {
  const holder = byId('book');
  const asks = el('tbody', { class: 'asks' });
  const bids = el('tbody', { class: 'bids' });
  const lastPrice = el('span');
  const spread = el('span', { class: 'hint' });
  const middle = el('tbody', { class: 'middle' }, el('tr', {}, el('td', { colspan: '3' }, el('div', {}, lastPrice, spread))));
  const heads = ['Price', 'Size', 'Total'].map((text) => el('th', { scope: 'col' }, text));
  const table = el('table', { class: 'book' }, el('caption', { class: 'unseen' }, 'Order book'), el('thead', {}, el('tr', {}, ...heads)), asks, middle, bids);
  const buyShare = el('span', { class: 'up' });
  const sellShare = el('span', { class: 'down' });
  const shares = el('div', { class: 'shares', role: 'img' }, buyShare, sellShare);
  const empty = el('p', { class: 'empty' });
  let count = 12;

  holder.append(table, shares, empty);

  function measure() {
    const fixed = table.tHead.offsetHeight + middle.offsetHeight + shares.offsetHeight;
    const room = Math.floor((holder.clientHeight - fixed) / 2 / ROW_PX);
    count = Math.min(Math.max(room, ROWS_MIN), ROWS_MAX);
  }

  function showSide(body, levels, largest, own, reversed) {
    while (body.children.length < count) body.append(buildRow());
    while (body.children.length > count) body.lastElementChild.remove();
    const decimals = decimalsHere(store);
    const sizes = Math.max(0, ...levels.map((level) => decimalsOf(level.qty)));
    for (let index = 0; index < count; index++) {
      const row = body.children[reversed ? count - 1 - index : index];
      const level = levels[index];
      const price = level ? group(level.price, decimals) : '';
      const mine = own.has(price);
      setText(row.children[0], price);
      setText(row.children[1], level ? group(level.qty, sizes) : '');
      setText(row.children[2], level ? group(level.total, sizes) : '');
      setClass(row, mine ? 'mine' : '');
      if (mine) row.title = 'An order of yours is here';
      else row.removeAttribute('title');
      const width = level ? (100 * toFloat(level.total)) / largest : 0;
      row.style.setProperty('--bar', `${width.toFixed(1)}%`);
    }
  }

  function showMiddle(bestBid, bestAsk) {
    const last = store.ticker?.last;
    setText(lastPrice, last ? group(last, decimalsHere(store)) : '');
    setClass(lastPrice, `digits ${toneOf(store.rising)}`);
    const gap = bestBid && bestAsk ? subtract(bestAsk, bestBid) : null;
    const points = gap ? (10000 * toFloat(gap)) / toFloat(bestAsk) : NaN;
    setText(spread, gap ? `spread ${group(gap)} \u00b7 ${points.toFixed(points < 1 ? 2 : 1)} bp` : '');
  }

  function showShares(buy, sell) {
    const part = Math.round((100 * buy) / (buy + sell));
    const known = Number.isFinite(part);
    setText(buyShare, known ? `B ${part}%` : '');
    setText(sellShare, known ? `${100 - part}% S` : '');
    shares.setAttribute('aria-label', known ? `${part}% of the shown size is bid` : 'no sizes');
    shares.style.setProperty('--buy', known ? `${part}%` : '50%');
  }

  const show = function show() {
    const { book } = store;
    const bidRows = withTotals(book.bids, count);
    const askRows = withTotals(book.asks, count);
    const buy = toFloat(bidRows.at(-1)?.total);
    const sell = toFloat(askRows.at(-1)?.total);
    const largest = Math.max(buy || 0, sell || 0) || 1;
    const own = ownPrices(store);
    showSide(asks, askRows, largest, own, true);
    showSide(bids, bidRows, largest, own, false);
    showMiddle(bidRows[0]?.price, askRows[0]?.price);
    showShares(buy, sell);
    const nothing = bidRows.length + askRows.length === 0;
    setText(empty, store.notes.get('book') ?? (book.state === 'syncing' ? 'Syncing: waiting for a full picture of the book.' : 'The book is empty.'));
    empty.hidden = !nothing;
    table.classList.toggle('syncing', book.state === 'syncing');
  };
  new ResizeObserver(() => {
    measure();
    show();
  }).observe(holder);
  return show;
}
