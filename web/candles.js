// One-minute candles: a page from REST and what the stream adds, one row a minute. Pure.

import { time, toFloat } from './format.js';

const CANDLES_MAX = 500;
const MINUTE_MS = 60000;

// The start of the candle's minute. The list has it in `at`; a stream event has the time of its
// last trade in `ts`, which lies inside.
function startOf(row) {
  const ms = row.at ? time(row.at) : row.start_at ? time(row.start_at) : row.ts;
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS;
}

export function toCandle(row) {
  return {
    start: startOf(row),
    text: { open: row.open, high: row.high, low: row.low, close: row.close, volume: row.volume },
    open: toFloat(row.open),
    high: toFloat(row.high),
    low: toFloat(row.low),
    close: toFloat(row.close),
    volume: toFloat(row.volume),
    closed: row.closed === true,
  };
}

function isUsable(candle) {
  return [candle.start, candle.open, candle.high, candle.low, candle.close].every(Number.isFinite);
}

// Puts the rows into `candles` (oldest first), newer words over older ones; a closed candle is not
// opened again.
export function mergeCandles(candles, rows) {
  for (const row of rows) {
    const candle = toCandle(row);
    if (!isUsable(candle)) continue;
    let at = candles.length;
    while (at > 0 && candles[at - 1].start > candle.start) at--;
    if (at > 0 && candles[at - 1].start === candle.start) {
      if (candle.closed || !candles[at - 1].closed) candles[at - 1] = candle;
    } else {
      candles.splice(at, 0, candle);
    }
  }
  if (candles.length > CANDLES_MAX) candles.splice(0, candles.length - CANDLES_MAX);
  return candles;
}
