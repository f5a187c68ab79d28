"""One order from a plain HTTP call to the exchange, its fill back onto the stream and into the journal."""
import json
import sqlite3
import unittest

from guard_kit import Exchange
from harness import Case, Feed, request, until


class MainJob(Case):
    def test_market_order_fills_onto_stream_journal_and_sqlite(self):
        bridge = self.start()
        self.assertGreater(float(self.price(bridge)), 1000)
        feed = Feed(bridge.port, "orders,fills,ticker:BTCUSDT")
        self.addCleanup(feed.close)
        feed.wait(lambda e: e["event"] == "hello")
        answer = request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.01&type=market")
        self.assertEqual(answer.status, 201, answer)
        order = answer.json
        self.assertEqual(answer.headers["location"], "/orders/" + order["client_id"])
        self.assertEqual(answer.headers["bridge-env"], "sim")
        self.assertEqual((order["symbol"], order["category"], order["side"], order["qty"]),
                         ("BTCUSDT", "linear", "buy", "0.01"))
        fill = feed.wait(lambda e: e["event"] == "fill")
        self.assertEqual(fill["data"]["client_id"], order["client_id"])
        self.assertRegex(fill["id"], r"^\d+-\d+$")
        feed.wait(lambda e: e["event"] == "order" and e["data"]["state"] == "filled")
        feed.wait(lambda e: e["event"] == "ticker" and e["data"]["symbol"] == "BTCUSDT")
        fills = until(lambda: request(bridge.port, "GET", "/fills").json["items"])
        self.assertEqual(sum(float(f["qty"]) for f in fills), 0.01)
        self.assertEqual(self.wait_state(bridge, order["client_id"], "filled")["filled_qty"].rstrip("0"), "0.01")
        bridge.stop()
        with sqlite3.connect(self.journal) as db:
            rows = db.execute("select client_id, state, qty from orders").fetchall()
            self.assertEqual(len(rows), 1)
            self.assertEqual(rows[0][0], order["client_id"])
            self.assertEqual(len(db.execute("select * from fills").fetchall()), len(fills))

    def test_decimal_digits_reach_the_exchange_as_written(self):
        bridge = self.start()
        self.sim_do("/sim/pause", {"paused": True})
        body = '{"symbol":"BTCUSDT","side":"buy","qty":0.010,"price":26000.10,"type":"limit","client_id":"digits"}'
        answer = request(bridge.port, "POST", "/orders", body, {"Content-Type": "application/json"})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.json["price"], "26000.10")
        self.wait_state(bridge, "digits", "open")
        there = [o for o in self.sim_get("/sim/orders")["list"] if o["orderLinkId"] == "digits"]
        self.assertEqual([float(there[0]["price"]), float(there[0]["qty"])], [26000.1, 0.01])

    def test_limit_order_and_its_cancel(self):
        bridge = self.start()
        answer = request(bridge.port, "POST", "/orders",
                         {"symbol": "ETHUSDT", "side": "sell", "qty": "0.1", "price": "9000", "type": "limit",
                          "client_id": "my-limit", "tag": "grid:1"})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.json["tag"], "grid:1")
        order = self.wait_state(bridge, "my-limit", "open")
        by_id = request(bridge.port, "GET", "/orders/" + order["id"])
        self.assertEqual(by_id.json["client_id"], "my-limit")
        listed = request(bridge.port, "GET", "/orders?state=open").json["items"]
        self.assertEqual([o["client_id"] for o in listed], ["my-limit"])
        answer = request(bridge.port, "DELETE", "/orders/my-limit")
        self.assertEqual(answer.status, 200, answer)
        self.wait_state(bridge, "my-limit", "cancelled")
        answer = request(bridge.port, "DELETE", "/orders/my-limit")
        self.assertEqual((answer.status, answer.json["state"]), (200, "cancelled"), answer)
        self.assertEqual(request(bridge.port, "GET", "/orders?state=open").json["items"], [])

    def test_refusals_say_what_and_why(self):
        bridge = self.start()
        cases = [
            ("symbol=BTCUSDT&side=buy&qty=400&type=market", 422, "rejected"),
            ("symbol=BTCUSDT&side=buy&qty=0.0123&type=market", 422, "not_sent"),
            ("symbol=BTCUSDT&side=buy&qty=0.01&price=26000.05&type=limit", 422, "not_sent"),
            ("symbol=BTCUSDT&side=buy&qty=0.01&type=market&reduceonyl=1", 400, "not_sent"),
            ("symbol=BTCUSDX&side=buy&qty=0.01&type=market", 404, "not_sent"),
            ("symbol=BTCUSDT&side=buy&qty=1e2&type=market", 400, "not_sent"),
        ]
        for body, status, outcome in cases:
            with self.subTest(body=body):
                answer = request(bridge.port, "POST", "/orders", body)
                self.assertEqual(answer.status, status, answer)
                self.assertEqual(answer.headers["content-type"], "application/problem+json")
                problem = answer.json
                self.assertTrue(problem["code"] and problem["detail"], problem)
                self.assertEqual(problem["outcome"], outcome, problem)
        self.assertIn("0.012", request(bridge.port, "POST", "/orders", cases[1][0]).json["detail"])
        self.assertIn("reduce_only", request(bridge.port, "POST", "/orders", cases[3][0]).body)
        rejected = request(bridge.port, "POST", "/orders", cases[0][0]).json
        self.assertEqual(rejected["upstream"]["ret_code"], 110007)

    def test_same_key_is_one_order(self):
        bridge = self.start()
        body = {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01", "type": "market"}
        first = request(bridge.port, "POST", "/orders", body, {"Idempotency-Key": "once"})
        self.assertEqual(first.status, 201, first)
        again = request(bridge.port, "POST", "/orders", body, {"Idempotency-Key": "once"})
        self.assertEqual((again.status, again.headers["idempotent-replayed"]), (200, "true"), again)
        self.assertEqual(again.json["client_id"], "once")
        other = request(bridge.port, "POST", "/orders", dict(body, qty="0.02"), {"Idempotency-Key": "once"})
        self.assertEqual((other.status, other.json["code"]), (422, "idempotency_key_reused"), other)
        bridge.stop()
        bridge = self.start()
        again = request(bridge.port, "POST", "/orders", body, {"Idempotency-Key": "once"})
        self.assertEqual((again.status, again.headers["idempotent-replayed"]), (200, "true"), again)
        self.assertEqual(self.sim_get("/sim/stats")["creates_accepted"], 1)

    def test_spot_order(self):
        bridge = self.start()
        answer = request(bridge.port, "POST", "/orders",
                         {"symbol": "spot:BTCUSDT", "side": "buy", "quote_qty": "100", "type": "market", "client_id": "sp"})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.json["category"], "spot")
        self.wait_state(bridge, "sp", "filled")  # though no size in quote coin is a multiple of the step
        fills = until(lambda: request(bridge.port, "GET", "/fills?symbol=spot:BTCUSDT").json["items"])
        self.assertLessEqual(sum(float(f["value"]) for f in fills), 100)

    def test_spot_order_that_may_borrow(self):
        bridge = self.start()
        order = {"symbol": "spot:BTCUSDT", "side": "buy", "qty": "0.001", "type": "limit", "price": "20000"}
        tried = request(bridge.port, "POST", "/orders?dry_run=1", dict(order, is_leverage=1))
        self.assertEqual(tried.json["request"]["isLeverage"], 1, tried)
        for name, fields in (("borrows", {"is_leverage": 1}), ("own", {})):
            answer = request(bridge.port, "POST", "/orders", dict(order, client_id=name, **fields))
            self.assertEqual((answer.status, answer.json["is_leverage"]), (201, name == "borrows"), answer)
        self.wait_state(bridge, "borrows", "open")
        there = Exchange(self.sim.port).call("GET", "/v5/order/realtime", {"category": "spot", "symbol": "BTCUSDT"})["list"]
        self.assertEqual({o["orderLinkId"]: o["isLeverage"] for o in there}, {"borrows": "1", "own": "0"})
        again = request(bridge.port, "POST", "/orders", dict(order, client_id="borrows"))
        self.assertEqual((again.status, again.json["code"]), (422, "idempotency_key_reused"), again)

    def test_reads(self):
        bridge = self.start()
        for path in ("/livez", "/readyz", "/health", "/status", "/version", "/symbols", "/symbols/BTCUSDT",
                     "/ticker/BTCUSDT", "/tickers?category=linear", "/book/BTCUSDT", "/book/spot:ETHUSDT?depth=5",
                     "/price/SOLUSDT?of=mark", "/price/ETHUSDT?of=mid", "/orders", "/fills", "/"):
            with self.subTest(path=path):
                answer = request(bridge.port, "GET", path)
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(answer.headers["bridge-env"], "sim")
                head = request(bridge.port, "HEAD", path)
                self.assertEqual((head.status, head.body), (200, ""), path)
        book = until(lambda: (lambda b: b.get("state") == "synced" and b)(
            request(bridge.port, "GET", "/book/BTCUSDT?depth=10").json))
        self.assertEqual((len(book["bids"]), len(book["asks"])), (10, 10))
        self.assertLess(float(book["bids"][0][0]), float(book["asks"][0][0]))
        ticker = until(lambda: (lambda t: t["source"] == "stream" and t)(
            request(bridge.port, "GET", "/ticker/BTCUSDT").json))
        self.assertEqual(ticker["symbol"], "BTCUSDT")
        status = request(bridge.port, "GET", "/status").json
        self.assertEqual(status["env"], "sim")
        self.assertNotIn("canary", json.dumps(status))

    def test_wrong_env_is_refused(self):
        bridge = self.start()
        answer = request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.01&type=market",
                         {"Bridge-Expect-Env": "mainnet"})
        self.assertEqual((answer.status, answer.json["code"]), (409, "wrong_env"), answer)
        self.assertEqual(self.sim_get("/sim/stats")["creates_accepted"], 0)


if __name__ == "__main__":
    unittest.main()
