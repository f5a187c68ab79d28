// The newest public trades.

import { byId, createTable } from './dom.js';
import { clock, group } from './format.js';
import { decimalsHere } from './panel_price.js';
import { tradeTime } from './state.js';

export function createTrades(store) {
  const sync = createTable(byId('trades'), 'Last trades', [
    { title: 'Price', head: true, class: 'number left', show: (trade) => ({
      text: `${trade.side === 'sell' ? '\u25bc' : '\u25b2'} ${group(trade.price, decimalsHere(store))}`,
      class: trade.side === 'sell' ? 'down' : 'up',
      title: trade.side,
    }) },
    { title: 'Size', class: 'number', show: (trade) => group(trade.qty) },
    { title: 'Time', class: 'number faint', show: (trade) => clock(tradeTime(trade)) },
  ]);
  return () => sync(store.trades, (trade) => trade.id, store.notes.get('trades') ?? 'No trade yet.');
}
