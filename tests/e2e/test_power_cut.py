"""After a power cut the newest events may be gone: who had seen them is told so, and never goes on at a number that means
something else now.

The cut: what a copy of the journal had while the bridge ran, under another boot id.
"""
import os
import sqlite3
import unittest

from harness import Case, Feed, request, until


def number(identity):
    return int(identity.split("-")[1])


class PowerCut(Case):
    def order(self, bridge, client_id):
        answer = request(bridge.port, "POST", "/orders?wait=filled",
                         {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01", "client_id": client_id})
        self.assertIn(answer.status, (200, 201), answer)

    def newest(self, bridge, client_id):
        """The id of the newest event, once the order's end is among them."""
        def settled():
            items = request(bridge.port, "GET", "/events?limit=20").json["items"]
            mine = [item["event"] == "order" and item["data"]["state"] for item in items if item["data"].get("client_id") == client_id]
            return "filled" in mine and False in mine and items[-1]["id"]
        return until(settled)

    def cut(self, bridge, copy):
        """The machine stops, and comes up again with what the disk had."""
        bridge.kill()
        for ending in ("", "-wal", "-shm"):
            if os.path.exists(self.journal + ending):
                os.unlink(self.journal + ending)
        os.rename(copy, self.journal)
        with sqlite3.connect(self.journal) as db:
            self.assertEqual(db.execute("UPDATE meta SET value='another boot' WHERE key='boot_id'").rowcount, 1)

    def copy(self):
        path = os.path.join(self.folder, "copy.db")
        with sqlite3.connect(self.journal) as source, sqlite3.connect(path) as target:
            source.backup(target)
        return path

    def expect_reset(self, bridge, identity):
        """By each way. Returns the id to go on from."""
        feeds = [Feed(bridge.port, "orders,fills", last_id=identity), Feed(bridge.port, "orders,fills", after=identity)]
        for feed in feeds:
            reset = feed.wait(lambda e: e["event"] == "reset")
            before = feed.events[:feed.events.index(reset)]
            self.assertFalse([e for e in before if e["event"] in ("order", "fill") or "id" in e], before)
            self.assertNotEqual(reset["id"].split("-")[0], identity.split("-")[0])
            feed.close()
        answer = request(bridge.port, "GET", "/events?after=" + identity)
        self.assertEqual((answer.status, answer.json["code"]), (410, "event_id_unknown"), answer)
        answer = request(bridge.port, "GET", "/events?wait=5s&after=" + identity)
        self.assertEqual((answer.status, answer.json["code"]), (410, "event_id_unknown"), answer)
        return reset["id"]

    def test_who_has_seen_what_was_lost_gets_a_reset(self):
        bridge = self.start()
        self.order(bridge, "kept")
        kept = self.newest(bridge, "kept")
        copy = self.copy()
        feed = Feed(bridge.port, "orders,fills", after=kept)
        for n in range(3):
            self.order(bridge, "lost-%d" % n)
        lost = self.newest(bridge, "lost-2")
        feed.wait(lambda e: e.get("id") == lost)
        feed.close()
        self.assertGreater(number(lost), number(kept))
        self.cut(bridge, copy)

        bridge = self.start()
        self.expect_reset(bridge, lost)
        on_from = self.expect_reset(bridge, kept)  # of the same epoch
        for n in range(5):
            self.order(bridge, "new-%d" % n)
        newest = self.newest(bridge, "new-4")
        self.assertGreater(number(newest), number(lost))  # its number means another event now
        self.expect_reset(bridge, lost)
        feed = Feed(bridge.port, "orders,fills", after=on_from)
        feed.wait(lambda e: e.get("id") == newest)
        self.assertFalse(feed.named("reset"))
        numbers = [number(e["id"]) for e in feed.events if e["event"] in ("order", "fill")]
        self.assertEqual(numbers, list(range(number(on_from) + 1, number(newest) + 1)))
        feed.close()

        bridge.kill()  # a crash alone loses nothing: the same ids go on
        bridge = self.start()
        feed = Feed(bridge.port, "orders,fills", after=on_from)
        feed.wait(lambda e: e.get("id") == newest)
        self.assertFalse(feed.named("reset"))
        feed.close()


if __name__ == "__main__":
    unittest.main()
