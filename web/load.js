// What is read over HTTP: the account's lists and the first page of trades and candles. The stream
// goes on from there. Where the stream lacks a topic, its list is read again from time to time.

import { addHistory, note, putCandles, putFill, putGuardReport, putOrder, putTrades, replaceBalance, replacePositions, mark, topicSymbol } from './state.js';
import { time } from './format.js';

const RETRY_MS = 2000;
const POLL_MS = 5000;
const PAGES_MAX = 3;
const HISTORY_MAX = 50;
const CATEGORIES = ['linear', 'spot', 'inverse'];

export function createLoaders(store, { get, askForToken, now }) {
  const running = new Map(); // name -> whether to run again
  const polled = new Set();

  async function orders() {
    let path = '/orders?state=open&limit=500';
    for (let page = 0; path && page < PAGES_MAX; page++) {
      const list = await get(path);
      for (const order of list.items) putOrder(store, order);
      path = list.next;
    }
    store.ordersLoaded = true;
    note(store, 'orders', null);
    mark(store, 'header');
  }

  async function fills() {
    const list = await get('/fills?limit=100');
    for (const fill of list.items) putFill(store, fill);
    store.fillsLoaded = true;
    note(store, 'fills', null);
  }

  async function positions() {
    const list = await get('/positions');
    replacePositions(store, list.items, time(list.as_of) || now());
  }

  async function balance() {
    const found = await get('/balance');
    replaceBalance(store, found, time(found.as_of) || now());
  }

  async function guard() {
    const changes = store.guardChanges;
    putGuardReport(store, await get('/guard'), changes);
  }

  async function history() {
    const { epoch, seq } = store.feed;
    if (!seq) return;
    const list = await get(`/events?after=${epoch}-${Math.max(0, seq - HISTORY_MAX)}&limit=${HISTORY_MAX}`);
    addHistory(store, list.items.filter((item) => Number(item.id.split('-')[1]) <= seq));
  }

  // The answer is of no use once another symbol was chosen.
  async function ofSymbol(path, put, panel) {
    const symbol = topicSymbol(store);
    const list = await get(path(symbol));
    if (symbol !== topicSymbol(store)) return;
    put(store, list.items);
    note(store, panel, null);
  }

  const jobs = {
    orders,
    fills,
    positions,
    balance,
    guard,
    history,
    trades: () => ofSymbol((symbol) => `/trades/${symbol}?limit=50`, putTrades, 'trades'),
    candles: () => ofSymbol((symbol) => `/candles/${symbol}?interval=1m&from=-3h&limit=1000`, putCandles, 'chart'),
  };
  const groups = { account: ['orders', 'fills', 'positions', 'balance'], states: ['positions', 'balance'] };
  const ofAccount = new Set([...groups.account, 'history', 'guard']);

  async function onProblem(name, problem) {
    if (problem.status === 401 && problem.code !== 'no_api_key') {
      await askForToken();
      run(name);
      return;
    }
    note(store, name === 'candles' ? 'chart' : name, `Not available: ${problem.message}`);
    if (problem.passes) setTimeout(() => run(name), RETRY_MS);
    else polled.delete(name);
  }

  // One at a time of each; asked for meanwhile, it runs once more.
  async function run(name) {
    if (running.has(name)) {
      running.set(name, true);
      return;
    }
    running.set(name, false);
    let problem = null;
    try {
      await jobs[name]();
    } catch (caught) {
      problem = caught;
    }
    const again = running.get(name);
    running.delete(name);
    if (problem) await onProblem(name, problem);
    else if (again) void run(name);
  }

  function load(need) {
    for (const name of groups[need] ?? [need]) {
      if (store.keys !== false || !ofAccount.has(name)) void run(name);
    }
  }

  setInterval(() => {
    for (const name of polled) load(name);
  }, POLL_MS);

  async function symbolsOf(category) {
    const rows = [];
    let path = `/symbols?category=${category}`;
    for (let page = 0; path && page < PAGES_MAX; page++) {
      const list = await get(path);
      rows.push(...list.items);
      path = list.next;
    }
    return rows.filter((row) => row.category === category);
  }

  return {
    load,
    // Topics that the stream does not serve.
    missing(found) {
      polled.clear();
      for (const topic of found.keys()) {
        const [name] = topic.split(':');
        if (jobs[name]) polled.add(name);
      }
      for (const name of polled) load(name);
    },
    async status() {
      try {
        return await get('/status', { signal: AbortSignal.timeout(4000) });
      } catch (problem) {
        if (problem.status === 401) await askForToken();
        return null;
      }
    },
    async symbols() {
      for (;;) {
        try {
          const found = await Promise.all(CATEGORIES.map(symbolsOf));
          store.symbols = found.flat().sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
          if (store.symbols.length) return;
        } catch (problem) {
          note(store, 'book', problem.message);
        }
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    },
  };
}
