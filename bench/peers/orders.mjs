// A peer: market orders one after the other, straight to the exchange, without any journal.
//   node orders.mjs bybit-api|ccxt URL N KEY SECRET CONNECTIONS
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18 has it, but not as a global
const [peer, url, count, key, secret, connections] = process.argv.slice(2);
const each = Math.floor(Number(count) / Number(connections));
const place = await (peer === 'ccxt' ? viaCcxt() : viaBybitApi());

async function viaBybitApi() {
  const { RestClientV5 } = await import('bybit-api');
  const client = new RestClientV5({ key, secret, baseUrl: url, keepAlive: true });
  return async (number, side) => {
    const answer = await client.submitOrder({
      category: 'linear', symbol: 'BTCUSDT', side, orderType: 'Market', qty: '0.001', orderLinkId: `ba-${process.pid}-${number}`,
    });
    if (answer.retCode !== 0) throw new Error(answer.retMsg);
  };
}

async function viaCcxt() {
  const { default: ccxt } = await import('ccxt');
  const exchange = new ccxt.bybit({ apiKey: key, secret, enableRateLimit: false, options: { defaultType: 'swap', enableUnifiedAccount: true, unifiedMarginStatus: 6 } });
  exchange.urls.api = Object.fromEntries(Object.keys(exchange.urls.api).map((name) => [name, url]));
  return async (number, side) => {
    const answer = await exchange.privatePostV5OrderCreate({
      category: 'linear', symbol: 'BTCUSDT', side, orderType: 'Market', qty: '0.001', orderLinkId: `cc-${process.pid}-${number}`,
    });
    if (Number(answer.retCode) !== 0) throw new Error(answer.retMsg);
  };
}

const took = [];
let number = 0;
async function worker() {
  for (let i = 0; i < each; i++) {
    const start = process.hrtime.bigint();
    await place(++number, number % 2 ? 'Buy' : 'Sell');
    took.push(Number(process.hrtime.bigint() - start) / 1000);
  }
}
for (let i = 0; i < 20; i++) await place(++number, number % 2 ? 'Buy' : 'Sell'); // connections and caches warm
const start = process.hrtime.bigint();
await Promise.all(Array.from({ length: Number(connections) }, worker));
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
took.sort((a, b) => a - b);
console.log(JSON.stringify({
  n: took.length, failures: 0, p50_us: Math.round(took[took.length >> 1]),
  p99_us: Math.round(took[Math.floor(took.length * 0.99)]), rate: Math.round(took.length / seconds),
}));
