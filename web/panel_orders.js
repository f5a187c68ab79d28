import { emptyText } from './account_notes.js';
import { byId, createTable, setText } from './dom.js';
import { dateAndClock, group, span, time, toFloat } from './format.js';
import { orderKey } from './state.js';

const SHOWN_MAX = 100;

const tones = { unknown: 'warn', pending: 'faint', accepted: 'faint' };

function typeOf(order) {
  const word = { market: 'Market', limit: 'Limit' }[order.type] ?? order.type ?? '';
  const tif = { post_only: ' PO', ioc: ' IOC', fok: ' FOK', rpi: ' RPI' }[order.tif] ?? '';
  return `${order.trigger_price ? 'Stop ' : ''}${word}${tif}${order.reduce_only ? ' RO' : ''}`;
}

function filled(order) {
  const part = (100 * toFloat(order.filled_qty)) / toFloat(order.qty); // a hint, not an amount
  return { text: Number.isFinite(part) ? `${Math.floor(part)}%` : group(order.filled_qty), title: `${order.filled_qty} filled` };
}

export function createOrders(store, clock) {
  const sync = createTable(byId('orders'), 'Open orders', [
    { title: 'Symbol', head: true, class: 'left', show: (order) => ({
      text: order.symbol,
      badge: [order.side === 'sell' ? 'Sell' : 'Buy', order.side === 'sell' ? 'down' : 'up'],
      title: `${order.category} ${order.client_id ?? order.id ?? ''}`,
    }) },
    { title: 'Type', class: 'number', show: typeOf },
    { title: 'Price', class: 'number', show: (order) => group(order.price ?? order.trigger_price) },
    { title: 'Qty', class: 'number', show: (order) => group(order.qty ?? order.quote_qty) },
    { title: 'Filled', class: 'number wide', show: filled },
    { title: 'State', class: 'left', show: (order) => ({ text: order.state, class: tones[order.state] ?? '' }) },
    { title: 'Client', class: 'left faint clip wide', show: (order) => ({ text: order.tag || order.client || '', title: order.client_id }) },
    { title: 'Age', class: 'number wide', show: (order) => ({
      text: span(clock() - time(order.created_at)),
      title: dateAndClock(time(order.created_at)),
    }) },
  ]);
  return function show() {
    const all = [...store.orders.values()];
    all.sort((a, b) => (b.created_at ?? '').localeCompare(a.created_at ?? ''));
    setText(byId('count-orders'), String(all.length));
    const more = all.length > SHOWN_MAX ? `and ${all.length - SHOWN_MAX} more: GET /orders?state=open` : '';
    sync(all.slice(0, SHOWN_MAX), orderKey, emptyText(store, 'orders', store.ordersLoaded, 'No open order.'), more);
  };
}
