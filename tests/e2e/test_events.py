"""GET /events (paging, long poll, restart) and the exports of orders and fills."""
import csv
import io
import json
import socket
import threading
import time
import unittest

from harness import Case, request, until


class Events(Case):
    def order(self, bridge, client_id, kind="market", price=None):
        body = {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01", "type": kind, "client_id": client_id}
        if price:
            body["price"] = price
        answer = request(bridge.port, "POST", "/orders?wait=filled" if kind == "market" else "/orders", body)
        self.assertIn(answer.status, (200, 201), answer)
        return answer.json

    def all_events(self, bridge, limit=3):
        path, events = "/events?after=earliest&limit=%d" % limit, []
        while path:
            answer = request(bridge.port, "GET", path)
            self.assertEqual(answer.status, 200, answer)
            events += answer.json["items"]
            path = answer.json["next"]
        return events

    def test_pages_hold_each_event_once_in_order_also_after_a_restart(self):
        bridge = self.start()
        for i in range(4):
            self.order(bridge, "e-%d" % i)
        until(lambda: len([e for e in self.all_events(bridge, 100) if e["event"] == "fill"]) >= 4)
        before = self.all_events(bridge)
        numbers = [int(e["id"].split("-")[1]) for e in before]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        self.assertEqual({e["event"] for e in before}, {"order", "fill"})
        self.assertTrue(all("symbol" in e["data"] for e in before))
        bridge.stop()
        again = self.start()
        self.assertEqual(self.all_events(again)[:len(before)], before)
        last = request(again.port, "GET", "/events?limit=1").json["items"]
        self.assertEqual(len(last), 1)

    def settled(self, bridge):
        """The id of the newest event, once the fill and the order's end are among them."""
        events = self.all_events(bridge, 100)
        ended = any(e["event"] == "order" and e["data"]["state"] == "filled" for e in events)
        return ended and any(e["event"] == "fill" for e in events) and events[-1]["id"]

    def test_a_long_poll_is_answered_by_the_next_event(self):
        bridge = self.start()
        self.order(bridge, "first")
        last = until(lambda: self.settled(bridge))
        got = {}

        def poll():
            began = time.monotonic()
            got["answer"] = request(bridge.port, "GET", "/events?wait=15s&after=" + last, timeout=20)
            got["took"] = time.monotonic() - began

        thread = threading.Thread(target=poll)
        thread.start()
        time.sleep(0.5)
        self.assertNotIn("answer", got)
        self.order(bridge, "second", "limit", "20000")
        thread.join(20)
        self.assertLess(got["took"], 10)
        events = got["answer"].json["items"]
        self.assertEqual(events[0]["data"]["client_id"], "second")
        self.assertIn("wait=15s", got["answer"].json["next"])

    def test_a_wait_ends_empty_and_a_stop_ends_it_at_once(self):
        bridge = self.start()
        began = time.monotonic()
        answer = request(bridge.port, "GET", "/events?wait=300ms")
        self.assertEqual((answer.status, answer.json["items"]), (200, []))
        self.assertGreaterEqual(time.monotonic() - began, 0.29)
        statuses = []

        def wait():
            try:
                statuses.append(request(bridge.port, "GET", "/events?wait=60s", timeout=70).status)
            except OSError:
                statuses.append(0)

        waiters = [threading.Thread(target=wait) for _ in range(20)]
        for waiter in waiters:
            waiter.start()
        time.sleep(0.3)
        began = time.monotonic()
        bridge.stop()
        self.assertLess(time.monotonic() - began, 5)
        for waiter in waiters:
            waiter.join(10)
        self.assertEqual(len(statuses), 20)

    def test_those_who_wait_leave_room_for_orders_and_those_who_left_for_others(self):
        bridge = self.start()
        wait = b"GET /events?wait=100s HTTP/1.1\r\nHost: localhost\r\n\r\n"
        waiting = []
        for _ in range(520):
            waiting.append(socket.create_connection(("127.0.0.1", bridge.port)))
            self.addCleanup(waiting[-1].close)
            waiting[-1].sendall(wait)
        full = until(lambda: [a for a in [request(bridge.port, "GET", "/events?wait=1ms")] if a.status == 503])
        self.assertEqual(full[0].json["code"], "busy")
        for connection in waiting:
            connection.close()
        until(lambda: request(bridge.port, "GET", "/status").json["http"]["in_flight"] <= 1)
        waiting = [socket.create_connection(("127.0.0.1", bridge.port)) for _ in range(512)]
        for connection in waiting:
            self.addCleanup(connection.close)
            connection.sendall(wait)
        until(lambda: request(bridge.port, "GET", "/events?wait=1ms").status == 503)
        self.order(bridge, "in-between")
        for connection in waiting:
            connection.settimeout(20)
            self.assertEqual(connection.recv(12), b"HTTP/1.1 200")

    def test_ids_of_another_journal_are_refused(self):
        bridge = self.start()
        for after in ("999-1", "1-999999"):
            answer = request(bridge.port, "GET", "/events?after=" + after)
            self.assertEqual((answer.status, answer.json["code"]), (410, "event_id_unknown"))


class Exports(Case):
    def test_fills_as_csv_hold_all_rows_and_pages_link_on(self):
        bridge = self.start()
        for i in range(12):
            answer = request(bridge.port, "POST", "/orders?wait=filled",
                             {"symbol": "BTCUSDT", "side": "sell" if i % 2 else "buy", "qty": "0.01",
                              "type": "market", "tag": "export"})
            self.assertEqual(answer.status, 201, answer)
        fills = until(lambda: [f for f in request(bridge.port, "GET", "/fills?limit=1000").json["items"]]
                      if len(request(bridge.port, "GET", "/fills?limit=1000").json["items"]) >= 12 else None)
        answer = request(bridge.port, "GET", "/fills.csv")
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["content-type"].startswith("text/csv"))
        rows = list(csv.DictReader(io.StringIO(answer.body)))
        self.assertEqual([r["id"] for r in rows], [f["id"] for f in fills])
        self.assertEqual([r["price"] for r in rows], [f["price"] for f in fills])
        self.assertEqual(list(rows[0]), list(fills[0]))
        self.assertNotIn("link", answer.headers)
        by_accept = request(bridge.port, "GET", "/fills", headers={"Accept": "text/csv"})
        self.assertEqual(by_accept.body, answer.body)
        lines = request(bridge.port, "GET", "/fills.ndjson").body.splitlines()
        self.assertEqual([json.loads(line) for line in lines], fills)
        seen, path = [], "/fills.csv?limit=5"
        while path:
            page = request(bridge.port, "GET", path)
            seen += [r["id"] for r in csv.DictReader(io.StringIO(page.body))]
            path = page.headers["link"].split("<")[1].split(">")[0] if "link" in page.headers else None
        self.assertEqual(seen, [f["id"] for f in fills])
        orders = request(bridge.port, "GET", "/orders.csv?tag=export")
        self.assertEqual(len(orders.body.splitlines()), 13)
        as_json = request(bridge.port, "GET", "/orders.json?limit=1").json
        self.assertEqual(list(csv.DictReader(io.StringIO(orders.body)))[0].keys(), as_json["items"][0].keys())
        self.assertEqual(request(bridge.port, "GET", "/fills.csv?symbol=ETHUSDT").body.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
