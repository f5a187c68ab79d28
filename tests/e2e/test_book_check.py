"""Streamed books against the exchange's REST snapshots: one altered delta is found, told, and healed."""
import unittest

from harness import Case, Feed, request, until

BOOK = "book:linear:BTCUSDT:50"


class Replica:
    """A book made of what the feed says."""

    def __init__(self):
        self.sides = None

    def apply(self, data):
        if data["snapshot"]:
            self.sides = {"bids": {}, "asks": {}}
        for side, levels in self.sides.items():
            for price, qty in data[side]:
                if float(qty) == 0:
                    levels.pop(price, None)
                else:
                    levels[price] = qty


class BookCheck(Case):
    speed = 60  # a book is checked each second

    def checks(self, bridge):
        return request(bridge.port, "GET", "/status").json["book_checks"]

    def counted(self, bridge, result):
        text = request(bridge.port, "GET", "/metrics").body
        name = 'bybit_bridge_book_checks_total{result="%s"} ' % result
        return int(next(line for line in text.splitlines() if line.startswith(name)).rpartition(" ")[2])

    def feed(self, bridge, topics):
        feed = Feed(bridge.port, topics)
        self.addCleanup(feed.close)
        return feed

    def test_right_books_agree_in_all_categories(self):
        bridge = self.start()
        option = next(s["symbol"] for s in request(bridge.port, "GET", "/symbols?category=option").json["items"])
        self.feed(bridge, "book:spot:BTCUSDT:50,book:BTCUSDT:200,book:ETHUSDT:1000,book:inverse:BTCUSD:50,"
                          "book:option:%s:100" % option)
        until(lambda: self.checks(bridge)["agreed"] >= 15, 20)
        self.assertEqual(self.checks(bridge)["mismatch"], 0)
        self.assertEqual(self.counted(bridge, "mismatch"), 0)
        self.assertGreaterEqual(self.counted(bridge, "agreed"), 15)

    def test_an_altered_delta_is_found_and_the_book_is_right_again(self):
        bridge = self.start()
        feed = self.feed(bridge, BOOK)
        feed.wait(lambda e: e["event"] == "book")
        self.assertEqual(feed.named("gap"), [])
        self.sim_do("/sim/pause", {"paused": True})
        until(lambda: self.checks(bridge)["agreed"] >= 1)
        self.sim_do("/sim/book", {"symbol": "BTCUSDT", "category": "linear", "mode": "alter"})
        gap = feed.wait(lambda e: e["event"] == "gap")["data"]
        self.assertEqual((gap["topic"], gap["to"], gap["repaired"]), (BOOK, None, False))
        self.assertLessEqual(gap["from"], gap["recv_at"])
        until(lambda: feed.events[-1]["event"] == "book")
        after = feed.events[feed.events.index(feed.named("gap")[0]) + 1:]
        self.assertTrue(after[0]["data"]["snapshot"])
        replica = Replica()
        for event in after:
            replica.apply(event["data"])
        exchange = request(self.sim.port, "GET", "/v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=50")
        right = exchange.json["result"]
        ours = request(bridge.port, "GET", "/book/BTCUSDT?depth=50").json
        self.assertEqual(ours["state"], "synced")
        for theirs, name in (("b", "bids"), ("a", "asks")):
            self.assertEqual({p: q for p, q in right[theirs]}, replica.sides[name])
            self.assertEqual(right[theirs], ours[name])
        self.assertEqual(self.checks(bridge)["mismatch"], 1)
        self.assertEqual(self.counted(bridge, "mismatch"), 1)

    def test_an_altered_delta_is_found_while_the_market_moves(self):
        bridge = self.start()
        feed = self.feed(bridge, BOOK)
        feed.wait(lambda e: e["event"] == "book")

        def found():
            # A level in the middle of the book may be overwritten before the next check.
            if not feed.named("gap"):
                self.sim_do("/sim/book", {"symbol": "BTCUSDT", "category": "linear", "mode": "alter"})
            return feed.named("gap")

        until(found, 20, every=0.5)
        until(lambda: feed.events[-1]["event"] == "book")
        self.assertGreaterEqual(self.checks(bridge)["mismatch"], 1)


if __name__ == "__main__":
    unittest.main()
