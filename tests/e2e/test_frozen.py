"""The public feed frozen at the exchange: connected, pings answered, and no data. What is asked for with max_age is
refused, or read from elsewhere; the feed says so; and all heals by itself."""
import datetime
import time
import unittest

from harness import Case, Feed, request, until

MAX_AGE = 0.4
SLACK = 0.25
LINK = "public.linear"
FROM_MEMORY = ["/ticker/BTCUSDT?max_age=400ms", "/book/BTCUSDT?max_age=400ms", "/price/BTCUSDT?max_age=400ms",
               "/price/BTCUSDT?of=bid&max_age=400ms"]
FROM_REST = ["/trades/BTCUSDT?limit=3&max_age=400ms", "/candles/BTCUSDT?limit=2&max_age=400ms"]
TOPICS = ["ticker:linear:BTCUSDT", "book:linear:BTCUSDT:50", "trades:linear:BTCUSDT", "candles:linear:BTCUSDT:1m"]


def age_of(answer):
    """By the header that each answer has."""
    text = answer.headers["bridge-as-of"]
    return time.time() - datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Frozen(Case):
    def status(self, bridge):
        links = request(bridge.port, "GET", "/status").json["links"]
        return [link for link in links if link["link"] == LINK][0]

    def topics(self, bridge):
        return {t["topic"]: t for t in request(bridge.port, "GET", "/topics").json["items"]}

    def freeze(self, mode):
        self.sim_do("/sim/stream", {"mode": mode, "kind": "public", "sticky": True})

    def begin(self):
        bridge = self.start()
        feed = Feed(bridge.port, ",".join(TOPICS) + ",status")
        self.addCleanup(feed.close)
        for name in ("ticker", "book", "trade", "candle"):
            feed.wait(lambda e: e["event"] == name)
        until(lambda: all(request(bridge.port, "GET", path).status == 200 for path in FROM_MEMORY))
        self.assertLess(max(t["age_ms"] for name, t in self.topics(bridge).items() if name in TOPICS[:2]), 1000)
        return bridge, feed

    def watch(self, bridge, seconds):
        """When each read of memory was last answered; each read of REST has to be young."""
        last = dict.fromkeys(FROM_MEMORY, 0.0)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for path in FROM_MEMORY:
                answer = request(bridge.port, "GET", path)
                if answer.status == 200:
                    last[path] = time.monotonic()
                else:
                    self.assertEqual((answer.status, answer.json["code"]), (503, "too_old"), answer)
            for path in FROM_REST:
                answer = request(bridge.port, "GET", path)
                if answer.status == 200:
                    self.assertLess(age_of(answer), MAX_AGE + SLACK, path)
                else:
                    self.assertEqual((answer.status, answer.json["code"]), (503, "too_old"), answer)
        return last

    def test_what_is_old_is_refused_in_time_told_and_heals(self):
        bridge, feed = self.begin()
        self.freeze("mute")
        frozen = time.monotonic()
        last = self.watch(bridge, 3)
        for path, at in last.items():
            self.assertLess(at - frozen, MAX_AGE + SLACK, path)
        # Seen as mute, given up, built again, and as mute again.
        states = [e["data"]["state"] for e in feed.named("status") if e["data"]["link"] == LINK]
        for state in ("stale", "down"):
            self.assertIn(state, states)
        self.assertGreaterEqual(self.status(bridge)["reconnects"], 1)
        for topic in TOPICS:
            gap = feed.wait(lambda e: e["event"] == "gap" and e["data"]["topic"] == topic)["data"]
            self.assertFalse(gap["repaired"])
            self.assertLessEqual(gap["from"] / 1000, time.time())
        ages = self.topics(bridge)
        self.assertGreater(min(ages[topic]["age_ms"] for topic in TOPICS), 2500)
        self.assertGreater(self.status(bridge)["age_ms"], 2500)

        seen = len(feed.events)
        self.freeze("unmute")
        healed = time.monotonic()
        until(lambda: all(request(bridge.port, "GET", path).status == 200 for path in FROM_MEMORY), 5)
        print("healed in %.2f s" % (time.monotonic() - healed))
        until(lambda: self.status(bridge)["state"] == "connected", 5)
        until(lambda: {"ticker", "book", "trade", "candle"} <= {e["event"] for e in feed.events[seen:]})
        book = [e for e in feed.events[seen:] if e["event"] == "book"][0]
        self.assertEqual(book["data"]["type"], "snapshot")
        until(lambda: feed.named("status")[-1]["data"]["state"] == "connected")

    def test_only_what_is_frozen_is_old(self):
        """One category is mute: the others are as they were."""
        bridge, _ = self.begin()
        until(lambda: request(bridge.port, "GET", "/ticker/spot:BTCUSDT?max_age=1s").json.get("source") == "stream")
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "public", "category": "linear", "sticky": True})
        end = time.monotonic() + 2
        while time.monotonic() < end:
            self.assertEqual(request(bridge.port, "GET", "/ticker/spot:BTCUSDT?max_age=1s").status, 200)
            time.sleep(0.05)
        self.assertEqual(request(bridge.port, "GET", FROM_MEMORY[0]).status, 503)
        self.freeze("unmute")
        until(lambda: request(bridge.port, "GET", FROM_MEMORY[0]).status == 200, 5)


if __name__ == "__main__":
    unittest.main()
