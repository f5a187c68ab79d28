"""Trades, candles, liquidations, positions and balance on /stream, through the real bridge and exchange."""
import http.client
import json
import random
import socket
import threading
import time
import unittest

from harness import Case, Feed, request, until

OPTIONS = "/symbols?category=option"


def data_of(feed, name, **members):
    """The data of all events of that name whose members have these values."""
    return [e["data"] for e in list(feed.events)
            if e.get("event") == name and all(e["data"].get(k) == v for k, v in members.items())]


class Topics(Case):
    def feed(self, bridge, topics, **more):
        feed = Feed(bridge.port, topics, **more)
        self.addCleanup(feed.close)
        feed.wait(lambda e: e["event"] == "hello")
        return feed

    def test_trades_come_each_once_and_in_order(self):
        bridge = self.start()
        wanted = [("linear", "BTCUSDT"), ("spot", "BTCUSDT"), ("inverse", "BTCUSD")]
        feed = self.feed(bridge, ",".join("trades:%s:%s" % w for w in wanted))
        for category, symbol in wanted:
            until(lambda: len(data_of(feed, "trade", category=category, symbol=symbol)) >= 2, 30)
        trades = data_of(feed, "trade")
        self.assertEqual({(t["category"], t["symbol"]) for t in trades}, set(wanted))
        self.assertEqual(len({t["id"] for t in trades}), len(trades))
        for category, _ in wanted:
            times = [t["ts"] for t in data_of(feed, "trade", category=category)]
            self.assertEqual(times, sorted(times))
        self.assertTrue(all(set(t) == {"id", "category", "symbol", "side", "price", "qty", "block", "ts", "recv_at"}
                            and t["side"] in ("buy", "sell") and float(t["qty"]) > 0 for t in trades))
        self.assertFalse([e for e in feed.events if e["event"] == "trade" and "id" in e])

    def test_options_of_a_coin_share_a_topic_and_keep_their_trades_apart(self):
        bridge = self.start()
        symbols = [s["symbol"] for s in request(bridge.port, "GET", OPTIONS).json["items"]
                   if s["symbol"].startswith("BTC-")]
        self.assertGreaterEqual(len(symbols), 2)
        half = symbols[::2]
        some = self.feed(bridge, ",".join("trades:option:" + symbol for symbol in half))
        everything = self.feed(bridge, ",".join("trades:option:" + symbol for symbol in symbols))
        until(lambda: len(data_of(everything, "trade")) >= 2, 60)
        everything.close()
        until(lambda: {t["id"] for t in data_of(some, "trade")} >=
              {t["id"] for t in data_of(everything, "trade") if t["symbol"] in half})
        self.assertLessEqual({t["symbol"] for t in data_of(some, "trade")}, set(half))
        links = request(bridge.port, "GET", "/status").json["links"]
        self.assertEqual([link["topics"] for link in links if link["link"] == "public.option"], [1])

    def test_candles_begin_at_once_and_agree_with_the_trades(self):
        bridge = self.start()
        first = self.feed(bridge, "candles:BTCUSDT:1m,candles:spot:BTCUSDT:1d,candles:inverse:BTCUSD:1h")
        for category, interval in (("linear", "1m"), ("spot", "1d"), ("inverse", "1h")):
            until(lambda: data_of(first, "candle", category=category, interval=interval))
        second = self.feed(bridge, "candles:BTCUSDT")
        snapshot = second.wait(lambda e: e["event"] == "candle")["data"]
        self.assertEqual(second.events[1]["event"], "candle")  # right behind hello
        self.assertEqual((snapshot["symbol"], snapshot["interval"]), ("BTCUSDT", "1m"))
        until(lambda: len(data_of(second, "candle")) >= 3)
        candles = data_of(second, "candle")
        self.assertEqual([c["ts"] for c in candles], sorted(c["ts"] for c in candles))
        for candle in candles:
            low, high = float(candle["low"]), float(candle["high"])
            self.assertTrue(low <= float(candle["open"]) <= high and low <= float(candle["close"]) <= high, candle)

    def test_liquidations(self):
        bridge = self.start()
        feed = self.feed(bridge, "liquidations:BTCUSDT,status")
        feed.wait(lambda e: e["event"] == "status" and e["data"]["link"] == "public.linear"
                  and e["data"]["state"] == "connected")
        self.sim_do("/sim/liquidate", {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "0.123",
                                       "price": "20000"})
        event = feed.wait(lambda e: e["event"] == "liquidation" and e["data"]["qty"] == "0.123")
        self.assertEqual((event["data"]["side"], float(event["data"]["price"])), ("buy", 20000))

    def test_price_limits_and_pools(self):
        bridge = self.start()
        feed = self.feed(bridge, "price_limit:BTCUSDT,price_limit:spot:BTCUSDT,price_limit:inverse:BTCUSD,adl:USDT,"
                                 "insurance:USDT,insurance:inverse")
        for category in ("linear", "spot", "inverse"):
            limit = feed.wait(lambda e: e["event"] == "price_limit" and e["data"]["category"] == category)["data"]
            self.assertLess(float(limit["sell_min"]), float(limit["buy_max"]))
        self.sim_do("/sim/pool", {"category": "linear", "symbol": "SOLUSDT", "balance": "9000", "drawdown": "-0.31"})

        def row(name):
            rows = [r for e in feed.named(name) if e["data"]["pool"] == "USDT" for r in e["data"]["items"]
                    if r.get("symbol", r.get("symbols")) == "SOLUSDT"]
            return rows[-1] if rows and float(rows[-1]["balance"]) == 9000 else None

        self.assertEqual(float(until(lambda: row("adl"))["drawdown_8h"]), -0.31)
        until(lambda: row("insurance"))
        # A pool that changes no more is told to who comes later, whole.
        late = self.feed(bridge, "insurance:USDT,price_limit:BTCUSDT")
        first = late.wait(lambda e: e["event"] == "insurance")["data"]
        self.assertEqual(first["items"], [e["data"] for e in feed.named("insurance")
                                          if e["data"]["pool"] == "USDT"][-1]["items"])

    def test_greeks_follow_the_options(self):
        bridge = self.start()
        feed = self.feed(bridge, "greeks,positions")
        symbol = [s["symbol"] for s in request(bridge.port, "GET", OPTIONS).json["items"]
                  if s["symbol"].startswith("BTC-") and s["symbol"].split("-")[3] == "C"][0]
        until(lambda: any(t["topic"] == "greeks" and t["state"] == "subscribed"
                          for t in request(bridge.port, "GET", "/topics").json["items"]))
        answer = request(bridge.port, "POST", "/orders?wait=filled", {
            "symbol": "option:" + symbol, "side": "buy", "qty": "0.01", "type": "market"})
        self.assertEqual(answer.json["state"], "filled", answer)
        greeks = feed.wait(lambda e: e["event"] == "greeks")["data"]
        self.assertEqual([g["coin"] for g in greeks["items"]], ["BTC"])
        self.assertGreater(float(greeks["items"][0]["delta"]), 0)

    def test_a_book_that_the_exchange_forgot_is_subscribed_again(self):
        """Other topics flow on the socket, so it is not mute; depth 1 would be repeated by 3 s at the latest."""
        self.speed = 2
        bridge = self.start()
        feed = self.feed(bridge, "book:spot:BTCUSDT:1,trades:spot:ETHUSDT,ticker:spot:ETHUSDT")
        feed.wait(lambda e: e["event"] == "book")
        self.sim_do("/sim/stream", {"mode": "freeze", "topic": "orderbook.1.BTCUSDT", "category": "spot"})
        gap = feed.wait(lambda e: e["event"] == "gap", 12)["data"]
        self.assertEqual(gap["topic"], "book:spot:BTCUSDT:1")
        seen = len(feed.named("book"))
        self.sim_do("/sim/stream", {"mode": "thaw"})
        until(lambda: len(feed.named("book")) > seen, 12)
        self.assertEqual(feed.named("book")[seen]["data"]["type"], "snapshot")
        links = request(bridge.port, "GET", "/status").json["links"]
        self.assertEqual([l["reconnects"] for l in links if l["link"] == "public.spot"], [0])

    def test_positions_and_balance_follow_an_order(self):
        bridge = self.start()
        feed = self.feed(bridge, "positions,balance")
        before = feed.wait(lambda e: e["event"] == "balance")["data"]
        self.assertEqual(feed.named("position"), [])
        request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.02&type=market")
        position = feed.wait(lambda e: e["event"] == "position")["data"]
        self.assertEqual((position["category"], position["symbol"], position["side"], float(position["qty"])),
                         ("linear", "BTCUSDT", "buy", 0.02))
        feed.wait(lambda e: e["event"] == "balance" and e["data"]["coins"] != before["coins"])
        late = self.feed(bridge, "positions,balance")
        self.assertEqual(late.wait(lambda e: e["event"] == "position")["data"]["qty"], position["qty"])
        late.wait(lambda e: e["event"] == "balance")
        request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=sell&qty=0.02&type=market&reduce_only=true")
        for reader in (feed, late):
            flat = reader.wait(lambda e: e["event"] == "position" and float(e["data"]["qty"]) == 0)["data"]
            self.assertEqual((flat["symbol"], flat["side"]), ("BTCUSDT", None))
        self.assertEqual(self.feed(bridge, "positions").named("position"), [])
        self.assertFalse([e for e in feed.events if e["event"] in ("position", "balance") and "id" in e])

    def test_a_private_break_is_a_gap_and_what_changed_meanwhile_comes(self):
        bridge = self.start()
        feed = self.feed(bridge, "positions,balance,orders")
        feed.wait(lambda e: e["event"] == "balance")
        self.sim_do("/sim/stream", {"kind": "private", "mode": "mute"})
        request(bridge.port, "POST", "/orders", "symbol=ETHUSDT&side=buy&qty=0.1&type=market")
        self.sim_do("/sim/stream", {"kind": "private", "mode": "cut"})
        for topic in ("positions", "balance"):
            gap = feed.wait(lambda e: e["event"] == "gap" and e["data"]["topic"] == topic)["data"]
            self.assertFalse(gap["repaired"])
            self.assertLessEqual(gap["from"], gap["recv_at"])
        feed.wait(lambda e: e["event"] == "position" and e["data"]["symbol"] == "ETHUSDT")

    def test_a_reset_has_the_whole_state(self):
        bridge = self.start()
        request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.02&type=market")
        request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.02&price=20000&type=limit")
        until(lambda: request(bridge.port, "GET", "/positions").json["items"])
        until(lambda: request(bridge.port, "GET", "/orders?state=open").json["items"])
        feed = self.feed(bridge, "orders,positions,balance", last_id="1-1")
        reset = feed.wait(lambda e: e["event"] == "reset")["data"]
        self.assertEqual([o["price"] for o in reset["orders"]], ["20000"])
        self.assertEqual([p["symbol"] for p in reset["positions"]], ["BTCUSDT"])
        self.assertIn("USDT", [c["coin"] for c in reset["balance"]["coins"]])
        less = self.feed(bridge, "orders", last_id="1-1").wait(lambda e: e["event"] == "reset")["data"]
        self.assertEqual((less["positions"], less["balance"]), (None, None))

    def test_a_frozen_feed_is_stale_then_a_gap_then_heals(self):
        bridge = self.start()
        feed = self.feed(bridge, "status,ticker:BTCUSDT,book:BTCUSDT,trades:BTCUSDT,candles:BTCUSDT")
        for name in ("ticker", "book", "trade", "candle"):
            feed.wait(lambda e: e["event"] == name)
        self.sim_do("/sim/stream", {"kind": "public", "mode": "mute"})

        def is_state(event, state):
            return event["event"] == "status" and event["data"] == {**event["data"], "link": "public.linear",
                                                                    "state": state}
        feed.wait(lambda e: is_state(e, "stale"))
        feed.wait(lambda e: is_state(e, "down"))
        count = {}
        for topic in ("ticker:linear:BTCUSDT", "book:linear:BTCUSDT:50", "trades:linear:BTCUSDT",
                      "candles:linear:BTCUSDT:1m"):
            gap = feed.wait(lambda e: e["event"] == "gap" and e["data"]["topic"] == topic)
            self.assertIsNone(gap["data"]["to"])
            count[topic] = feed.events.index(gap)
        gap = feed.wait(lambda e: e["event"] == "gap" and e["data"]["topic"] == "trades:linear:BTCUSDT"
                        and e["data"]["to"])["data"]
        self.assertGreater(gap["to"], gap["from"])
        self.assertFalse(gap["repaired"])
        last = max(count.values())
        until(lambda: {e["event"] for e in feed.events[last + 1:]} >= {"ticker", "book", "trade", "candle"})
        after = [e["data"] for e in feed.events[count["book:linear:BTCUSDT:50"] + 1:] if e["event"] == "book"]
        self.assertEqual(after[0]["type"], "snapshot")

    def test_quiet_topics_alone_make_no_link_stale(self):
        bridge = self.start()
        self.sim_do("/sim/pause", {"paused": True})
        feed = self.feed(bridge, "status,trades:BTCUSDT,liquidations:ETHUSDT")
        feed.wait(lambda e: e["event"] == "status" and e["data"]["link"] == "public.linear"
                  and e["data"]["state"] == "connected")
        time.sleep(2)  # four times what makes a link with a ticker stale at this speed
        states = [e["data"]["state"] for e in feed.named("status") if e["data"]["link"] == "public.linear"]
        self.assertEqual(states[-1], "connected")
        self.assertNotIn("stale", states)

    def test_conflated_topics(self):
        bridge = self.start()
        fast = self.feed(bridge, "ticker:BTCUSDT,book:BTCUSDT:1")
        slow = self.feed(bridge, "ticker:BTCUSDT,book:BTCUSDT:1,trades:BTCUSDT&conflate=1s")
        began = time.monotonic()
        until(lambda: len(fast.named("ticker")) >= 25, 30)
        until(lambda: len(slow.named("ticker")) >= 2 and len(slow.named("book")) >= 2 and slow.named("trade"), 30)
        seconds = time.monotonic() - began
        for name in ("ticker", "book"):
            self.assertLessEqual(len(slow.named(name)), seconds + 2, name)
        self.assertTrue(all(e["data"]["type"] == "snapshot" for e in slow.named("book")))

    def test_ndjson_has_everything_too(self):
        bridge = self.start()
        connection = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", "/stream?topics=positions,balance,trades:BTCUSDT,candles:BTCUSDT,ticker:BTCUSDT",
                           headers={"Accept": "application/x-ndjson"})
        reply = connection.getresponse()
        seen = set()
        while not seen >= {"hello", "balance", "trade", "candle", "ticker"}:
            line = json.loads(reply.readline())
            self.assertEqual(set(line), {"event", "id", "data"})
            seen.add(line["event"])

    def test_wishes_that_cannot_be_met(self):
        bridge = self.start()
        option = request(bridge.port, "GET", OPTIONS).json["items"][0]["symbol"]
        cases = [("candles:option:" + option, 400, "invalid_topic"), ("trades:NOPE", 404, "unknown_symbol"),
                 ("candles:BTCUSDT:2m", 400, "invalid_topic"), ("liquidations:spot:BTCUSDT", 400, "invalid_topic"),
                 ("guard:BTCUSDT", 400, "invalid_topic"), ("positions:BTCUSDT", 400, "invalid_topic"),
                 ("trades:BTCUSDT&conflate=1", 400, "invalid_value")]
        for topics, status, code in cases:
            with self.subTest(topics=topics):
                answer = request(bridge.port, "GET", "/stream?topics=" + topics)
                self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)

    def test_a_storm_of_readers(self):
        bridge = self.start()
        topics = ["trades:BTCUSDT", "candles:BTCUSDT:5m", "ticker:spot:ETHUSDT", "book:ETHUSDT:50", "positions",
                  "balance", "trades:inverse:BTCUSD", "liquidations:BTCUSDT", "candles:spot:BTCUSDT", "orders"]
        steady = self.feed(bridge, "trades:BTCUSDT,candles:BTCUSDT:5m,status")
        failures = []

        def reader(seed):
            chance = random.Random(seed)
            try:
                for _ in range(10):
                    # Trades keep the connection busy, so that a client that left is noticed.
                    wanted = ",".join(chance.sample(topics, chance.randint(1, len(topics))) + ["trades:BTCUSDT"])
                    with socket.create_connection(("127.0.0.1", bridge.port), timeout=20) as client:
                        client.sendall(("GET /stream?topics=%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % wanted).encode())
                        if chance.random() < 0.7:
                            head = client.recv(chance.choice((1, 100, 65536)))
                            if not b"HTTP/1.1 200".startswith(head[:12]):
                                raise AssertionError(head)
            except (OSError, AssertionError) as error:
                failures.append(repr(error))

        readers = [threading.Thread(target=reader, args=(seed,)) for seed in range(50)]
        for thread in readers:
            thread.start()
        for thread in readers:
            thread.join()
        self.assertEqual(failures, [])
        until(lambda: request(bridge.port, "GET", "/status").json["streams"]["readers"] == 1, 20)
        count = len(steady.named("trade"))
        until(lambda: len(steady.named("trade")) > count)
        self.assertEqual([e for e in steady.events if e["event"] == "gap"], [])
        self.assertNotIn("down", [e["data"]["state"] for e in steady.named("status")])


class WithoutKeys(Case):
    def test_what_is_of_the_account_needs_a_key(self):
        bridge = self.start(env={"BYBIT_API_KEY": "", "BYBIT_API_SECRET": ""}, wait=False)
        until(lambda: request(bridge.port, "GET", "/price/BTCUSDT").status == 200)
        for topics in ("positions", "balance", "trades:BTCUSDT,balance", "orders", "greeks"):
            answer = request(bridge.port, "GET", "/stream?topics=" + topics)
            self.assertEqual((answer.status, answer.json["code"]), (401, "no_api_key"), topics)
        feed = Feed(bridge.port, "trades:BTCUSDT,candles:BTCUSDT")
        self.addCleanup(feed.close)
        feed.wait(lambda e: e["event"] == "trade")
        feed.wait(lambda e: e["event"] == "candle")


if __name__ == "__main__":
    unittest.main()
