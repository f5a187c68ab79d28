"""kill -9, fills at the exchange meanwhile, restart: nothing lost, nothing twice, numbers without a gap."""
import sqlite3
import threading
import unittest

from guard_kit import Exchange
from harness import Case, Feed, request, until


class Restart(Case):
    def numbers(self):
        with sqlite3.connect("file:%s?mode=ro" % self.journal, uri=True) as db:
            return [row[0] for row in db.execute("select seq from events order by seq")]

    def test_fills_while_dead_are_found_at_the_start(self):
        bridge = self.start()
        self.sim_do("/sim/pause", {"paused": True})
        price = float(self.price(bridge))
        for number in range(5):
            answer = request(bridge.port, "POST", "/orders",
                             {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01", "type": "limit",
                              "price": "%.1f" % (price - 500 - number), "client_id": "rest-%d" % number})
            self.assertEqual(answer.status, 201, answer)
        bridge.kill()
        self.sim_do("/sim/price", {"symbol": "BTCUSDT", "price": "%.1f" % (price - 2000)})
        executions = self.sim_get("/sim/executions")["list"]
        self.assertGreaterEqual(len(executions), 5)
        bridge = self.start()
        for number in range(5):
            self.wait_state(bridge, "rest-%d" % number, "filled")
        fills = request(bridge.port, "GET", "/fills?limit=1000").json["items"]
        self.assertEqual(sorted(f["id"] for f in fills), sorted(e["execId"] for e in executions))
        orders = request(bridge.port, "GET", "/orders?state=all").json["items"]
        self.assertEqual(len(orders), 5)
        feed = Feed(bridge.port, "orders,fills", after="earliest")
        self.addCleanup(feed.close)
        until(lambda: len(feed.named("fill")) == len(executions))
        ids = [int(e["id"].split("-")[1]) for e in feed.events if "id" in e and e["event"] != "hello"]
        self.assertEqual(ids, list(range(1, len(ids) + 1)))
        self.assertEqual(self.numbers(), list(range(1, len(self.numbers()) + 1)))

    def test_options_that_others_traded_while_dead_are_found_at_the_start(self):
        bridge, exchange = self.start(), Exchange(self.sim.port)
        symbol = request(bridge.port, "GET", "/symbols?category=option&base=BTC").json["items"][0]["symbol"]
        ask = request(bridge.port, "GET", "/price/option:%s?of=ask" % symbol).body.strip()
        bridge.kill()
        for link, price in (("filled", ask), ("rests", "5")):
            exchange.call("POST", "/v5/order/create", {"category": "option", "symbol": symbol, "side": "Buy", "orderType": "Limit",
                                                       "qty": "0.1", "price": price, "orderLinkId": link})
        bridge = self.start()
        self.wait_state(bridge, "filled", "filled")
        self.wait_state(bridge, "rests", "open")
        there = sorted(e["execId"] for e in self.sim_get("/sim/executions")["list"])
        self.assertTrue(there)
        until(lambda: sorted(f["id"] for f in request(bridge.port, "GET", "/fills").json["items"]) == there)
        answer = request(bridge.port, "DELETE", "/orders?all=true")
        self.assertEqual([item["status"] for item in answer.json["items"]], [200], answer)
        self.wait_state(bridge, "rests", "cancelled")

    def test_killed_under_load_again_and_again(self):
        sent = []
        for round_number in range(3):
            bridge = self.start()

            def load(worker):
                for number in range(400):
                    link = "k%d-%d-%d" % (round_number, worker, number)
                    sent.append(link)
                    try:
                        request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=%s&qty=0.001&type=market&client_id=%s"
                                % ("buy" if number % 2 else "sell", link))
                    except OSError:
                        return

            workers = [threading.Thread(target=load, args=(n,)) for n in range(4)]
            for worker in workers:
                worker.start()
            before = len(sent)
            until(lambda: len(sent) > before + 40)
            bridge.kill()
            for worker in workers:
                worker.join()
        bridge = self.start()
        until(lambda: not request(bridge.port, "GET", "/orders?state=unknown").json["items"], 60)
        until(lambda: not request(bridge.port, "GET", "/orders?state=open").json["items"], 60)
        there = {o["orderLinkId"]: o for o in self.sim_get("/sim/orders")["list"]}
        stats = self.sim_get("/sim/stats")
        self.assertEqual(stats["creates_accepted"], len(there))
        self.assertEqual(stats["duplicates_refused"], 0)
        bridge.stop()
        with sqlite3.connect(self.journal) as db:
            here = {row[0]: row[1] for row in db.execute("select link, state from orders")}
            fills = [row[0] for row in db.execute("select exec_id from fills")]
        for link, order in there.items():
            self.assertIn(link, here)
            self.assertEqual(here[link], "closed", (link, order))
        for link, state in here.items():
            if link not in there:
                self.assertIn(state, ("not_sent", "never_accepted"), link)
        self.assertEqual(sorted(fills), sorted(e["execId"] for e in self.sim_get("/sim/executions")["list"]))
        numbers = self.numbers()
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        print("orders: %d, at the exchange: %d, fills: %d" % (len(here), len(there), len(fills)))

    def test_stream_resumes_over_a_restart(self):
        bridge = self.start()
        feed = Feed(bridge.port, "orders,fills")
        request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.01&type=market&client_id=a")
        last = feed.wait(lambda e: e["event"] == "order" and e["data"]["state"] == "filled")["id"]
        feed.close()
        request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.01&type=market&client_id=b")
        self.wait_state(bridge, "b", "filled")
        bridge.kill()
        bridge = self.start()
        feed = Feed(bridge.port, "orders,fills", last_id=last)
        self.addCleanup(feed.close)
        feed.wait(lambda e: e["event"] == "order" and e["data"]["client_id"] == "b" and e["data"]["state"] == "filled")
        feed.wait(lambda e: e["event"] == "fill" and e["data"]["client_id"] == "b")
        self.assertEqual(feed.named("reset"), [])
        ids = [int(e["id"].split("-")[1]) for e in feed.events if "id" in e and e["event"] != "hello"]
        start = int(last.split("-")[1])
        self.assertEqual(ids, list(range(start + 1, start + 1 + len(ids))))
        foreign = Feed(bridge.port, "orders,fills", after="7-1")
        self.addCleanup(foreign.close)
        foreign.wait(lambda e: e["event"] == "reset")


if __name__ == "__main__":
    unittest.main()
