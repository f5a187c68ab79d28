"""A lost answer is 202 unknown, is looked up, and is never sent again."""
import time
import unittest

from fault_proxy import FaultProxy, read_message
from harness import Case, Feed, request, until

ORDER = {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01", "type": "market"}


class MixedUp(FaultProxy):
    """Answers lists of spot with what was answered to those of linear, so often as `left` says: a late second answer does that."""

    def __init__(self, port):
        super().__init__(port)
        self.answers, self.left = {}, 0

    def _exchange(self, client, upstream, request, back, fault):
        upstream.sendall(request)
        answer, back = read_message(upstream, back)
        path, _, query = request.split(b" ", 2)[1].partition(b"?")
        query = query if b"/order/" in path or b"/execution/" in path else b""
        if b"category=linear" in query and b'"list":[{' in answer:
            self.answers[path] = answer
        if b"category=spot" in query and path in self.answers and self.left > 0:
            self.left -= 1
            answer = self.answers[path]
        client.sendall(answer)
        return back


class Lost(Case):
    def creates_seen(self):
        return self.sim_get("/sim/stats")["requests"].get("/v5/order/create", 0)


class LostAnswers(Lost):
    def test_executed_but_answer_lost(self):
        bridge = self.start()
        for number, mode in enumerate(("drop_after", "act_then_answer")):
            with self.subTest(mode=mode):
                seen = self.creates_seen()
                fault = {"path": "/v5/order/create", "mode": mode, "count": 1}
                if mode == "act_then_answer":
                    fault.update(status=502, body="<html>bad gateway</html>")
                self.sim_do("/sim/fault", fault)
                link = "lost-%d" % number
                answer = request(bridge.port, "POST", "/orders", dict(ORDER, client_id=link))
                self.assertIn(answer.status, (201, 202), answer)  # the private stream may tell first
                if answer.status == 202:
                    self.assertEqual(answer.headers["location"], "/orders/" + link)
                self.wait_state(bridge, link, "filled")
                self.assertEqual(self.creates_seen(), seen + 1)
        fills = request(bridge.port, "GET", "/fills").json["items"]
        self.assertEqual(round(sum(float(f["qty"]) for f in fills), 6), 0.02)

    def test_answer_lost_and_private_stream_mute(self):
        bridge = self.start()
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "private"})
        self.sim_do("/sim/fault", {"path": "/v5/order/create", "mode": "drop_after", "count": 1})
        answer = request(bridge.port, "POST", "/orders", dict(ORDER, client_id="mute"))
        self.assertEqual((answer.status, answer.json["state"]), (202, "unknown"), answer)
        self.wait_state(bridge, "mute", "filled")
        until(lambda: request(bridge.port, "GET", "/fills").json["items"])
        self.assertEqual(self.creates_seen(), 1)

    def test_never_arrived_is_proved_by_the_horizon(self):
        bridge = self.start()
        self.sim_do("/sim/fault", {"path": "/v5/order/create", "mode": "drop_before", "count": 1})
        answer = request(bridge.port, "POST", "/orders", dict(ORDER, client_id="never"))
        self.assertEqual((answer.status, answer.json["state"]), (202, "unknown"), answer)
        self.wait_state(bridge, "never", "never_accepted", timeout=40)
        self.assertEqual(self.creates_seen(), 1)
        self.assertEqual(self.sim_get("/sim/orders")["list"], [])

    def test_exchange_hangs(self):
        bridge = self.start()
        self.sim_do("/sim/fault", {"path": "/v5/order/create", "mode": "hang", "count": 1})
        answer = request(bridge.port, "POST", "/orders", dict(ORDER, client_id="hang"))
        self.assertIn(answer.status, (201, 202), answer)
        self.wait_state(bridge, "hang", "filled")
        self.assertEqual(self.creates_seen(), 1)

    def test_stream_cut_while_orders_fill(self):
        bridge = self.start()
        feed = Feed(bridge.port, "orders,fills")
        self.addCleanup(feed.close)
        for number in range(20):
            if number % 5 == 0:
                self.sim_do("/sim/stream", {"mode": "cut", "kind": "private"})
            answer = request(bridge.port, "POST", "/orders", dict(ORDER, client_id="cut-%d" % number))
            self.assertIn(answer.status, (201, 202), answer)
        for number in range(20):
            self.wait_state(bridge, "cut-%d" % number, "filled")
        there = {e["execId"] for e in self.sim_get("/sim/executions")["list"]}

        def all_there():
            here = [f["id"] for f in request(bridge.port, "GET", "/fills?limit=1000").json["items"]]
            self.assertEqual(len(here), len(set(here)))
            return set(here) == there

        until(all_there)
        until(lambda: len({e["data"]["id"] for e in feed.named("fill")}) == len(there))
        self.assertEqual(len(feed.named("fill")), len(there))

    def test_an_answer_to_another_read_is_not_taken(self):
        proxy = MixedUp(self.sim.port)
        self.addCleanup(proxy.close)
        bridge = self.start(rest_port=proxy.port)
        for number in range(3):
            self.assertEqual(request(bridge.port, "POST", "/orders", dict(ORDER, client_id="mixed-%d" % number)).status, 201)
        resting = dict(ORDER, type="limit", price="20000", client_id="mixed-up")
        self.assertEqual(request(bridge.port, "POST", "/orders", resting).status, 201)
        bridge.stop()
        bridge = self.start(rest_port=proxy.port)  # so that it reads what there is
        bridge.stop()
        self.assertEqual(len(proxy.answers), 3)
        proxy.left = 6
        bridge = self.start(rest_port=proxy.port)
        self.assertEqual(proxy.left, 0)
        time.sleep(3)  # so long an order is looked for that a fill names
        there = sorted(e["execId"] for e in self.sim_get("/sim/executions")["list"])
        self.assertEqual(sorted(f["id"] for f in request(bridge.port, "GET", "/fills?limit=1000").json["items"]), there)
        orders = request(bridge.port, "GET", "/orders?state=all&limit=1000").json["items"]
        self.assertEqual({o["category"] for o in orders}, {"linear"})
        self.assertEqual(len(orders), 4)


class RealTimes(Lost):
    """The horizon by the times that users have: all other tests run it many times faster."""

    speed = 1

    def test_never_arrived_is_proved_by_the_horizon(self):
        bridge = self.start()
        self.sim_do("/sim/fault", {"path": "/v5/order/create", "mode": "drop_before", "count": 1})
        start = time.monotonic()
        answer = request(bridge.port, "POST", "/orders", dict(ORDER, client_id="never"))
        self.assertEqual((answer.status, answer.json["state"]), (202, "unknown"), answer)
        self.wait_state(bridge, "never", "never_accepted", timeout=90)
        self.assertGreater(time.monotonic() - start, 36)
        self.assertEqual(self.creates_seen(), 1)
        self.assertEqual(self.sim_get("/sim/orders")["list"], [])


if __name__ == "__main__":
    unittest.main()
