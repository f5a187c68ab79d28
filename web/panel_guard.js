// The banner that says that the bridge is killed, and how far the cancelling is.

import { byId, setText } from './dom.js';
import { killedLine } from './guard.js';

export function createGuard(store) {
  const banner = byId('killed');
  return function show() {
    const line = killedLine(store.guard, store.guardReport);
    setText(banner, line ?? '');
    banner.hidden = line === null;
    banner.classList.toggle('clear', Boolean(store.guard?.clear));
  };
}
