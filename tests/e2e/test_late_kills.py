"""Kills that come while the bridge still reads what an order needs."""
import json
import threading
import time
from decimal import Decimal

from fault_proxy import FaultProxy
from guard_kit import Line
from harness import Case, request, until


class LateKills(Case):
    """A kill while the bridge reads what an order needs: it never goes out, also when it is armed again by then."""

    def setUp(self):
        super().setUp()
        self.late = ""
        self.reached = threading.Event()
        self.proxy = FaultProxy(self.sim.port, self.fault)
        self.addCleanup(self.proxy.close)
        self.bridge = self.start(rest_port=self.proxy.port, ws_port=self.sim.port)

    def fault(self, method, path):
        if not self.late or path != self.late:
            return None
        self.reached.set()
        return ("delay", 1000)

    def check(self, late, order, arm, path="/orders"):
        self.late = late
        answers = []
        asked = threading.Thread(target=lambda: answers.append(request(self.bridge.port, "POST", path, json.dumps(order),
                                                                           {"Content-Type": "application/json"})))
        asked.start()
        self.assertTrue(self.reached.wait(5), "%s was not read" % late)
        self.assertEqual(request(self.bridge.port, "POST", "/guard/kill", {"reason": "test"}).status, 200)
        if arm:
            until(lambda: request(self.bridge.port, "POST", "/guard/arm", {"reason": "test"}).status == 200)
        asked.join()
        told = answers[0].json["items"][0] if answers[0].status == 207 else {"status": answers[0].status, "problem": answers[0].json}
        self.assertEqual((told["status"], told["problem"]["code"], told["problem"]["outcome"]), (422, "guard_killed", "not_sent"),
                         answers)
        time.sleep(0.3)
        self.assertEqual(self.proxy.links, [])
        self.assertEqual(request(self.bridge.port, "GET", "/orders?state=all").json["items"], [])

    def option(self):
        listed = request(self.sim.port, "GET", "/v5/market/instruments-info?category=option&baseCoin=BTC").json["result"]["list"]
        tick = Decimal(listed[0]["priceFilter"]["tickSize"])
        return {"symbol": "option:" + listed[0]["symbol"], "side": "buy", "qty": listed[0]["lotSizeFilter"]["minOrderQty"],
                "price": str(tick * 2)}

    def test_while_the_option_list_is_loaded(self):
        self.check("/v5/market/instruments-info", self.option(), arm=False)

    def test_while_the_option_list_is_loaded_and_armed_again(self):
        self.check("/v5/market/instruments-info", self.option(), arm=True)

    def test_while_the_option_list_is_loaded_for_a_batch(self):
        self.check("/v5/market/instruments-info", [self.option()], arm=True)

    def test_while_the_book_is_read_for_the_guard(self):
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "public", "sticky": True})  # else the stream may have it first
        self.assertEqual(request(self.bridge.port, "PATCH", "/guard", {"max_order_notional": "1000000"}).status, 200)
        self.check("/v5/market/orderbook", {"symbol": "ETHUSDT", "side": "buy", "qty": "0.1"}, arm=True)

    def test_after_it_is_armed_an_old_connection_trades(self):
        with Line(self.bridge.port) as line:
            order = {"symbol": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.001", "price": "20000"}
            self.assertEqual(line.ask("POST", "/orders", order).status, 201)
            self.assertEqual(request(self.bridge.port, "POST", "/guard/kill", {"reason": "test"}).status, 200)
            self.assertEqual(line.ask("POST", "/orders", order).status, 422)
            until(lambda: request(self.bridge.port, "POST", "/guard/arm", {"reason": "test"}).status == 200)
            answers = [line.ask("POST", "/orders", dict(order, client_id="after")), line.ask("PATCH", "/orders/after", {"qty": "0.002"}),
                       line.ask("POST", "/orders", [order])]
            self.assertEqual([answer.status for answer in answers], [201, 200, 207], answers)
            self.assertEqual(answers[2].json["items"][0]["status"], 201, answers)

    def test_after_it_is_armed_positions_are_changed_as_before(self):
        self.assertEqual(request(self.bridge.port, "POST", "/guard/kill", {"reason": "test"}).status, 200)
        until(lambda: request(self.bridge.port, "POST", "/guard/arm", {"reason": "test"}).status == 200)
        until(lambda: request(self.bridge.port, "GET", "/positions").json["source"] == "stream")
        answer = request(self.bridge.port, "PUT", "/positions/BTCUSDT?wait=filled", {"qty": "0.1"})
        self.assertEqual(answer.status, 201, answer)
        answer = request(self.bridge.port, "DELETE", "/positions/BTCUSDT?wait=filled")
        self.assertEqual(answer.status, 201, answer)
