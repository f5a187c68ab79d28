// An order book kept by snapshot and deltas. Pure.
//
// A delta follows the picture exactly when its u is one more; anything else loses the picture, and
// the book is syncing until the next snapshot. Prices are compared as decimals: "10.50" is "10.5".

import { compare, sign } from './format.js';

// Jumps of u in this many fresh pictures: the numbers of this topic are not contiguous upstream.
const JUMPS_MAX = 3;

export function createBook() {
  return { state: 'syncing', u: 0, bids: [], asks: [], jumps: 0, lossy: false };
}

export function loseBook(book) {
  book.state = 'syncing';
}

// Where `price` is in `levels` or would be; `order` 1 for asks (rising), -1 for bids.
function place(levels, price, order) {
  let low = 0;
  let high = levels.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(levels[middle][0], price) * order < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function change(levels, [price, qty], order) {
  const at = place(levels, price, order);
  const found = at < levels.length && compare(levels[at][0], price) === 0;
  if (sign(qty) === 0) {
    if (found) levels.splice(at, 1);
  } else if (found) {
    levels[at] = [price, qty];
  } else {
    levels.splice(at, 0, [price, qty]);
  }
}

function replace(book, frame) {
  book.bids = frame.bids.slice();
  book.asks = frame.asks.slice();
  book.u = frame.u;
  book.state = 'synced';
  return 'replaced';
}

// 'replaced', 'changed', 'old' (told already), 'waiting' (no picture yet) or 'lost' (a jump: a new
// picture is needed).
export function applyFrame(book, frame) {
  if (frame.type === 'snapshot') return replace(book, frame);
  if (book.state !== 'synced') return 'waiting';
  if (frame.u <= book.u) return 'old';
  if (frame.u !== book.u + 1 && !book.lossy) {
    loseBook(book);
    book.jumps++;
    book.lossy = book.jumps >= JUMPS_MAX;
    return 'lost';
  }
  for (const level of frame.bids) change(book.bids, level, -1);
  for (const level of frame.asks) change(book.asks, level, 1);
  if (frame.depth > 0) {
    book.bids.length = Math.min(book.bids.length, frame.depth);
    book.asks.length = Math.min(book.asks.length, frame.depth);
  }
  book.u = frame.u;
  return 'changed';
}
