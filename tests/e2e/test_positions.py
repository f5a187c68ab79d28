"""Targets, settings and closing of positions, against the simulated exchange."""
import time
from decimal import Decimal

from guard_kit import Exchange
from harness import Case, request, until


class Positions(Case):
    def setUp(self):
        super().setUp()
        self.bridge = self.start()
        until(lambda: self.get("/positions")["source"] == "stream")

    def get(self, path):
        answer = request(self.bridge.port, "GET", path)
        self.assertEqual(answer.status, 200, (path, answer))
        return answer.json

    def do(self, method, path, body=None, headers=None):
        return request(self.bridge.port, method, path, body, headers or {})

    def size(self, symbol="BTCUSDT"):
        found = self.get("/positions/%s" % symbol)
        return Decimal(found["qty"]) * (-1 if found["side"] == "sell" else 1)

    def becomes(self, size, symbol="BTCUSDT"):
        return until(lambda: self.size(symbol) == Decimal(size))

    def orders(self):
        return self.get("/orders?state=all&limit=1000")["items"]

    def test_targets_one_right_after_the_other(self):
        """Each begins as soon as the one before is accepted, when the position does not show it yet: never from an old size."""
        for target in ("0.3", "0.5", "-0.2", "-0.05", "0.4", "0"):
            for attempt in range(50):
                answer = self.do("PUT", "/positions/BTCUSDT", {"qty": target})
                if answer.status != 503:
                    break
                time.sleep(0.1)
            self.assertEqual(answer.status, 201, answer)
        self.becomes("0")
        signed = [(Decimal(o["qty"]) * (1 if o["side"] == "buy" else -1), o["reduce_only"]) for o in reversed(self.orders())]
        self.assertEqual(signed, [(Decimal("0.3"), False), (Decimal("0.2"), False), (Decimal("-0.7"), False),
                                  (Decimal("0.15"), True), (Decimal("0.45"), False), (Decimal("-0.4"), True)])

    def test_a_target_said_many_times_is_bought_once(self):
        for _ in range(10):
            answer = self.do("PUT", "/positions/BTCUSDT", {"qty": "0.3"})
            self.assertIn(answer.status, (200, 201, 503), answer)
        self.becomes("0.3")
        self.assertEqual(len(self.orders()), 1)
        answer = self.do("PUT", "/positions/BTCUSDT", {"qty": "0.3"})
        self.assertEqual((answer.status, answer.json["unchanged"]), (200, True), answer)

    def test_a_key_means_one_order_also_after_a_restart(self):
        key = {"Idempotency-Key": "target-1"}
        first = self.do("PUT", "/positions/BTCUSDT?wait=filled", {"qty": "0.3"}, key)
        self.assertEqual(first.status, 201, first)
        self.becomes("0.3")
        self.do("DELETE", "/positions/BTCUSDT?wait=filled&qty=0.1")
        self.becomes("0.2")
        self.bridge.kill()
        self.bridge = self.start()
        until(lambda: self.get("/positions")["source"] == "stream")
        again = self.do("PUT", "/positions/BTCUSDT", {"qty": "0.3"}, key)
        self.assertEqual((again.status, again.json["id"]), (200, first.json["id"]), again)
        other = self.do("PUT", "/positions/BTCUSDT", {"qty": "0.4"}, key)
        self.assertEqual((other.status, other.json["code"]), (422, "idempotency_key_reused"), other)
        self.assertEqual(self.size(), Decimal("0.2"))

    def test_closing(self):
        self.assertEqual(self.do("DELETE", "/positions/BTCUSDT").json["unchanged"], True)
        opened = self.do("POST", "/orders?wait=filled", {"symbol": "BTCUSDT", "side": "sell", "qty": "0.4"})
        self.assertEqual(opened.status, 201, opened)
        # At once: what was just opened is not "nothing open".
        half = self.do("DELETE", "/positions/BTCUSDT?percent=50&wait=filled")
        self.assertEqual((half.status, half.json["qty"], half.json["side"], half.json["reduce_only"]),
                         (201, "0.200", "buy", True), half)
        self.becomes("-0.2")
        rest = self.do("DELETE", "/positions/BTCUSDT?qty=7")
        self.assertEqual(rest.status, 201, rest)
        self.becomes("0")
        self.assertEqual(self.do("DELETE", "/positions/BTCUSDT").status, 200)

    def test_a_kill_stops_targets(self):
        self.assertEqual(self.do("POST", "/guard/kill", {"reason": "test"}).status, 200)
        answer = self.do("PUT", "/positions/BTCUSDT", {"qty": "0.3"})
        self.assertEqual((answer.status, answer.json["code"]), (422, "guard_killed"), answer)
        self.assertEqual(self.orders(), [])

    def test_leverage_is_set_and_read_back(self):
        for leverage in ("7", "7"):  # the second time it is so already
            answer = self.do("PATCH", "/positions/BTCUSDT", {"leverage": leverage})
            self.assertEqual((answer.status, answer.json["leverage"]), (200, leverage), answer)
        answer = self.do("PATCH", "/positions/BTCUSDT", {"leverage": "100000"})
        self.assertEqual((answer.status, answer.json["code"]), (422, "leverage_out_of_range"), answer)

    def test_stops_are_set_and_removed(self):
        if request(self.sim.port, "POST", "/v5/position/trading-stop", {}).status == 404:
            self.skipTest("the simulated exchange has no trading-stop")
        self.do("PUT", "/positions/BTCUSDT?wait=filled", {"qty": "0.3"})
        self.becomes("0.3")
        mark = Decimal(self.get("/positions/BTCUSDT")["mark_price"]).quantize(Decimal("1"))
        wanted = {"take_profit": str(mark + 5000), "stop_loss": str(mark - 5000)}
        answer = self.do("PATCH", "/positions/BTCUSDT", wanted)
        self.assertEqual(answer.status, 200, answer)
        for name, price in wanted.items():
            self.assertEqual(Decimal(answer.json[name]), Decimal(price), answer)
        self.assertEqual(self.do("PATCH", "/positions/BTCUSDT", wanted).status, 200)
        answer = self.do("PATCH", "/positions/BTCUSDT", {"stop_loss": None})
        self.assertEqual((answer.status, answer.json["stop_loss"]), (200, None), answer)
        self.assertEqual(Decimal(answer.json["take_profit"]), Decimal(wanted["take_profit"]))

    def test_a_stop_that_somebody_else_removes_is_gone(self):
        """On Bybit's website, say: by setting it to 0, or by cancelling the order that it is; all of it is told on the private stream."""
        exchange = Exchange(self.sim.port)
        self.do("PUT", "/positions/BTCUSDT?wait=filled", {"qty": "0.3"})
        self.becomes("0.3")
        mark = Decimal(self.get("/positions/BTCUSDT")["mark_price"]).quantize(Decimal("1"))
        names = {"take_profit": mark + 5000, "stop_loss": mark - 5000, "trailing_stop": Decimal("900")}

        def shows(*there):
            found = self.get("/positions/BTCUSDT")
            self.assertEqual(found["source"], "stream")
            return all((found[name] and Decimal(found[name])) == (price if name in there else None) for name, price in names.items())

        for way in ("website", "cancel"):
            answer = self.do("PATCH", "/positions/BTCUSDT", {name: str(price) for name, price in names.items()})
            self.assertEqual(answer.status, 200, answer)
            until(lambda: shows(*names))
            left = list(names)
            for name, theirs, kind in (("stop_loss", "stopLoss", "StopLoss"), ("take_profit", "takeProfit", "TakeProfit"),
                                       ("trailing_stop", "trailingStop", "TrailingStop")):
                if way == "website":
                    exchange.call("POST", "/v5/position/trading-stop", {"category": "linear", "symbol": "BTCUSDT", "tpslMode": "Full",
                                                                        "positionIdx": 0, theirs: "0"})
                else:
                    orders = exchange.call("GET", "/v5/order/realtime", {"category": "linear", "symbol": "BTCUSDT"})["list"]
                    stop, = [o["orderId"] for o in orders if o["stopOrderType"] == kind]
                    exchange.call("POST", "/v5/order/cancel", {"category": "linear", "symbol": "BTCUSDT", "orderId": stop})
                left.remove(name)
                until(lambda: shows(*left), 5)

    def test_exits_of_a_coin_margined_position(self):
        """Market orders that wait for a price have no price of their own, by which a value in coins could be divided."""
        symbol = "inverse:BTCUSD"
        self.do("PUT", "/positions/%s?wait=filled" % symbol, {"qty": "100"})
        self.becomes("100", symbol)
        mark = Decimal(self.get("/positions/" + symbol)["mark_price"]).quantize(Decimal("1"))
        answer = self.do("PATCH", "/positions/" + symbol, {"take_profit": str(mark + 5000), "stop_loss": str(mark - 5000)})
        self.assertEqual((answer.status, Decimal(answer.json["take_profit"])), (200, mark + 5000), answer)
        answer = self.do("POST", "/orders", {"symbol": symbol, "side": "sell", "qty": "50", "reduce_only": True,
                                             "trigger_price": str(mark - 4000), "client_id": "exit"})
        self.assertEqual(answer.status, 201, answer)
        until(lambda: self.get("/orders/exit")["state"] == "untriggered")
        self.sim_do("/sim/price", {"symbol": "BTCUSDT", "price": str(mark - 4500)})
        until(lambda: self.get("/orders/exit")["state"] == "filled")
        self.becomes("50", symbol)

    def test_an_order_of_size_0_closes_all(self):
        self.do("PUT", "/positions/BTCUSDT?wait=filled", {"qty": "0.3"})
        self.becomes("0.3")
        order = {"symbol": "BTCUSDT", "side": "sell", "qty": "0", "reduce_only": True, "close_on_trigger": True}
        tried = self.do("POST", "/orders?dry_run=1", order)
        self.assertEqual((tried.status, tried.json["would_send"], tried.json["request"]["qty"]), (200, True, "0"), tried)
        answer = self.do("POST", "/orders?wait=filled", order, {"Idempotency-Key": "all"})
        self.assertEqual((answer.status, answer.json["state"], Decimal(answer.json["filled_qty"]), Decimal(answer.json["qty"])),
                         (201, "filled", Decimal("0.3"), Decimal("0.3")), answer)
        self.becomes("0")
        again = self.do("POST", "/orders", order, {"Idempotency-Key": "all"})
        self.assertEqual((again.status, again.json["id"]), (200, answer.json["id"]), again)
        none = self.do("POST", "/orders?wait=final", order)
        self.assertEqual(none.json.get("filled_qty") or "0", "0", none)
        self.assertEqual(self.size(), 0)
