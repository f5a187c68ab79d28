"""A book that is rebuilt from /stream is the exchange's book at the same `u`, whatever the exchange's stream does on its way."""
import http.client
import json
import os
import threading
import time
import unittest

from book_reader import BookReader, written
from harness import Case, request, until

DELTAS = int(os.environ.get("BOOK_DELTAS", "20000"))
A_ROUND = 50000       # then another book: a stream that jumps more than five times a minute is not believed
JUMPS = 5             # gaps and reorders of a round
EVERY_US = 100        # more than that and the reader here is left behind
FAULTS = {"gap": 0.0002, "reorder": 0.0002, "duplicate": 0.001, "restart": 0.0005, "leave": 0.3}
KEEP_EVERY = {50: 20, 200: 100, 1000: 500}
BOOKS = [("linear", "BTCUSDT", 50), ("spot", "ETHUSDT", 200), ("inverse", "BTCUSD", 50), ("linear", "SOLUSDT", 1000),
         ("spot", "BTCUSDT", 50), ("linear", "ETHUSDT", 200), ("inverse", "BTCUSD", 200), ("spot", "SOLUSDT", 50),
         ("linear", "BTCUSDT", 200), ("spot", "ETHUSDT", 50), ("linear", "SOLUSDT", 50), ("inverse", "BTCUSD", 1000),
         ("spot", "BTCUSDT", 200), ("linear", "ETHUSDT", 50), ("spot", "SOLUSDT", 200), ("linear", "BTCUSDT", 1000),
         ("spot", "SOLUSDT", 1000), ("linear", "SOLUSDT", 200), ("linear", "ETHUSDT", 1000), ("spot", "ETHUSDT", 1000)]


class Truth:
    """What the exchange kept of its flooded book."""

    def __init__(self, sim):
        self.sim, self.points, self.number = sim, {}, 0

    def fetch(self):
        while True:
            points = request(self.sim.port, "GET", "/sim/books?after=%d" % self.number).json["list"]
            if not points:
                return
            self.number = points[-1]["number"]
            self.points.update(((p["u"], p["seq"]), p["book"]) for p in points)

    def compare(self, seen):
        """How many of these are the exchange's, and those that are not."""
        both = self.points.keys() & seen.keys()
        return len(both), [(at, seen[at], self.points[at]) for at in sorted(both) if seen[at] != self.points[at]]


class BookTruth(Case):
    def flood(self, book, deltas, **more):
        category, symbol, depth = book
        return self.sim_do("/sim/flood", {"category": category, "symbol": symbol, "depth": depth, "deltas": deltas, **more})

    def reader(self, bridge, book, every):
        reader = BookReader(bridge.port, "book:%s:%s:%d" % book, book[2], every)
        self.addCleanup(reader.close)
        until(lambda: reader.u)
        return reader

    def rest_book(self, book):
        result = self.sim_get("/v5/market/orderbook?category=%s&symbol=%s&limit=%d" % book)["result"]
        return result["u"], result["seq"], written(result["b"], result["a"])

    def bridge_book(self, bridge, book):
        answer = request(bridge.port, "GET", "/book/%s:%s?depth=%d" % book)
        self.assertEqual(answer.status, 200, answer)
        got = answer.json
        return got["state"], (got["u"], got["seq"]), written(got["bids"], got["asks"])

    def settle(self, bridge, book, reader):
        """At rest all three say the same."""
        wanted = self.rest_book(book)
        until(lambda: reader.seq == wanted[1], 20)
        self.assertEqual((reader.u, reader.seq, reader.book()), wanted)
        self.assertEqual(self.bridge_book(bridge, book), ("synced", wanted[:2], wanted[2]))

    def follow(self, bridge, book, truth, ended):
        """Until `ended` is true of the flood; returns that, and the books that GET /book has shown meanwhile."""
        over = threading.Event()
        shown = {}

        def look():
            connection = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=20)
            while not over.wait(0.003):
                connection.request("GET", "/book/%s:%s?depth=%d" % book)
                got = json.loads(connection.getresponse().read())
                if got["state"] == "synced":
                    shown[got["u"], got["seq"]] = written(got["bids"], got["asks"])
            connection.close()

        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        deadline = time.monotonic() + 120
        try:
            while not ended(flood := self.sim_get("/sim/flood")):
                self.assertLess(time.monotonic(), deadline, flood)
                truth.fetch()
                time.sleep(0.05)
        finally:
            over.set()
            looking.join(20)
        truth.fetch()
        return flood, shown


class Rebuilt(BookTruth):
    def one_round(self, bridge, book, deltas, seed):
        every = KEEP_EVERY[book[2]]
        reader, truth = self.reader(bridge, book, every), Truth(self.sim)
        self.flood(book, deltas, seed=seed, every_us=EVERY_US, keep_every=every, faults=FAULTS, jumps_most=JUMPS)
        flood, shown = self.follow(bridge, book, truth, lambda f: f["published"] == deltas)
        self.settle(bridge, book, reader)
        self.sim_do("/sim/flood", {"stop": True})
        reader.close()
        self.assertEqual(reader.wrong, [])
        compared, different = truth.compare(reader.points)
        of_reads, different_reads = truth.compare(shown)
        self.assertEqual(different[:1] + different_reads[:1], [])
        self.assertGreaterEqual(reader.gaps, 1)
        self.assertGreater(compared, deltas / every / 8)
        print("%s: %d deltas, %s; the reader took %d (%d left out, %d snapshots): %d of %d books compared, %d of GET /book"
              % (":".join(map(str, book)), deltas,
                 ", ".join("%d %s" % (flood[fault], fault) for fault in ("gap", "reorder", "duplicate", "restart")),
                 reader.deltas, reader.dropped, reader.snapshots, compared, len(truth.points), of_reads), flush=True)

    def test_rebuilt_from_the_stream_it_is_the_exchanges_at_the_same_u(self):
        bridge = self.start()
        rounds = -(-DELTAS // A_ROUND)
        for number in range(rounds):
            self.one_round(bridge, BOOKS[number % len(BOOKS)], DELTAS // rounds, number + 1)


class Altered(BookTruth):
    speed = int(os.environ.get("BOOK_SPEED", "60"))  # a book is checked once a minute, that is each second

    def checks(self, bridge):
        return request(bridge.port, "GET", "/status").json["book_checks"]

    def test_one_altered_delta_is_found(self):
        book = ("linear", "BTCUSDT", 50)
        bridge = self.start()
        reader, truth = self.reader(bridge, book, 5), Truth(self.sim)
        self.flood(book, 10 ** 6, seed=7, every_us=1000, keep_every=5, alter_at=500, jumps_most=1,
                   faults={"duplicate": 0.001, "gap": 0.005, "leave": 0.3})
        flood, shown = self.follow(bridge, book, truth, lambda f: "joined_ms" in f.get("altered", {}))
        altered = flood["altered"]
        until(lambda: reader.seq > altered["joined_seq"] + 100)
        self.assertEqual(self.bridge_book(bridge, book)[0], "synced")
        self.assertEqual(self.checks(bridge)["mismatch"], 1)
        truth.fetch()
        self.sim_do("/sim/flood", {"stop": True})
        self.assertEqual(reader.wrong, [])
        _, different = truth.compare(reader.points)
        self.assertTrue(different)  # what was altered has arrived
        different += truth.compare(shown)[1]
        self.assertEqual([d for d in different if not altered["seq"] <= d[0][1] <= altered["joined_seq"]], [])
        print("one altered delta was found after %d ms, at speed %d: %s"
              % (altered["joined_ms"] - altered["at_ms"], self.speed, self.checks(bridge)), flush=True)


if __name__ == "__main__":
    unittest.main()
