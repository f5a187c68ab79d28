import { emptyText } from './account_notes.js';
import { byId, createTable, setText } from './dom.js';
import { clock, dateAndClock, group, time } from './format.js';

const SHOWN_MAX = 100;

const timeOf = (fill) => time(fill.at) || fill.ts;

export function createFills(store) {
  const sync = createTable(byId('fills'), 'Fills', [
    { title: 'Time', head: true, class: 'left digits faint', show: (fill) => ({ text: clock(timeOf(fill)), title: dateAndClock(timeOf(fill)) }) },
    { title: 'Symbol', class: 'left', show: (fill) => ({
      text: fill.symbol,
      badge: [fill.side === 'sell' ? 'Sell' : 'Buy', fill.side === 'sell' ? 'down' : 'up'],
      title: `${fill.category} ${fill.id}`,
    }) },
    { title: 'Qty', class: 'number', show: (fill) => group(fill.qty) },
    { title: 'Price', class: 'number', show: (fill) => group(fill.price) },
    { title: 'Value', class: 'number wide', show: (fill) => group(fill.value) },
    { title: 'Fee', class: 'number', show: (fill) => ({ text: group(fill.fee), title: fill.fee_coin }) },
    { title: 'Kind', class: 'left wide', show: (fill) => (fill.kind === 'trade' ? fill.liquidity : fill.kind) ?? '' },
    { title: 'Client', class: 'left faint clip wide', show: (fill) => ({ text: fill.tag || fill.client || '', title: fill.client_id }) },
  ]);
  return function show() {
    setText(byId('count-fills'), `${store.fills.length}${store.fills.length >= 200 ? '+' : ''}`);
    const more = store.fills.length > SHOWN_MAX ? 'Older ones: GET /fills' : '';
    sync(store.fills.slice(0, SHOWN_MAX), (fill) => `${fill.category}:${fill.order_id}:${fill.id}`,
      emptyText(store, 'fills', store.fillsLoaded, 'No fill yet.'), more);
  };
}
