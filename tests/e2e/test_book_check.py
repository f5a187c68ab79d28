"""Streamed books against the exchange's REST snapshots: one altered delta is found, told, and healed."""
import unittest

from harness import Case, Feed, request, until

BOOK = "book:linear:BTCUSDT:50"


class Replica:
    """A book made of what the feed says."""

    def __init__(self):
        self.sides = None

    def apply(self, data):
        if data["type"] == "snapshot":
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

    def exchange_book(self):
        path = "/v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=50"
        return request(self.sim.port, "GET", path).json["result"]

    def test_an_altered_delta_is_found_and_the_book_is_right_again(self):
        bridge = self.start()
        feed = self.feed(bridge, BOOK + ",ticker:BTCUSDT")
        feed.wait(lambda e: e["event"] == "book")
        until(lambda: self.checks(bridge)["agreed"] >= 1)
        self.assertEqual(feed.named("gap"), [])

        agreed = -2

        def found():
            # What is altered may be overwritten before the next check: it is gone once a check that began later agrees.
            nonlocal agreed
            now = self.checks(bridge)["agreed"]
            if not feed.named("gap") and now >= agreed + 2:
                self.sim_do("/sim/book", {"symbol": "BTCUSDT", "category": "linear", "mode": "alter"})
                agreed = now
            return feed.named("gap")

        gap = until(found, 60, every=0.1)[0]
        self.assertEqual((gap["data"]["topic"], gap["data"]["to"], gap["data"]["repaired"]), (BOOK, None, False))
        self.assertLess(gap["data"]["from"], gap["data"]["recv_at"])
        self.assertEqual(self.checks(bridge)["mismatch"], 1)
        self.assertEqual(self.counted(bridge, "mismatch"), 1)
        links = request(bridge.port, "GET", "/status").json["links"]
        self.assertEqual([link["reconnects"] for link in links if link["link"] == "public.linear"], [0])

        def same_moment():
            right, ours = self.exchange_book(), request(bridge.port, "GET", "/book/BTCUSDT?depth=50").json
            return right["seq"] == ours["seq"] and ours["state"] == "synced" and (right, ours)

        right, ours = until(same_moment, 20, every=0.01)
        for theirs, name in (("b", "bids"), ("a", "asks")):
            self.assertEqual(right[theirs], ours[name])
        until(lambda: feed.named("book")[-1]["data"]["u"] >= ours["u"])
        after = [e for e in feed.events[feed.events.index(gap) + 1:] if e["event"] == "book"]
        self.assertEqual(after[0]["data"]["type"], "snapshot")
        replica = Replica()
        for event in after:
            if event["data"]["u"] <= ours["u"]:
                replica.apply(event["data"])
        for theirs, name in (("b", "bids"), ("a", "asks")):
            best = sorted(replica.sides[name].items(), key=lambda level: float(level[0]), reverse=name == "bids")[:50]
            self.assertEqual([list(level) for level in best], ours[name])


if __name__ == "__main__":
    unittest.main()
