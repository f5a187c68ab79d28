import assert from 'node:assert/strict';
import test from 'node:test';

import { applyFrame, createBook, loseBook } from '../../web/book.js';
import { compare } from '../../web/format.js';

const snapshot = (u, bids, asks) => ({ type: 'snapshot', depth: 50, u, bids, asks });
const delta = (u, bids, asks) => ({ type: 'delta', depth: 50, u, bids, asks });

function synced() {
  const book = createBook();
  applyFrame(book, snapshot(7, [['10.5', '1'], ['10.0', '2']], [['11.0', '3'], ['11.5', '4']]));
  return book;
}

test('deltas insert, change and delete by value of the price', () => {
  const book = synced();
  assert.equal(applyFrame(book, delta(8, [['10.50', '0'], ['10.2', '5'], ['9', '1']], [['10.9', '1'], ['11', '9'], ['11.50', '0.000']])), 'changed');
  assert.deepEqual(book.bids, [['10.2', '5'], ['10.0', '2'], ['9', '1']]);
  assert.deepEqual(book.asks, [['10.9', '1'], ['11', '9']]);
  assert.equal(book.u, 8);
});

test('an old delta changes nothing', () => {
  const book = synced();
  assert.equal(applyFrame(book, delta(7, [['10.5', '0']], [])), 'old');
  assert.equal(book.bids.length, 2);
});

test('a jump loses the picture until the next snapshot', () => {
  const book = synced();
  assert.equal(applyFrame(book, delta(9, [['10.5', '0']], [])), 'lost');
  assert.equal(book.state, 'syncing');
  assert.deepEqual(book.bids[0], ['10.5', '1']);
  assert.equal(applyFrame(book, delta(10, [], [])), 'waiting');
  assert.equal(applyFrame(book, snapshot(3, [['1', '1']], [])), 'replaced');
  assert.equal(book.state, 'synced');
  assert.equal(applyFrame(book, delta(4, [], [['2', '1']])), 'changed');
});

test('a gap told by the feed loses it too', () => {
  const book = synced();
  loseBook(book);
  assert.equal(applyFrame(book, delta(8, [], [])), 'waiting');
});

test('a topic whose numbers always jump is followed all the same in the end', () => {
  const book = createBook();
  const results = [];
  for (let u = 10; u < 60; u += 10) results.push(applyFrame(book, snapshot(u, [['1', '1']], [])), applyFrame(book, delta(u + 5, [], [])));
  assert.deepEqual(results, ['replaced', 'lost', 'replaced', 'lost', 'replaced', 'lost', 'replaced', 'changed', 'replaced', 'changed']);
});

test('no book is deeper than its topic, and sides stay sorted', () => {
  const book = createBook();
  applyFrame(book, snapshot(1, [], []));
  let seed = 1;
  const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
  for (let u = 2; u < 500; u++) {
    const level = () => [`${100 + random(90)}.${random(100)}`, String(random(3))];
    applyFrame(book, delta(u, [level(), level()], [level()]));
  }
  assert.ok(book.bids.length <= 50 && book.asks.length <= 50 && book.bids.length > 10);
  for (let i = 1; i < book.bids.length; i++) assert.ok(compare(book.bids[i - 1][0], book.bids[i][0]) > 0);
  for (let i = 1; i < book.asks.length; i++) assert.ok(compare(book.asks[i - 1][0], book.asks[i][0]) < 0);
});
