import { emptyText } from './account_notes.js';
import { byId, createTable, setText } from './dom.js';
import { group, sign, signed } from './format.js';
import { toneOf } from './panel_price.js';

export function createBalance(store) {
  const sync = createTable(byId('balance'), 'Balance', [
    { title: 'Coin', head: true, class: 'left', show: (row) => row.coin },
    { title: 'Equity', class: 'number', show: (row) => group(row.equity) },
    { title: 'Wallet', class: 'number wide', show: (row) => group(row.wallet) },
    { title: 'Available', class: 'number', show: (row) => group(row.available) },
    { title: 'Locked', class: 'number wide', show: (row) => group(row.locked) },
    { title: 'Unrealised', class: 'number wide', show: (row) => ({ text: signed(row.unrealised_pnl), class: toneOf(sign(row.unrealised_pnl)) }) },
    { title: 'USD', class: 'number', show: (row) => group(row.usd_value) },
  ]);
  return function show() {
    const coins = store.balance?.coins ?? [];
    setText(byId('count-balance'), String(coins.length));
    sync(coins, (row) => row.coin, emptyText(store, 'balance', store.balance !== null, 'The account is empty.'));
  };
}
