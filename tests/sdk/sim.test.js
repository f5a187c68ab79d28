// The simulated exchange against a public client library: if its signing, its subscriptions and its reading of our
// answers work unchanged, the simulation speaks the real protocol.
//
//   bybit-bridge sim --listen 127.0.0.1:8899 ...
//   SIM_URL=http://127.0.0.1:8899 SIM_KEY=... SIM_SECRET=... node --test
import assert from 'node:assert/strict';
import { randomUUID, webcrypto } from 'node:crypto';
import { after, before, test } from 'node:test';

import { RestClientV5, WebsocketClient } from 'bybit-api';

globalThis.crypto ??= webcrypto; // Debian 12's Node 18 has it, but not as a global

const url = process.env.SIM_URL;
const key = process.env.SIM_KEY;
const secret = process.env.SIM_SECRET;
const skip = !url || !key || !secret ? 'SIM_URL, SIM_KEY and SIM_SECRET are not set' : false;
const PATIENCE_MS = 10000;

const quiet = { trace() {}, info() {}, error() {}, silly() {} };
const sockets = [];
let rest;

before(() => {
    if (!skip)
        rest = new RestClientV5({ key, secret, baseUrl: url, parseAPIRateLimits: true });
});

after(() => sockets.forEach((socket) => socket.closeAll(true)));

function openSocket(path) {
    const socket = new WebsocketClient(
        { key, secret, market: 'v5', wsUrl: url.replace(/^http/, 'ws') + path }, quiet);

    socket.on('exception', () => {});
    sockets.push(socket);
    return socket;
}

// The first frame that fits, or a failure.
function waitFor(socket, fits, what) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${what}`)), PATIENCE_MS);

        socket.on('update', (frame) => {
            if (!fits(frame))
                return;
            clearTimeout(timer);
            resolve(frame);
        });
    });
}

function subscribed(socket, topics, category) {
    const acknowledged = new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('no acknowledgement')), PATIENCE_MS);

        socket.on('response', (response) => {
            if (response.op !== 'subscribe')
                return;
            clearTimeout(timer);
            resolve(response);
        });
    });

    socket.subscribeV5(topics, category);
    return acknowledged;
}

function ok(answer) {
    assert.equal(answer.retCode, 0, `${answer.retCode} ${answer.retMsg}`);
    return answer.result;
}

test('public data is read', { skip }, async () => {
    const tickers = ok(await rest.getTickers({ category: 'linear', symbol: 'BTCUSDT' }));
    const instruments = ok(await rest.getInstrumentsInfo({ category: 'spot' }));
    const book = ok(await rest.getOrderbook({ category: 'linear', symbol: 'BTCUSDT', limit: 50 }));

    assert.ok(Number(tickers.list[0].lastPrice) > 0);
    assert.equal(instruments.list.length, 3);
    assert.equal(book.b.length, 50);
    assert.ok(Number(book.b[0][0]) < Number(book.a[0][0]));
});

test('the key is accepted, a wrong secret is not', { skip }, async () => {
    const wrong = new RestClientV5({ key, secret: 'wrong', baseUrl: url });

    assert.equal(ok(await rest.getQueryApiKey()).apiKey, key);
    assert.equal((await wrong.getAccountInfo()).retCode, 10004);
});

test('an order is placed, read and cancelled', { skip }, async () => {
    const orderLinkId = randomUUID();
    const placed = ok(await rest.submitOrder({
        category: 'linear', symbol: 'BTCUSDT', side: 'Buy', orderType: 'Limit', qty: '0.001',
        price: '50000', timeInForce: 'PostOnly', orderLinkId,
    }));
    const query = { category: 'linear', symbol: 'BTCUSDT', orderLinkId };
    const open = ok(await rest.getActiveOrders(query)).list;

    assert.equal(placed.orderLinkId, orderLinkId);
    assert.equal(open[0].orderId, placed.orderId);
    assert.equal(open[0].orderStatus, 'New');
    ok(await rest.cancelOrder({ category: 'linear', symbol: 'BTCUSDT', orderId: placed.orderId }));
    assert.equal(ok(await rest.getActiveOrders(query)).list[0].orderStatus, 'Cancelled');
    assert.equal((await rest.cancelOrder(query)).retCode, 110001);
});

test('a repeated orderLinkId is refused', { skip }, async () => {
    const order = {
        category: 'spot', symbol: 'BTCUSDT', side: 'Buy', orderType: 'Limit', qty: '0.001',
        price: '50000', orderLinkId: randomUUID(),
    };
    const placed = ok(await rest.submitOrder(order));

    assert.equal((await rest.submitOrder(order)).retCode, 170141);
    ok(await rest.cancelOrder({ category: 'spot', symbol: 'BTCUSDT', orderId: placed.orderId }));
});

test('a fill is seen on the private socket and in the list', { skip }, async () => {
    const socket = openSocket('/v5/private');
    const orderLinkId = randomUUID();
    const seen = waitFor(socket, (frame) => frame.topic === 'execution' &&
        frame.data.some((item) => item.orderLinkId === orderLinkId), 'execution');
    const closed = waitFor(socket, (frame) => frame.topic === 'order' && frame.data.some((item) =>
        item.orderLinkId === orderLinkId && item.orderStatus === 'Filled'), 'filled order');

    await subscribed(socket, ['order', 'execution', 'position', 'wallet'], 'linear');
    ok(await rest.submitOrder({
        category: 'linear', symbol: 'ETHUSDT', side: 'Buy', orderType: 'Market', qty: '0.01',
        orderLinkId,
    }));

    const [execution] = (await seen).data;
    const list = ok(await rest.getExecutionList({ category: 'linear', orderLinkId })).list;
    const position = ok(await rest.getPositionInfo({ category: 'linear', symbol: 'ETHUSDT' }));

    await closed;
    assert.equal(list[0].execId, execution.execId);
    assert.equal(execution.execQty, '0.01');
    assert.notEqual(position.list[0].size, '0.00');
    ok(await rest.getWalletBalance({ accountType: 'UNIFIED' }));
});

test('public streams are heard', { skip }, async () => {
    const socket = openSocket('/v5/public/linear');
    const snapshot = waitFor(socket, (frame) => frame.topic === 'orderbook.50.BTCUSDT' &&
        frame.type === 'snapshot', 'snapshot');
    const delta = waitFor(socket, (frame) => frame.topic === 'orderbook.50.BTCUSDT' &&
        frame.type === 'delta', 'delta');
    const ticker = waitFor(socket, (frame) => frame.topic === 'tickers.BTCUSDT', 'ticker');

    await subscribed(socket, ['orderbook.50.BTCUSDT', 'tickers.BTCUSDT'], 'linear');
    assert.equal((await delta).data.u, (await snapshot).data.u + 1);
    assert.equal((await ticker).data.symbol, 'BTCUSDT');
});

test('inverse and option products are listed', { skip }, async () => {
    const inverse = ok(await rest.getInstrumentsInfo({ category: 'inverse' })).list;
    const options = ok(await rest.getInstrumentsInfo({ category: 'option', baseCoin: 'BTC' })).list;
    const book = ok(await rest.getOrderbook({ category: 'option', symbol: options[0].symbol, limit: 25 }));
    const [ticker] = ok(await rest.getTickers({ category: 'option', symbol: options[0].symbol })).list;
    const trades = ok(await rest.getPublicTradingHistory({ category: 'option', baseCoin: 'BTC', limit: 3 })).list;

    assert.equal(inverse[0].symbol, 'BTCUSD');
    assert.equal(inverse[0].settleCoin, 'BTC');
    assert.ok(options.length >= 4);
    assert.ok(Number(options[0].deliveryTime) > Date.now() + 59 * 86400000);
    assert.equal(book.a.length, 25);
    assert.ok(Number(ticker.bid1Price) < Number(ticker.ask1Price));
    assert.equal(trades.length, 3);
});

test('candles are read and paged', { skip }, async () => {
    const query = { category: 'linear', symbol: 'BTCUSDT', interval: '1', limit: 1000 };
    const first = ok(await rest.getKline(query)).list;
    const second = ok(await rest.getKline({ ...query, end: Number(first.at(-1)[0]) - 1 })).list;
    const mark = ok(await rest.getMarkPriceKline({ ...query, limit: 2 })).list;
    const index = ok(await rest.getIndexPriceKline({ ...query, limit: 2 })).list;

    assert.equal(first.length, 1000);
    assert.equal(first[0].length, 7);
    assert.equal(Number(first.at(-1)[0]) - Number(second[0][0]), 60000);
    assert.equal(first.at(-1)[1], second[0][4]);
    assert.equal(mark[0].length, 5);
    assert.equal(index[0].length, 5);
});

test('funding and open interest are read', { skip }, async () => {
    const contract = { category: 'linear', symbol: 'BTCUSDT' };
    const rates = ok(await rest.getFundingRateHistory({ ...contract, limit: 5 })).list;
    const interest = { ...contract, intervalTime: '1h', limit: 10 };
    const page = ok(await rest.getOpenInterest(interest));
    const next = ok(await rest.getOpenInterest({ ...interest, cursor: page.nextPageCursor }));

    assert.equal(rates.length, 5);
    assert.equal(Number(rates[0].fundingRateTimestamp) - Number(rates[1].fundingRateTimestamp), 8 * 3600000);
    assert.notEqual((await rest.getFundingRateHistory({ ...contract, startTime: 1 })).retCode, 0);
    assert.equal(page.list.length, 10);
    assert.equal(Number(page.list[9].timestamp) - Number(next.list[0].timestamp), 3600000);
});

test('account, fees and wallets are read', { skip }, async () => {
    const info = ok(await rest.getAccountInfo());
    const fees = ok(await rest.getFeeRate({ category: 'inverse', symbol: 'BTCUSD' })).list;
    const [wallet] = ok(await rest.getWalletBalance({ accountType: 'UNIFIED', coin: 'USDT,BTC' })).list;
    const fund = ok(await rest.getAllCoinsBalance({ accountType: 'FUND' })).balance;
    const key = ok(await rest.getQueryApiKey());

    assert.equal(info.marginMode, 'REGULAR_MARGIN');
    assert.equal(fees[0].takerFeeRate, '0.00055');
    assert.deepEqual(wallet.coin.map((coin) => coin.coin), ['USDT', 'BTC']);
    assert.ok(Number(wallet.totalEquity) > 0);
    assert.ok(fund.some((coin) => coin.coin === 'USDT' && Number(coin.walletBalance) > 0));
    assert.equal((await rest.getAllCoinsBalance({ accountType: 'UNIFIED' })).retCode, 131002);
    assert.equal(typeof key.userID, 'number');
});

test('an inverse order opens a position in coins', { skip }, async () => {
    const order = { category: 'inverse', symbol: 'BTCUSD', side: 'Buy', orderType: 'Market', qty: '100' };

    ok(await rest.submitOrder(order));

    const [position] = ok(await rest.getPositionInfo({ category: 'inverse', symbol: 'BTCUSD' })).list;
    const [fill] = ok(await rest.getExecutionList({ category: 'inverse', symbol: 'BTCUSD' })).list;

    assert.equal(position.size, '100');
    assert.ok(Math.abs(Number(position.positionValue) - 100 / Number(position.avgPrice)) < 1e-7);
    assert.equal(fill.feeCurrency, 'BTC');
    ok(await rest.submitOrder({ ...order, side: 'Sell', reduceOnly: true }));
    assert.equal(ok(await rest.getPositionInfo({ category: 'inverse', symbol: 'BTCUSD' })).list[0].side, '');
});

test('candle and inverse streams are heard', { skip }, async () => {
    const linear = openSocket('/v5/public/linear');
    const inverse = openSocket('/v5/public/inverse');
    const candle = waitFor(linear, (frame) => frame.topic === 'kline.1.BTCUSDT', 'candle');
    const ticker = waitFor(inverse, (frame) => frame.topic === 'tickers.BTCUSD', 'inverse ticker');

    await subscribed(linear, ['kline.1.BTCUSDT'], 'linear');
    await subscribed(inverse, ['tickers.BTCUSD'], 'inverse');

    const [row] = (await candle).data;

    assert.equal(row.interval, '1');
    assert.equal(row.end, row.start + 59999);
    assert.equal(typeof row.confirm, 'boolean');
    assert.equal((await ticker).data.symbol, 'BTCUSD');
});

test('option streams are heard', { skip }, async () => {
    const [option] = ok(await rest.getInstrumentsInfo({ category: 'option', baseCoin: 'BTC' })).list;
    const socket = openSocket('/v5/public/option');
    const ticker = waitFor(socket, (frame) => frame.topic === `tickers.${option.symbol}`, 'option ticker');
    const book = waitFor(socket, (frame) => frame.topic === `orderbook.25.${option.symbol}` &&
        frame.type === 'snapshot', 'option book');

    socket.subscribeV5([`tickers.${option.symbol}`, `orderbook.25.${option.symbol}`], 'option');
    assert.ok(Number((await ticker).data.markPrice) > 0);
    assert.equal((await book).data.b.length, 25);
});
