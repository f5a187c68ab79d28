import assert from 'node:assert/strict';
import test from 'node:test';

import { mergeCandles } from '../../web/candles.js';
import { niceMinutes, niceStep, priceRange } from '../../web/chart.js';

const row = (minute, close, closed, more = {}) => ({ at: new Date(minute * 60000).toISOString(), open: '1', high: '9', low: '1', close, volume: '1', closed, ...more });

test('a page newest first and the stream make one row a minute', () => {
  const candles = [];
  mergeCandles(candles, [row(12, '3', false), row(11, '2', true), row(10, '1', true)]);
  mergeCandles(candles, [row(12, '4', false, { ts: 12 * 60000 + 5000 })]);
  mergeCandles(candles, [row(13, '5', false)]);
  assert.deepEqual(candles.map((candle) => [candle.start / 60000, candle.text.close]), [[10, '1'], [11, '2'], [12, '4'], [13, '5']]);
});

test('a closed candle is not opened again, and bad rows are left out', () => {
  const candles = mergeCandles([], [row(10, '7', true)]);
  mergeCandles(candles, [row(10, '6', false), row(11, 'x', false), { open: '1' }]);
  assert.deepEqual(candles.map((candle) => candle.text.close), ['7']);
});

test('the series is bounded', () => {
  const candles = [];
  for (let minute = 0; minute < 2000; minute++) mergeCandles(candles, [row(minute, '1', true)]);
  assert.equal(candles.length, 500);
  assert.equal(candles.at(-1).start, 1999 * 60000);
});

test('axes have round steps', () => {
  assert.equal(niceStep(200, 8), 25);
  assert.equal(niceStep(0.0031, 8), 0.0005);
  assert.deepEqual([1, 13, 14.9, 700].map(niceMinutes), [1, 15, 15, 720]);
  const flat = priceRange([{ low: 5, high: 5 }]);
  assert.ok(flat.low < 5 && flat.high > 5);
});
