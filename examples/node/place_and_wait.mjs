#!/usr/bin/env node
// Places a market order and waits until it is filled:   place_and_wait.mjs [SYMBOL SIDE QTY [KEY]]
// Run it again with the same KEY (letters, digits, - and _) after a crash or a time-out: it stays one order.
// Exit status: 0 filled, 1 refused or failed, 2 the order lives on or its outcome is not known yet.
import { randomUUID } from 'node:crypto';

const bridge = process.env.BRIDGE_URL ?? 'http://127.0.0.1:8787';
const [symbol = 'BTCUSDT', side = 'buy', qty = '0.01', key = randomUUID()] = process.argv.slice(2);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Status and object; status 0: no answer came, and what was asked may have happened.
async function ask(method, path, body, headers = {}) {
  try {
    const reply = await fetch(bridge + path, {
      method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(40_000),
      headers: { ...(body && { 'Content-Type': 'application/json' }), ...headers },
    });
    return [reply.status, await reply.json()];
  } catch (error) {
    const code = error.cause?.code === 'ECONNREFUSED' ? 'no_bridge' : 'no_answer';
    return [0, { code, detail: `${bridge}: ${error.cause?.message ?? error.message}` }];
  }
}

function giveUp(problem) {
  console.error(`${problem.code}: ${problem.detail} ${problem.hint ?? ''}`.trimEnd());
  process.exit(1);
}

console.log(`${side} ${qty} ${symbol} at market, key ${key}`);
let status, answer;
for (let attempt = 1; attempt <= 5; attempt++) {
  [status, answer] = await ask('POST', '/orders?wait=filled&timeout=20s', { symbol, side, qty, type: 'market' },
    { 'Idempotency-Key': key });
  if ([200, 201, 202].includes(status)) break; // 200: the key was known, 202: sent, and the exchange's answer was lost
  if (![0, 409, 429, 503].includes(status) || (attempt === 1 && answer.code === 'no_bridge')) giveUp(answer);
  // Nothing came back, the first try still runs, or it was not sent: the key makes it safe to repeat.
  console.log(`no order yet (${answer.code}), asking again with the same key`);
  await sleep(1000);
}

for (let round = 0; round < 10; round++) {
  const { state } = answer;
  if (state === 'filled') {
    console.log(`filled: ${answer.filled_qty} at ${answer.avg_price}, order ${answer.id}`);
    process.exit(0);
  }
  if (['cancelled', 'rejected', 'not_sent', 'never_accepted'].includes(state)) {
    console.error(`${state}: filled ${answer.filled_qty}, ${answer.reject_reason ?? answer.cancel_reason}`);
    process.exit(1);
  }
  if ([0, 409, 429, 503].includes(status)) await sleep(2000); // the bridge restarts, perhaps: it will know
  else if (status >= 400) giveUp(answer);
  else console.log(`${state}, waiting: GET /orders/${key}`);
  [status, answer] = await ask('GET', `/orders/${encodeURIComponent(key)}?wait=filled&timeout=20s`);
}
console.error(`no end yet: ask GET ${bridge}/orders/${key} later`);
process.exit(2);
