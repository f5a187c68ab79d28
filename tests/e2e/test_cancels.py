"""DELETE /orders with filters: many orders leave in few requests, each with an answer of its own."""
import collections
import unittest

from guard_kit import CANCEL, CREATE, RESTING, GuardCase, Line, until
from harness import Feed, request

BATCH = "/v5/order/cancel-batch"
CREATE_BATCH = "/v5/order/create-batch"


class Cancels(GuardCase):
    def fill_up(self, bridge, *orders):
        """Places them, twenty in a request; the answers' orders."""
        placed = []
        with Line(bridge.port) as line:
            for at in range(0, len(orders), 20):
                answer = line.ask("POST", "/orders", list(orders[at:at + 20]))
                self.assertEqual({item["status"] for item in answer.json["items"]}, {201}, [item["problem"] for item in answer.json["items"]])
                placed += [item["order"] for item in answer.json["items"]]
        # So that each is known to be open: then its cancel is answered for itself.
        until(lambda: {o["id"] for o in self.listed(bridge)} >= {o["id"] for o in placed})
        return placed

    def listed(self, bridge):
        items, path = [], "/orders?state=open&limit=1000"
        while path:
            with Line(bridge.port) as line:
                answer = line.ask("GET", path).json
            items += [o for o in answer["items"] if o["state"] in ("open", "untriggered")]
            path = answer["next"]
        return items

    def delete(self, bridge, query, status=(200,)):
        """Each order's answer by its order id."""
        with Line(bridge.port, timeout=120) as line:
            answer = line.ask("DELETE", "/orders?" + query)
        self.assertEqual(answer.status, 207, answer)
        self.assertIs(answer.json["complete"], True)
        for item in answer.json["items"]:
            self.assertIn(item["status"], status, item)
        return {(item["order"] or {}).get("id"): item for item in answer.json["items"]}

    def asked(self):
        """What the exchange was asked to cancel: (how often of each order, in how many batches, how many alone)."""
        orders = collections.Counter(r["orderId"] for r in self.seen(BATCH) + self.seen(CANCEL))
        requests = self.sim_get("/sim/stats")["requests"]
        return orders, requests[BATCH], requests[CANCEL]

    def none_left(self, bridge):
        until(lambda: not self.open_there() and not self.listed(bridge), 30)
        self.check_alike(bridge)


class Limits(Cancels):
    """On the documented limits, but for creates."""

    limits = True

    def start_with(self, **limits):
        self.sim_do("/sim/limits", {"account": {CREATE: 1200, CREATE_BATCH: 1200, **limits}})
        bridge = self.start()
        for category in ("linear", "spot"):  # the answers say what the limit is
            self.fill_up(bridge, *[dict(RESTING[category], tag="first")] * 2)
        return bridge

    def check_once(self, bridge, ids):
        orders, batches, alone = self.asked()
        self.assertEqual(orders, collections.Counter(ids))
        self.assertEqual(self.refusals_there(), (0, 0))
        self.assertEqual(batches, self.sim_get("/sim/stats")["requests"][BATCH])
        return batches, alone

    def test_two_hundred_by_tag(self):
        """10 orders a second in each of two windows: no request more is needed, and none is refused."""
        bridge = self.start_with()
        ids = {o["id"] for o in self.fill_up(bridge, *[dict(RESTING["linear"], tag="grid")] * 200)}
        self.assertEqual(set(self.delete(bridge, "tag=grid")), ids)
        batches, alone = self.check_once(bridge, ids)
        self.assertEqual({r["item"] for r in self.seen(BATCH)}, set(range(1, 11)))
        self.assertGreaterEqual(batches, 5)
        self.assertLessEqual(batches + alone, 160)
        print("200 orders, 10 a second in each window: %d batches, %d alone" % (batches, alone))
        self.assertEqual(len(self.open_there()), 4)
        self.check_alike(bridge)

    def test_two_hundred_by_tag_of_an_account_with_more(self):
        """The limits of a higher tier: ten requests."""
        bridge = self.start_with(**{BATCH: 400, CANCEL: 400})
        ids = {o["id"] for o in self.fill_up(bridge, *[dict(RESTING["linear"], tag="grid")] * 200)}
        self.assertEqual(len(self.delete(bridge, "tag=first")), 4)
        self.assertEqual(self.asked()[1:], (2, 0))
        self.assertEqual(set(self.delete(bridge, "tag=grid")), ids)
        self.assertEqual(self.asked()[1:], (12, 0))
        self.assertEqual(self.refusals_there(), (0, 0))
        self.none_left(bridge)

    def test_options_leave_by_twenties(self):
        """Of options the exchange counts requests."""
        bridge = self.start_with()
        symbol = next(s["symbol"] for s in request(bridge.port, "GET", "/symbols?category=option&base=BTC").json["items"])
        order = {"symbol": "option:" + symbol, "side": "buy", "type": "limit", "qty": "0.01", "price": "5", "tag": "grid"}
        ids = {o["id"] for o in self.fill_up(bridge, *[order] * 40)}
        self.assertEqual(set(self.delete(bridge, "tag=grid")), ids)
        self.assertEqual(self.check_once(bridge, ids), (2, 0))

    def test_categories_do_not_wait_for_each_other(self):
        bridge = self.start_with()
        ids = {o["id"] for o in self.fill_up(bridge, *[dict(RESTING[("linear", "spot", "inverse")[n % 3]], tag="grid")
                                                       for n in range(24)])}
        self.assertEqual(set(self.delete(bridge, "tag=grid")), ids)
        self.assertEqual(self.check_once(bridge, ids), (3, 0))
        self.assertEqual(collections.Counter(r["category"] for r in self.seen(BATCH)), {"linear": 8, "spot": 8, "inverse": 8})


class Outcomes(Cancels):
    def test_an_order_that_has_filled_or_ended_meanwhile(self):
        """Each is answered with the order as it is, the others are cancelled."""
        bridge = self.start()
        price = float(self.price(bridge)) - 100
        orders = self.fill_up(bridge, *[dict(RESTING["linear"], tag="mixed", client_id="m-%d" % n) for n in range(4)],
                              dict(RESTING["linear"], tag="mixed", price="%.1f" % price, client_id="filled"))
        ids = {o["client_id"]: o["id"] for o in orders}
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "private"})
        self.sim_do("/sim/price", {"symbol": "BTCUSDT", "price": "%.1f" % (price - 10)})
        self.exchange.call("POST", CANCEL, {"category": "linear", "symbol": "BTCUSDT", "orderId": ids["m-1"]})
        told = self.delete(bridge, "tag=mixed")
        self.assertEqual(set(told), set(ids.values()))
        self.assertEqual(told[ids["filled"]]["order"]["state"], "filled")
        self.assertEqual(told[ids["filled"]]["order"]["filled_qty"], "0.001")
        self.assertEqual(told[ids["m-1"]]["order"]["state"], "cancelled")
        codes = {r["orderId"]: r["code"] for r in self.seen(BATCH)}
        self.assertEqual(codes, {i: 110001 if name in ("filled", "m-1") else 0 for name, i in ids.items()})
        self.none_left(bridge)
        self.assertEqual(self.order(bridge, "filled").json["state"], "filled")

    def test_a_wait_for_their_ends(self):
        """Each is answered at its end; a wait that is not rewarded holds up no cancel."""
        bridge = self.start()
        orders = self.fill_up(bridge, *[dict(RESTING["linear"], tag="end")] * 30, *[dict(RESTING["spot"], tag="end")] * 3)
        told = self.delete(bridge, "tag=end&wait=final")
        self.assertEqual(set(told), {o["id"] for o in orders})
        self.assertEqual({item["order"]["state"] for item in told.values()}, {"cancelled"})
        orders = self.fill_up(bridge, *[dict(RESTING["linear"], tag="mute")] * 30)
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "private"})
        told = self.delete(bridge, "tag=mute&wait=final&timeout=1s", (200, 202))
        self.assertEqual(set(told), {o["id"] for o in orders})
        self.assertEqual(self.open_there(), {})
        with Line(bridge.port) as line:
            answer = line.ask("DELETE", "/orders?tag=mute&wait=ended")
        self.assertEqual((answer.status, answer.json["code"]), (400, "invalid_value"), answer)

    def test_an_answer_that_is_lost(self):
        """Nobody is told that it failed; what did not arrive is cancelled again, once it is seen open."""
        for mode, repeated in (("drop_after", False), ("drop_before", True), ("act_then_answer", False)):
            with self.subTest(mode=mode):
                bridge = self.start()
                ids = {o["id"] for o in self.fill_up(bridge, *[dict(RESTING["linear"], tag=mode)] * 6)}
                fault = {"path": BATCH, "mode": mode, "count": 1}
                if mode == "act_then_answer":
                    fault.update(status=502, body="<html>bad gateway</html>")
                self.sim_do("/sim/fault", fault)
                self.assertEqual(set(self.delete(bridge, "tag=" + mode, (200, 202))), ids)
                self.none_left(bridge)
                orders = self.asked()[0]
                self.assertEqual({orders[i] > 1 for i in ids}, {repeated})
                bridge.stop()

    def test_a_batch_that_the_exchange_does_not_take(self):
        """As on demo, which has batches of some categories only: they go one by one, and each has its answer."""
        bridge = self.start()
        ids = {o["id"] for o in self.fill_up(bridge, *[dict(RESTING["spot"], tag="none")] * 5)}
        self.sim_do("/sim/fault", {"path": BATCH, "mode": "answer", "count": 9,
                                   "body": {"retCode": 10005, "retMsg": "Permission denied", "result": {}, "time": 1}})
        self.assertEqual(set(self.delete(bridge, "tag=none")), ids)
        self.assertEqual(self.asked()[1:], (1, 5))
        self.none_left(bridge)
        self.fill_up(bridge, *[dict(RESTING["spot"], tag="none")] * 3)
        self.assertEqual(len(self.delete(bridge, "category=spot")), 3)
        self.assertEqual(self.asked()[1:], (1, 8))
        self.none_left(bridge)

    def test_conditional_orders_of_spot_among_them(self):
        """A batch has no word for their kind."""
        bridge = self.start()
        spot, linear = (dict(RESTING[c], tag="grid") for c in ("spot", "linear"))
        orders = self.fill_up(bridge, spot, dict(spot, trigger_price="80000"), dict(linear, trigger_price="80000"), spot,
                              dict(spot, trigger_price="80000", spot_trigger="stop"), linear)
        self.assertEqual(set(self.delete(bridge, "tag=grid")), {o["id"] for o in orders})
        self.assertEqual({r["orderId"] for r in self.seen(CANCEL)}, {orders[1]["id"], orders[4]["id"]})
        self.assertEqual(sorted((r["category"], r["code"]) for r in self.seen(BATCH)), [("linear", 0)] * 2 + [("spot", 0)] * 2)
        self.none_left(bridge)

    def test_those_whose_fate_is_open_at_a_kill(self):
        """A cancel-all need not find them: each is cancelled by its own name, and they leave together."""
        bridge = self.start()
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "private"})
        self.sim_do("/sim/limits", {"lookup_lag_ms": 600000})
        self.sim_do("/sim/fault", {"path": CREATE, "mode": "drop_after", "count": 4})
        links = ["open-%d" % n for n in range(4)]
        for link in links:
            self.place(bridge, status=202, client_id=link)
        killed = request(bridge.port, "POST", "/guard/kill?timeout=1s", {"reason": "test"})
        self.assertEqual(killed.status, 200, killed)
        until(lambda: not self.open_there())
        asked = [r for r in self.seen(BATCH) if r["orderLinkId"] in links]
        self.assertEqual({r["orderLinkId"] for r in asked}, set(links))
        self.assertEqual({r["item"] for r in asked}, {1, 2, 3, 4})

    def test_what_is_shown_of_it_is_what_a_single_cancel_shows(self):
        bridge = self.start()
        feed = Feed(bridge.port, "orders")
        self.addCleanup(feed.close)
        orders = self.fill_up(bridge, *[dict(RESTING["linear"], tag="grid")] * 3, dict(RESTING["linear"], tag="alone"))
        self.delete(bridge, "tag=grid")
        self.assertEqual(request(bridge.port, "DELETE", "/orders/" + orders[3]["id"]).status, 200)
        self.none_left(bridge)

        def steps(order):
            until(lambda: [e for e in feed.named("order") if e["data"]["id"] == order["id"]][-1]["data"]["state"] == "cancelled")
            timeline = request(bridge.port, "GET", "/orders/%s/timeline" % order["id"]).json
            return [(step.get("event"), step.get("state"), step.get("source")) for step in timeline["items"]]

        for order in orders[:3]:
            self.assertEqual(steps(order), steps(orders[3]))


if __name__ == "__main__":
    unittest.main()
