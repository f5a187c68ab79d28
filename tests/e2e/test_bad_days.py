"""What happens to orders on a bad day, where the wire matters: a test each, named as tests/README.md lists them."""
import os
import time
from decimal import Decimal

import harness
from fault_proxy import FaultProxy
from guard_kit import Exchange
from harness import Case, request, until

LIBRARY = os.path.abspath(os.path.join(os.path.dirname(harness.BRIDGE), "tests", "e2e", "libskewed_clock.so"))


class BadDays(Case):
    def place(self, bridge, query="", status=201, **fields):
        answer = request(bridge.port, "POST", "/orders" + query, dict({"symbol": "BTCUSDT", "side": "buy", "qty": "0.01"}, **fields))
        self.assertEqual(answer.status, status, answer)
        return answer.json

    def orders_there(self):
        exchange = Exchange(self.sim.port)
        listed = exchange.call("GET", "/v5/order/history", {"category": "linear", "symbol": "BTCUSDT", "limit": 50})["list"]
        return sorted(order["orderLinkId"] for order in listed)

    def check_day(self, skew_s):
        """Placed, filled, amended, cancelled, lost and found, and all of it again after a restart that has to catch up."""
        if not os.path.exists(LIBRARY):
            self.skipTest("%s is not built" % LIBRARY)
        env = {"LD_PRELOAD": LIBRARY, "CLOCK_SKEW_S": str(skew_s),
               "ASAN_OPTIONS": ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))}
        lose = []
        proxy = FaultProxy(self.sim.port, lambda method, path: ("drop_after", 0) if lose and path == "/v5/order/create" and
                           lose.pop() else None)
        self.addCleanup(proxy.close)
        bridge = self.start(rest_port=proxy.port, ws_port=self.sim.port, env=env)
        offset = request(bridge.port, "GET", "/status").json["clock"]["offset_ms"]
        self.assertAlmostEqual(offset, -skew_s * 1000, delta=1000)
        filled = self.place(bridge, "?wait=filled", client_id="filled")
        self.assertEqual(filled["state"], "filled")
        self.place(bridge, client_id="rests", type="limit", price="20000")
        self.wait_state(bridge, "rests", "open")
        amended = request(bridge.port, "PATCH", "/orders/rests?wait=final", {"price": "20001"})
        self.assertEqual((amended.status, Decimal(amended.json["price"])), (200, 20001), amended)
        lose.append(True)
        answer = request(bridge.port, "POST", "/orders", {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01", "client_id": "lost"})
        self.assertIn(answer.status, (201, 202), answer)  # the private stream may tell first
        self.wait_state(bridge, "lost", "filled")
        bridge.kill()
        exchange = Exchange(self.sim.port)
        exchange.call("POST", "/v5/order/cancel", {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "rests"})
        bridge = self.start(rest_port=proxy.port, ws_port=self.sim.port, env=env)
        self.wait_state(bridge, "rests", "cancelled")
        self.assertEqual([self.order(bridge, name).json["state"] for name in ("filled", "lost")], ["filled"] * 2)
        fills = request(bridge.port, "GET", "/fills?from=-1h").json["items"]
        self.assertEqual(sorted(fill["client_id"] for fill in fills if fill["kind"] == "trade"), ["filled", "lost"])
        self.place(bridge, "?wait=filled", client_id="after")
        self.assertEqual(self.orders_there(), ["after", "filled", "lost", "rests"])

    def test_a_clock_10_s_ahead(self):
        self.check_day(10)

    def test_a_clock_10_s_behind(self):
        self.check_day(-10)

    def test_an_answer_that_names_no_link_names_no_order(self):
        """Its order id may be another order's: the one that was made is looked up by its own link."""
        bridge = self.start()
        for n, result in enumerate(({"orderId": "of-another"}, {"orderId": "of-another", "orderLinkId": ""}, {})):
            self.sim_do("/sim/fault", {"path": "/v5/order/create", "mode": "act_then_answer", "count": 1,
                                       "body": {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 0}})
            answer = request(bridge.port, "POST", "/orders", {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01", "price": "20000",
                                                              "client_id": "odd-%d" % n})
            self.assertIn(answer.status, (201, 202), answer)  # the private stream may tell first
            shown = self.wait_state(bridge, "odd-%d" % n, "open")
            there = {o["orderLinkId"]: o["orderId"] for o in self.sim_get("/sim/orders")["list"]}
            self.assertEqual(shown["id"], there["odd-%d" % n])

    def test_an_order_that_is_partly_filled_and_then_amended_and_cancelled(self):
        """A limit order above the market takes what is there; the rest is amended while it fills, and cancelled."""
        bridge = self.start()
        order = self.place(bridge, "?wait=accepted", client_id="large", type="limit", qty="8", price=self.price(bridge))
        until(lambda: Decimal(self.order(bridge, "large").json["filled_qty"] or "0") > 0)
        request(bridge.port, "PATCH", "/orders/large", {"qty": "7.9"})
        request(bridge.port, "DELETE", "/orders/large?wait=final")
        ended = self.wait_state(bridge, "large", "cancelled", "filled")
        time.sleep(0.5)
        fills = request(bridge.port, "GET", "/fills?limit=1000").json["items"]
        self.assertEqual(sum(Decimal(f["qty"]) for f in fills if f["order_id"] == order["id"]), Decimal(ended["filled_qty"]))
        self.assertEqual(len({(f["order_id"], f["id"]) for f in fills}), len(fills))
