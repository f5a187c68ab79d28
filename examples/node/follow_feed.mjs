#!/usr/bin/env node
// Appends every order and fill event to a file, a JSON line each:   follow_feed.mjs [FILE]
// The last line's id is where it goes on: kill it at any moment, start it again, and the file has every event once.
// One instance a file. Exit status: 1 when the bridge is not there at the start, or refuses.
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';

const bridge = process.env.BRIDGE_URL ?? 'http://127.0.0.1:8787';
const path = process.argv[2] ?? 'feed.ndjson';

// An event and its id are one line: neither is there without the other. A line that a kill cut comes again.
function lastId() {
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  const end = bytes.lastIndexOf('\n') + 1;
  if (end < bytes.length) truncateSync(path, end);
  if (end === 0) return 'earliest';
  return JSON.parse(bytes.subarray(bytes.lastIndexOf('\n', end - 2) + 1, end)).id;
}

async function* lines(stream) {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = parts.pop();
    yield* parts; // `rest` is a line without its end: at the end of the connection it is dropped, and comes again
  }
}

function show({ id, event, data }) {
  console.log(id, event, ...['symbol', 'side', 'qty', 'price', 'state', 'reason'].map((name) => data[name]).filter(Boolean));
}

let connected = false;
for (;;) {
  const after = lastId();
  console.log(`following ${bridge} after ${after}`);
  try {
    const reply = await fetch(`${bridge}/stream?topics=orders,fills&after=${after}`,
      { headers: { Accept: 'application/x-ndjson' } });
    if (!reply.ok) {
      const problem = await reply.text();
      if (connected && reply.status >= 500) throw new Error(problem);
      console.error(`refused: ${problem}`);
      process.exit(1);
    }
    connected = true;
    for await (const line of lines(reply.body)) {
      const event = JSON.parse(line);
      if (!event.id || ['hello', 'heartbeat', 'bye'].includes(event.event)) continue; // no part of the history
      appendFileSync(path, `${line}\n`);
      show(event);
    }
  } catch (error) {
    if (!connected) {
      console.error(`no bridge at ${bridge}: ${error.cause?.message ?? error.message}`);
      process.exit(1);
    }
  }
  await new Promise((done) => setTimeout(done, 1000));
}
