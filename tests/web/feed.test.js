import assert from 'node:assert/strict';
import test from 'node:test';

import { createFeed, negotiate, streamPath } from '../../web/feed.js';

// A bridge that serves these topics; `problem` answers everything.
function bridge(served, problem = null) {
  const asked = [];
  const fetch = async (path, { method = 'GET' } = {}) => {
    asked.push(`${method} ${path}`);
    if (problem?.status === 0) throw new TypeError('network');
    const topics = new URL(path, 'http://x').searchParams.get('topics').split(',');
    const refused = topics.find((topic) => !served.includes(topic));
    const body = problem ?? (refused && { status: 422, code: 'not_yet', detail: `topic '${refused}' is not served yet` });
    return { ok: !body, status: body ? body.status : 200, json: async () => body };
  };
  return { fetch, asked };
}

test('all topics are taken when all are served', async () => {
  const { fetch, asked } = bridge(['a', 'b']);
  assert.deepEqual(await negotiate(fetch, ['a', 'b']), { topics: ['a', 'b'], missing: new Map() });
  assert.equal(asked.length, 1);
});

test('a refused topic is left out, with its reason', async () => {
  const { fetch } = bridge(['a', 'c']);
  const found = await negotiate(fetch, ['a', 'b', 'c']);
  assert.deepEqual(found.topics, ['a', 'c']);
  assert.match(found.missing.get('b'), /'b' is not served yet/);
});

test('no topic is left out because the bridge is starting, full, or wants a token', async () => {
  for (const status of [0, 401, 403, 429, 503]) {
    const { fetch } = bridge(['a'], { status, code: 'x', detail: 'y' });
    assert.equal((await negotiate(fetch, ['a', 'b'])).problem.status, status);
  }
});

class FakeSource {
  static CLOSED = 2;
  static all = [];

  constructor(path) {
    this.path = path;
    this.listeners = {};
    this.readyState = 0;
    FakeSource.all.push(this);
  }

  addEventListener(name, listener) {
    this.listeners[name] = listener;
  }

  say(name, data, lastEventId) {
    this.listeners[name]({ data: JSON.stringify(data), lastEventId });
  }

  close() {
    this.readyState = 2;
  }
}

function harness() {
  FakeSource.all = [];
  const log = [];
  const timers = [];
  const on = {
    event: (name, data, id) => log.push([name, data, id]),
    state: (word) => log.push(word),
    missing: () => {},
    problem: (problem) => log.push(problem.status),
  };
  const world = bridge(['a', 'b']);
  const feed = createFeed(on, { EventSource: FakeSource, fetch: (...args) => world.fetch(...args), setTimeout: (run) => timers.push(run) });
  return { feed, log, timers, world };
}

test('the browser resumes what it can; the rest is resumed by after=', async () => {
  const { feed, log, timers } = harness();
  await feed.open(['a', 'b']);
  const [first] = FakeSource.all;
  assert.equal(first.path, streamPath(['a', 'b']));
  first.onopen();
  first.say('order', { x: 1 }, '5-17');
  first.onerror(); // readyState CONNECTING: the browser tries again
  assert.equal(timers.length, 0);
  first.readyState = FakeSource.CLOSED;
  first.onerror();
  assert.equal(timers.length, 1);
  await timers[0]();
  assert.equal(FakeSource.all.at(-1).path, '/stream?topics=a,b&after=5-17');
  assert.deepEqual(log, ['connecting', 'open', ['order', { x: 1 }, '5-17'], 'down', 'down']);
});

test('other topics go on from the same place, and the old stream is not heard any more', async () => {
  const { feed, log } = harness();
  await feed.open(['a']);
  FakeSource.all[0].say('fill', {}, '5-3');
  await feed.open(['b']);
  assert.equal(FakeSource.all[1].path, '/stream?topics=b&after=5-3');
  assert.equal(FakeSource.all[0].readyState, FakeSource.CLOSED);
  FakeSource.all[0].say('fill', {}, '5-4');
  assert.equal(log.filter((entry) => entry[0] === 'fill').length, 1);
});

test('an unreachable bridge is tried again', async () => {
  const { feed, log, timers, world } = harness();
  const working = world.fetch;
  world.fetch = bridge([], { status: 503, code: 'not_ready' }).fetch;
  await feed.open(['a']);
  assert.deepEqual(log, ['connecting', 'down', 503]);
  world.fetch = working;
  await timers[0]();
  await new Promise(setImmediate);
  assert.equal(FakeSource.all.length, 1);
});

test('without a token nothing is tried until there is one', async () => {
  const { feed, log, timers, world } = harness();
  const working = world.fetch;
  world.fetch = bridge([], { status: 401, code: 'token_required' }).fetch;
  await feed.open(['a']);
  assert.deepEqual(log, ['connecting', 'down', 401]);
  assert.equal(timers.length, 0);
  world.fetch = working;
  await feed.again();
  assert.equal(FakeSource.all.length, 1);
});

test('a broken event is left out', async () => {
  const { feed, log } = harness();
  await feed.open(['a']);
  FakeSource.all[0].listeners.order({ data: '{', lastEventId: '5-9' });
  assert.deepEqual(log, ['connecting']);
});
