// One-minute candles with our own orders and entries.

import { createChart } from './chart.js';
import { byId, el, setClass, setText } from './dom.js';
import { group, minute, shorten, toFloat } from './format.js';
import { decimalsHere } from './panel_price.js';
import { isFlat } from './state.js';

const ORDERS_MAX = 12;
const NAMES = [['O', 'open'], ['H', 'high'], ['L', 'low'], ['C', 'close']];

function levelsOf(store) {
  const isHere = (thing) => thing.symbol === store.symbol && thing.category === store.category;
  const decimals = decimalsHere(store);
  const level = (price, label, colour) => ({ price: toFloat(price), text: group(price, decimals), label, colour });
  const orders = [...store.orders.values()].filter((order) => isHere(order) && order.price).slice(-ORDERS_MAX)
    .map((order) => level(order.price, `${order.side === 'sell' ? 'S' : 'B'} ${order.qty}`, 'accent'));
  const entries = [...store.positions.values()].filter((position) => isHere(position) && !isFlat(position) && position.entry_price)
    .map((position) => level(shorten(position.entry_price, decimals), 'entry', 'warn'));
  const newest = store.candles.at(-1);
  const last = store.ticker?.last ?? newest?.text.close;
  const tone = newest && newest.close < newest.open ? 'down' : 'up';
  return [...entries, ...orders, ...(last ? [level(last, '', tone)] : [])];
}

export function createChartPanel(store) {
  const canvas = byId('chart');
  const chart = createChart(canvas);
  const ohlc = byId('ohlc');
  const values = NAMES.map(([letter]) => {
    const value = el('span', { class: 'digits' });
    ohlc.append(el('span', { class: 'faint' }, letter), value);
    return value;
  });
  let hovered = null; // the start of a candle

  const hoveredCandle = () => store.candles.find((candle) => candle.start === hovered) ?? null;

  function showLegend() {
    const candle = hoveredCandle() ?? store.candles.at(-1);
    NAMES.forEach(([, name], index) => {
      setText(values[index], candle ? group(candle.text[name], decimalsHere(store)) : '\u2013');
      setClass(values[index], `digits ${!candle ? '' : candle.close >= candle.open ? 'up' : 'down'}`);
    });
    const words = candle && `${minute(candle.start)}, open ${candle.text.open}, high ${candle.text.high}, low ${candle.text.low}, close ${candle.text.close}`;
    const label = `${store.symbol}, candles of one minute${hovered && words ? `. ${words}` : ''}`;
    if (canvas.getAttribute('aria-label') !== label) canvas.setAttribute('aria-label', label);
  }

  function show() {
    chart.draw({ candles: store.candles, levels: levelsOf(store), hovered: hoveredCandle(), timeText: minute,
      priceText: (price) => group(price.toFixed(decimalsHere(store))) });
    showLegend();
    const empty = byId('chart-empty');
    setText(empty, store.notes.get('chart') ?? 'Loading\u2026');
    empty.hidden = store.candles.length > 0;
  }

  function hover(candle) {
    const start = candle?.start ?? null;
    if (start === hovered) return;
    hovered = start;
    show();
  }

  function step(by) {
    const shown = chart.shown();
    const at = shown.findIndex((candle) => candle.start === hovered);
    hover(shown[Math.min(Math.max((at < 0 ? shown.length : at) + by, 0), shown.length - 1)] ?? null);
  }

  canvas.addEventListener('pointermove', (event) => hover(chart.at(event.offsetX)));
  canvas.addEventListener('pointerleave', () => hover(null));
  canvas.addEventListener('blur', () => hover(null));
  canvas.addEventListener('keydown', (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    step(by);
  });
  new ResizeObserver(() => {
    chart.resize();
    show();
  }).observe(canvas.parentElement);
  return show;
}
