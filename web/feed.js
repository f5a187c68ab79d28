// The one stream of events of this page.
//
// The browser resumes a broken stream by itself (Last-Event-ID). Where it gives up, because the
// bridge answered with an error while it started, or where the topics change, a new stream resumes
// by `after=`. Before a stream is opened its topics are asked for by HEAD: an EventSource does not
// tell why it was refused.

export const EVENTS = ['hello', 'order', 'fill', 'position', 'balance', 'ticker', 'book', 'trade', 'candle', 'status',
  'guard', 'gap', 'reset', 'bye'];

const RETRY_MS = 1000;

export function streamPath(topics, after) {
  return `/stream?topics=${topics.join(',')}${after ? `&after=${after}` : ''}`;
}

async function problemOf(fetch, path) {
  const stop = new AbortController();
  const response = await fetch(path, { cache: 'no-store', signal: stop.signal });
  if (response.ok) {
    stop.abort(); // it would not end
    return null;
  }
  const body = await response.json().catch(() => null);
  return { status: response.status, code: body?.code ?? '', detail: body?.detail ?? `HTTP ${response.status}` };
}

// null: these topics are served; else the problem.
async function ask(fetch, topics) {
  const path = streamPath(topics);
  try {
    const response = await fetch(path, { method: 'HEAD', cache: 'no-store' });
    return response.ok ? null : await problemOf(fetch, path);
  } catch {
    return { status: 0, code: '', detail: 'the bridge does not answer' };
  }
}

const isAboutTopics = (problem) => problem.status >= 400 && problem.status < 500 && ![401, 403, 429].includes(problem.status);

// { topics, missing: Map(topic -> detail) } or { problem }.
export async function negotiate(fetch, wanted) {
  const problem = await ask(fetch, wanted);
  if (!problem) return { topics: wanted, missing: new Map() };
  if (!isAboutTopics(problem) && problem.code !== 'no_api_key') return { problem };
  const answers = await Promise.all(wanted.map((topic) => ask(fetch, [topic])));
  const passing = answers.find((answer) => answer && !isAboutTopics(answer) && answer.code !== 'no_api_key');
  if (passing) return { problem: passing };
  const topics = wanted.filter((_, index) => !answers[index]);
  const missing = new Map(wanted.flatMap((topic, index) => (answers[index] ? [[topic, answers[index].detail]] : [])));
  return topics.length ? { topics, missing } : { problem };
}

// `on`: event(name, data, lastId), state('connecting' | 'open' | 'down'), missing(Map), problem(p).
export function createFeed(on, { EventSource, fetch, setTimeout }) {
  let source = null;
  let wanted = [];
  let run = 0;
  let lastId = '';

  function close() {
    run++;
    source?.close();
    source = null;
  }

  function later(mine) {
    setTimeout(() => mine === run && start(), RETRY_MS);
  }

  function listen(mine) {
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => {
        if (mine !== run) return;
        if (event.lastEventId) lastId = event.lastEventId;
        let data;
        try {
          data = JSON.parse(event.data);
        } catch {
          return;
        }
        on.event(name, data, lastId);
      });
    }
    source.onopen = () => mine === run && on.state('open');
    source.onerror = () => {
      if (mine !== run) return;
      on.state('down');
      if (source.readyState === EventSource.CLOSED) later(mine);
    };
  }

  async function start() {
    close();
    const mine = run;
    const found = await negotiate(fetch, wanted);
    if (mine !== run) return;
    if (found.problem) {
      on.state('down');
      on.problem(found.problem);
      if (found.problem.status !== 401) later(mine); // else again() is called once there is a token
      return;
    }
    on.missing(found.missing);
    source = new EventSource(streamPath(found.topics, lastId));
    listen(mine);
  }

  return {
    open(topics) {
      wanted = topics;
      on.state('connecting');
      return start();
    },
    // The same topics again, from where it is.
    again() {
      return start();
    },
    close,
  };
}
