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

const contract = { category: 'linear', symbol: 'SOLUSDT' };

// Leaves nothing behind in SOLUSDT.
async function flatten() {
    await rest.cancelAllOrders(contract);
    for (const positionIdx of [0, 1, 2])
        for (const side of ['Buy', 'Sell'])
            await rest.submitOrder({
                ...contract, positionIdx, side, orderType: 'Market', qty: '0', reduceOnly: true,
                closeOnTrigger: true,
            });
}

test('an order is amended', { skip }, async () => {
    const orderLinkId = randomUUID();

    ok(await rest.submitOrder({
        ...contract, side: 'Buy', orderType: 'Limit', qty: '1', price: '50', orderLinkId,
    }));
    ok(await rest.amendOrder({ ...contract, orderLinkId, qty: '2', price: '51' }));

    const [order] = ok(await rest.getActiveOrders({ ...contract, orderLinkId })).list;

    assert.equal(order.qty, '2.0');
    assert.equal(Number(order.price), 51);
    assert.equal((await rest.amendOrder({ ...contract, orderLinkId: 'none', qty: '2' })).retCode, 110001);
    await flatten();
});

test('batches have an outcome for each order', { skip }, async () => {
    const links = [randomUUID(), randomUUID()];
    const order = { symbol: 'SOLUSDT', side: 'Buy', orderType: 'Limit', qty: '1', price: '50' };
    const placed = await rest.batchSubmitOrders('linear', [
        { ...order, orderLinkId: links[0] },
        { ...order, orderLinkId: links[0] },
        { ...order, orderLinkId: links[1] },
    ]);

    assert.deepEqual(placed.retExtInfo.list.map((item) => item.code), [0, 110072, 0]);
    assert.equal(placed.result.list[1].orderId, '');

    const amended = await rest.batchAmendOrders('linear', links.map((orderLinkId) => (
        { symbol: 'SOLUSDT', orderLinkId, qty: '2' })));
    const cancelled = await rest.batchCancelOrders('linear', [...links, 'none'].map((orderLinkId) => (
        { symbol: 'SOLUSDT', orderLinkId })));

    assert.deepEqual(amended.retExtInfo.list.map((item) => item.code), [0, 0]);
    assert.deepEqual(cancelled.retExtInfo.list.map((item) => item.code), [0, 0, 110001]);
});

test('conditional orders wait and are cancelled by their kind', { skip }, async () => {
    const orderLinkId = randomUUID();

    ok(await rest.submitOrder({
        ...contract, side: 'Buy', orderType: 'Market', qty: '1', triggerPrice: '900', triggerDirection: 1,
        triggerBy: 'MarkPrice', orderLinkId,
    }));

    const [order] = ok(await rest.getActiveOrders({ ...contract, orderFilter: 'StopOrder' })).list;

    assert.equal(order.orderLinkId, orderLinkId);
    assert.equal(order.orderStatus, 'Untriggered');
    assert.equal(order.stopOrderType, 'Stop');
    ok(await rest.cancelAllOrders({ ...contract, orderFilter: 'StopOrder', stopOrderType: 'Stop' }));
    assert.equal(ok(await rest.getActiveOrders({ ...contract, orderLinkId })).list[0].orderStatus, 'Deactivated');
});

test('take profit and stop loss come with an order and are changed for the position', { skip }, async () => {
    const orderLinkId = randomUUID();

    ok(await rest.submitOrder({
        ...contract, side: 'Buy', orderType: 'Market', qty: '1', takeProfit: '900', stopLoss: '20', orderLinkId,
    }));
    ok(await rest.setTradingStop({ ...contract, tpslMode: 'Full', positionIdx: 0, takeProfit: '950', stopLoss: '0' }));

    const [position] = ok(await rest.getPositionInfo(contract)).list;
    const stops = ok(await rest.getActiveOrders({ ...contract, orderFilter: 'StopOrder' })).list;

    assert.equal(Number(position.takeProfit), 950);
    assert.equal(position.stopLoss, '');
    assert.equal(stops.length, 1);
    assert.equal(stops[0].parentOrderLinkId, orderLinkId);
    await flatten();
    assert.equal(ok(await rest.getActiveOrders(contract)).list.length, 0);
});

test('hedge mode has two positions', { skip }, async () => {
    await flatten();
    ok(await rest.switchPositionMode({ ...contract, mode: 3 }));
    assert.equal((await rest.switchPositionMode({ ...contract, mode: 3 })).retCode, 110025);
    ok(await rest.submitOrder({ ...contract, side: 'Buy', positionIdx: 1, orderType: 'Market', qty: '1' }));
    ok(await rest.submitOrder({ ...contract, side: 'Sell', positionIdx: 2, orderType: 'Market', qty: '2' }));

    const { list } = ok(await rest.getPositionInfo(contract));

    assert.deepEqual(list.map((row) => [row.positionIdx, row.side, row.size]),
                     [[1, 'Buy', '1.0'], [2, 'Sell', '2.0']]);
    await flatten();
    ok(await rest.switchPositionMode({ ...contract, mode: 0 }));
});

test('the transaction log has trades', { skip }, async () => {
    const { list } = ok(await rest.getTransactionLog({ accountType: 'UNIFIED', category: 'linear', currency: 'USDT' }));

    assert.ok(list.length > 0);
    assert.equal(list[0].type, 'TRADE');
    assert.ok(Math.abs(Number(list[0].change) - (Number(list[0].cashFlow) - Number(list[0].fee))) < 1e-9);
});

test('an option is traded', { skip }, async () => {
    const [option] = ok(await rest.getInstrumentsInfo({ category: 'option', baseCoin: 'BTC' })).list;
    const order = { category: 'option', symbol: option.symbol, side: 'Buy', orderType: 'Market', qty: '0.1' };

    assert.equal((await rest.submitOrder(order)).retCode, 10001);
    ok(await rest.submitOrder({ ...order, orderLinkId: randomUUID() }));
    assert.equal(ok(await rest.getPositionInfo({ category: 'option', symbol: option.symbol })).list[0].size, '0.10');
    ok(await rest.submitOrder({ ...order, side: 'Sell', reduceOnly: true, orderLinkId: randomUUID() }));
});
