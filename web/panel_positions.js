import { emptyText } from './account_notes.js';
import { byId, createTable, setText } from './dom.js';
import { brief, clock, decimalsOf, group, percent, shorten, sign, signed, time } from './format.js';
import { toneOf } from './panel_price.js';
import { isFlat, positionKey } from './state.js';

const side = (position) => (position.side === 'sell' ? 'Short' : 'Long');

function leverage(position) {
  return position.leverage ? ` ${position.leverage.replace(/\.0*$/, '')}\u00d7` : '';
}

// Unrealised result to margin. A ratio for the eye, not an amount.
function roe(position) {
  const ratio = Number(position.unrealised_pnl) / Number(position.margin);
  if (!position.margin || !Number.isFinite(ratio)) return null;
  return percent(ratio.toFixed(4));
}

export function createPositions(store) {
  const sync = createTable(byId('positions'), 'Positions', [
    { title: 'Symbol', head: true, class: 'left', show: (position) => ({
      text: position.symbol,
      badge: [`${side(position)}${leverage(position)}`, position.side === 'sell' ? 'down' : 'up'],
      title: position.category,
    }) },
    { title: 'Size', class: 'number', show: (position) => group(position.qty) },
    { title: 'Entry', class: 'number', show: (position) => ({
      text: group(shorten(position.entry_price, decimalsOf(position.mark_price) + 1)),
      title: position.entry_price,
    }) },
    { title: 'Mark', class: 'number wide', show: (position) => group(position.mark_price) },
    { title: 'Liq.', class: 'number warn wide', show: (position) => group(position.liq_price) },
    { title: 'Margin', class: 'number wide', show: (position) => ({ text: group(brief(position.margin)), title: position.margin }) },
    { title: 'Unrealised', class: 'number', show: (position) => ({
      text: signed(brief(position.unrealised_pnl)),
      title: position.unrealised_pnl,
      class: toneOf(sign(position.unrealised_pnl)),
    }) },
    { title: 'ROE', class: 'number wide', show: (position) => {
      const ratio = roe(position);
      return ratio === null ? '\u2013' : { text: `${signed(ratio)}%`, class: toneOf(sign(ratio)) };
    } },
    // The exchange tells a position when it changes, not with every price.
    { title: 'As of', class: 'number faint wide', show: (position) => clock(position.recv_at ?? position.seen_at ?? time(position.updated_at)) },
  ]);
  return function show() {
    const open = [...store.positions.values()].filter((position) => !isFlat(position));
    open.sort((a, b) => (positionKey(a) < positionKey(b) ? -1 : 1));
    setText(byId('count-positions'), String(open.length));
    sync(open, positionKey, emptyText(store, 'positions', store.positionsLoaded, 'No open position.'));
  };
}
