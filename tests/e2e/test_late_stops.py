"""Stops that come while calls still wait for the journal. What such a call uses must be there until it has ended: a sanitizer
tells when it is not."""
import threading
import time
import unittest
from decimal import Decimal

from fault_proxy import FaultProxy
from guard_kit import SlowDisk, slow_disk_library
from harness import Case, request, until

RESTING = {"symbol": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.01", "price": "20000"}


@unittest.skipUnless(slow_disk_library(), "the library that slows the disk down is not built")
class LateStops(Case):
    def setUp(self):
        super().setUp()
        self.disk = SlowDisk(self.folder)
        self.bridge = self.start(env=self.disk.env)
        until(lambda: self.do("GET", "/positions").json["source"] == "stream")

    def do(self, *args):
        return request(self.bridge.port, *args)

    def stop_during(self, sync_ms, method, path, body=None):
        """Stops while this call waits for the commit of an order, and returns its answer."""
        answers = []
        self.disk.slow(sync_ms)
        threads = [threading.Thread(target=self.do, args=("POST", "/orders", RESTING)),
                   threading.Thread(target=lambda: answers.append(self.do(method, path, body)))]
        for thread in threads:
            thread.start()
            time.sleep(0.3)
        threading.Timer(1, self.disk.fast).start()  # the rest of the stop need not wait
        self.bridge.stop()
        for thread in threads:
            thread.join()
        return answers[0]

    def test_while_a_close_waits_that_must_read_the_position(self):
        answer = self.stop_during(2000, "DELETE", "/positions/ETHUSDT")
        self.assertEqual((answer.status, answer.json["outcome"]), (503, "not_sent"), answer)

    def test_while_a_target_waits_that_must_be_valued(self):
        self.assertEqual(self.do("PUT", "/positions/ETHUSDT?wait=filled", {"qty": "0.1"}).status, 201)
        until(lambda: Decimal(self.do("GET", "/positions/ETHUSDT").json["qty"]) == Decimal("0.1"))
        self.assertEqual(self.do("PATCH", "/guard", {"max_order_notional": "1000000"}).status, 200)
        time.sleep(0.3)  # what is there is synced
        answer = self.stop_during(800, "PUT", "/positions/ETHUSDT", {"qty": "0.2"})
        self.assertEqual((answer.status, answer.json["outcome"]), (503, "not_sent"), answer)


class Waits(Case):
    def test_who_asks_the_engine_while_it_stops_is_answered(self):
        """A target waits for an order in doubt; at the stop it looks again, and waits for it once more."""
        proxy = FaultProxy(self.sim.port)
        self.addCleanup(proxy.close)
        bridge = self.start(rest_port=proxy.port, ws_port=self.sim.port)
        until(lambda: request(bridge.port, "GET", "/positions").json["source"] == "stream")
        proxy.choose = lambda method, path: {"/v5/order/create": ("drop_before", 0), "/v5/order/realtime": ("delay", 3000)}.get(path)
        market = {"symbol": "BTCUSDT", "side": "buy", "type": "market", "qty": "0.01"}
        self.assertEqual(request(bridge.port, "POST", "/orders", market).status, 202)
        answers = []
        asked = threading.Thread(target=lambda: answers.append(request(bridge.port, "PUT", "/positions/BTCUSDT", {"qty": "0.1"})))
        asked.start()
        time.sleep(0.5)
        bridge.stop()
        asked.join()
        self.assertEqual([(a.status, a.json["outcome"]) for a in answers], [(503, "not_sent")], answers)
