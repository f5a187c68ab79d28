// The chosen symbol's prices in the bar.

import { byId, setClass, setText, setTitle } from './dom.js';
import { countdown, decimalsOf, group, large, percent, sign, signed, time } from './format.js';

const ARROWS = { '1': '\u25b2', '0': '', '-1': '\u25bc' };
export const toneOf = (number) => (number > 0 ? 'up' : number < 0 ? 'down' : '');

export function decimalsHere(store) {
  return decimalsOf(store.instrument?.tick_size);
}

export function createPrice(store) {
  function showFunding(ticker, now) {
    const rate = percent(ticker?.funding_rate, 4);
    const left = time(ticker?.next_funding_at) - now;
    setText(byId('funding'), rate === null ? '\u2013' : `${group(rate)}%${Number.isFinite(left) ? ` ${countdown(left)}` : ''}`);
  }

  return function show(now) {
    const ticker = store.ticker;
    const decimals = decimalsHere(store);
    const last = byId('last');
    setText(last, ticker ? `${group(ticker.last, decimals)} ${ARROWS[store.rising]}` : '\u2013');
    setClass(last, `last ${toneOf(store.rising)}`);
    const change = percent(ticker?.change_24h);
    setText(byId('change'), change === null ? '\u2013' : `${signed(change)}%`);
    setClass(byId('change'), toneOf(sign(change)));
    setText(byId('mark'), group(ticker?.mark, decimals));
    setText(byId('index'), group(ticker?.index, decimals));
    setText(byId('volume'), ticker ? large(ticker.turnover_24h) : '\u2013');
    setTitle(byId('volume'), ticker ? `${group(ticker.turnover_24h)} ${store.instrument?.quote ?? ''}` : '');
    showFunding(ticker, now);
    for (const node of document.querySelectorAll('.perp')) node.hidden = store.category === 'spot';
    document.title = ticker ? `${group(ticker.last, decimals)} ${store.symbol} \u00b7 bybit-bridge` : 'bybit-bridge';
  };
}
