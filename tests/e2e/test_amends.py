"""Amends and batches while the bridge dies: each leaves at most once, and what is told here is what is there."""
import collections
import http.client
import random
import threading
import unittest
from decimal import Decimal

from guard_kit import Exchange, GuardCase, Line, until
from harness import Case, request

ROUNDS, CLIENTS = 6, 3
AMEND, BATCH, CREATE = "/v5/order/amend", "/v5/order/create-batch", "/v5/order/create"
QUIET = (OSError, http.client.HTTPException)


class Dies(GuardCase):
    speed = 20

    def client(self, port, name, stop):
        """Batches of three that rest, each order amended once; what was answered is kept."""
        number = 0
        with Line(port) as line:
            try:
                while not stop.is_set():
                    number += 1
                    links = ["%s-%d-%d" % (name, number, item) for item in range(3)]
                    batch = [{"symbol": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.002", "price": "20000",
                              "client_id": link} for link in links]
                    answer = line.ask("POST", "/orders", batch)
                    self.told.update({link: item["status"] for link, item in zip(links, answer.json["items"])})
                    for link in links:
                        price = "%d" % (20001 + random.randrange(900))
                        self.amended[link] = [Decimal(price), None]
                        self.amended[link][1] = line.ask("PATCH", "/orders/" + link, {"price": price, "qty": "0.003"}).status
            except QUIET:
                pass

    def one_life(self, life):
        bridge, stop = self.start(), threading.Event()
        clients = [threading.Thread(target=self.client, args=(bridge.port, "life%d-%d" % (life, n), stop)) for n in range(CLIENTS)]
        enough = len(self.told) + random.randrange(20, 65)  # the exchange takes 500 open ones in all
        for client in clients:
            client.start()
        until(lambda: len(self.told) >= enough, every=0.001)
        bridge.kill()
        stop.set()
        for client in clients:
            client.join()

    def test_amends_and_batches_at_each_death(self):
        self.told, self.amended = {}, {}
        for life in range(ROUNDS):
            self.one_life(life)
        bridge = self.start()
        until(lambda: not self.differences() and not any(r["state"] in ("unknown", "intent", "acked") or r["amend"]
                                                        for r in self.rows().values()), 60)
        there = {o["orderLinkId"]: o for o in self.there().values()}
        rows = self.rows()
        creates = collections.Counter(r["orderLinkId"] for path in (BATCH, CREATE) for r in self.seen(path))
        amends = collections.Counter(r["orderLinkId"] or r["orderId"] for r in self.seen(AMEND))
        self.assertGreater(len(there), 50)
        self.assertGreater(len(amends), 50)
        self.assertEqual({n for n in (creates + amends).values() if n > 1}, set(), "sent twice")
        for link, order in there.items():
            self.assertEqual((Decimal(rows[link]["qty"]), Decimal(rows[link]["price"])), (Decimal(order["qty"]), Decimal(order["price"])), link)
        for link, status in self.told.items():
            if status == 201:
                self.assertIn(link, there)
        done = 0
        for link, (price, status) in self.amended.items():
            if status == 200:
                self.assertEqual(Decimal(there[link]["price"]), price, link)
                done += 1
        self.assertGreater(done, 50)
        print("orders: %d, amends: %d, answered 200: %d, deaths: %d, twice: 0, unlike: 0" % (len(there), len(amends), done, ROUNDS))



class Others(Case):
    def test_stops_of_an_order_that_somebody_else_removes_are_gone_and_can_be_set_again(self):
        """On Bybit's website, say. What is shown is what is there, and the same PATCH again is no change of nothing."""
        bridge, exchange = self.start(), Exchange(self.sim.port)
        price = Decimal(self.price(bridge)).quantize(Decimal("1"))
        stops = {"take_profit": str(price + 5000), "stop_loss": str(price - 9000)}
        answer = request(bridge.port, "POST", "/orders", dict(stops, symbol="BTCUSDT", side="buy", qty="0.01", price=str(price - 5000),
                                                              client_id="stops"))
        self.assertEqual(answer.status, 201, answer)

        def shows(*wanted):
            shown = self.order(bridge, "stops").json
            return tuple(shown[name] and Decimal(shown[name]) for name in stops) == wanted

        self.wait_state(bridge, "stops", "open")
        exchange.call("POST", "/v5/order/amend", {"category": "linear", "symbol": "BTCUSDT", "orderId": answer.json["id"],
                                                  "takeProfit": "0", "stopLoss": "0"})
        until(lambda: shows(None, None))
        answer = request(bridge.port, "PATCH", "/orders/stops?wait=final", stops)
        self.assertEqual(answer.status, 200, answer)
        there, = [o for o in self.sim_get("/sim/orders")["list"] if o["orderLinkId"] == "stops"]
        self.assertEqual([Decimal(there[name] or 0) for name in ("takeProfit", "stopLoss")], [price + 5000, price - 9000])
        until(lambda: shows(price + 5000, price - 9000))

    def test_a_second_amend_is_told_that_the_first_one_is_in_flight(self):
        bridge = self.start()
        answer = request(bridge.port, "POST", "/orders", {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01", "price": "20000",
                                                          "client_id": "twice"})
        self.assertEqual(answer.status, 201, answer)
        self.wait_state(bridge, "twice", "open")
        self.sim_do("/sim/fault", {"path": "/v5/order/amend", "mode": "drop_before", "count": 1})
        answer = request(bridge.port, "PATCH", "/orders/twice", {"price": "20001"})
        self.assertEqual((answer.status, answer.json["in_flight"]["amend"]), (202, "unknown"), answer)
        answer = request(bridge.port, "PATCH", "/orders/twice", {"price": "20002"})
        self.assertEqual((answer.status, answer.json["code"], answer.json["outcome"]), (409, "amend_in_flight", "not_sent"), answer)
        self.assertIn("retry-after", answer.headers)

    def test_what_waits_on_spot_for_its_trigger_is_cancelled_whoever_made_it(self):
        """There the exchange finds such an order by its kind only; one that has fired is a plain order."""
        bridge, exchange = self.start(), Exchange(self.sim.port)
        price = Decimal(self.price(bridge)).quantize(Decimal("1"))
        order = {"symbol": "spot:BTCUSDT", "side": "sell", "qty": "0.001"}
        below, above = str(price - 9000), str(price + 9000)
        for link, more in (("tpsl", {}), ("stop", {"spot_trigger": "stop"})):
            answer = request(bridge.port, "POST", "/orders", dict(order, trigger_price=below, client_id=link, **more))
            self.assertEqual(answer.status, 201, answer)
        answer = request(bridge.port, "POST", "/orders", dict(order, trigger_price=str(price + 500), price=above, client_id="fired"))
        self.assertEqual(answer.status, 201, answer)
        for link, kind in (("their-tpsl", "tpslOrder"), ("their-stop", "StopOrder")):
            exchange.call("POST", "/v5/order/create", {"category": "spot", "symbol": "BTCUSDT", "side": "Sell", "orderType": "Limit",
                                                       "qty": "0.001", "price": below, "triggerPrice": below, "orderFilter": kind,
                                                       "orderLinkId": link})
        self.sim_do("/sim/price", {"symbol": "BTCUSDT", "price": str(price + 600)})
        self.wait_state(bridge, "fired", "open")
        waiting = ("tpsl", "stop", "their-tpsl", "their-stop")
        for link in waiting:
            self.wait_state(bridge, link, "untriggered")
        answer = request(bridge.port, "DELETE", "/orders/stop?wait=final&timeout=5s")
        self.assertEqual((answer.status, answer.json["state"]), (200, "cancelled"), answer)
        answer = request(bridge.port, "DELETE", "/orders?all=true")
        self.assertEqual([item["status"] for item in answer.json["items"]], [200] * 4, answer)
        for link in (*waiting, "fired"):
            self.wait_state(bridge, link, "cancelled")
        self.assertEqual([o for o in self.sim_get("/sim/orders")["list"] if o["orderStatus"] in ("New", "Untriggered")], [])

    def test_an_option_order_of_an_earlier_run_is_amended(self):
        """Its symbol's rules are loaded when they are first needed: by an amend, too."""
        bridge = self.start()
        symbol = request(bridge.port, "GET", "/symbols?category=option").json["items"][0]["symbol"]
        answer = request(bridge.port, "POST", "/orders", {"symbol": "option:" + symbol, "side": "buy", "qty": "0.1", "price": "5",
                                                          "client_id": "option"})
        self.assertEqual(answer.status, 201, answer)
        self.wait_state(bridge, "option", "open")
        bridge.stop()
        bridge = self.start()
        answer = request(bridge.port, "PATCH", "/orders/option?wait=final", {"price": "10"})
        self.assertEqual((answer.status, Decimal(answer.json.get("price") or 0)), (200, 10), answer)

    def test_a_spot_order_by_value_that_somebody_else_made_is_one_here(self):
        """As Bybit's website makes them: a hundred dollars, not a hundred bitcoins."""
        bridge, exchange = self.start(), Exchange(self.sim.port)
        price = Decimal(self.price(bridge)).quantize(Decimal("1"))
        for link, more in (("bought", {}), ("waits", {"triggerPrice": str(price + 5000), "orderFilter": "tpslOrder"})):
            exchange.call("POST", "/v5/order/create", dict(more, category="spot", symbol="BTCUSDT", side="Buy", orderType="Market",
                                                           qty="100", marketUnit="quoteCoin", orderLinkId=link))
        for link, state in (("bought", "filled"), ("waits", "untriggered")):
            shown = self.wait_state(bridge, link, state)
            self.assertEqual((shown["qty"], Decimal(shown["quote_qty"])), (None, 100), shown)
        answer = request(bridge.port, "PATCH", "/guard", {"max_open_notional": "1000"})
        self.assertEqual(Decimal(answer.json["counts"]["open_notional"]), 100, answer)


if __name__ == "__main__":
    unittest.main()
