"""Amends and batches while the bridge dies: each leaves at most once, and what is told here is what is there."""
import collections
import http.client
import random
import threading
import time
import unittest
from decimal import Decimal

from guard_kit import GuardCase, Line, until

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
        for client in clients:
            client.start()
        time.sleep(random.uniform(0.3, 1))
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


if __name__ == "__main__":
    unittest.main()
