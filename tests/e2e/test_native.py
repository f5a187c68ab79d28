"""native=1: an order with what the exchange's own last message said of it, as it wrote it."""
import csv
import io
import json
import re
import unittest

from fault_proxy import FaultProxy, read_message
from guard_kit import Exchange
from harness import Case, request, until

MARKET = {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01", "type": "market"}
RESTS = {"symbol": "BTCUSDT", "side": "buy", "qty": "0.010", "type": "limit", "price": "20000.00"}
STATES = {"New": "open", "PartiallyFilled": "partial", "Filled": "filled", "Cancelled": "cancelled", "Untriggered": "untriggered"}


class Altered(FaultProxy):
    """Changes each order object in lists that are read over REST by `alter(text of the object)`."""

    def __init__(self, port, alter):
        super().__init__(port)
        self.alter = alter

    def _exchange(self, client, upstream, request, back, fault):
        upstream.sendall(request)
        answer, back = read_message(upstream, back)
        path = request.split(b" ", 2)[1].partition(b"?")[0]
        if path in (b"/v5/order/realtime", b"/v5/order/history") and b'"orderId"' in answer:
            head, _, body = answer.partition(b"\r\n\r\n")
            listed = json.loads(body)
            items = ",".join(self.alter(json.dumps(item)) for item in listed["result"]["list"])
            listed["result"]["list"] = ["@"]
            body = json.dumps(listed).replace('"@"', items).encode()
            head = re.sub(rb"(?i)content-length: *\d+", b"Content-Length: %d" % len(body), head)
            answer = head + b"\r\n\r\n" + body
        client.sendall(answer)
        return back


class Objects(Case):
    def get(self, bridge, client_id, query="?native=1"):
        answer = request(bridge.port, "GET", "/orders/%s%s" % (client_id, query))
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def check_same(self, order):
        """The object is of the state that the order shows, and tells the same."""
        native = order["native"]
        self.assertIsInstance(native, dict, order)
        self.assertEqual(STATES[native["orderStatus"]], order["state"], order)
        self.assertEqual((native["orderId"], native["symbol"]), (order["id"], order["symbol"]))
        self.assertEqual(float(native["cumExecQty"]), float(order["filled_qty"]))

    def rows(self, bridge, path):
        answer = request(bridge.port, "GET", path)
        self.assertEqual(answer.status, 200, answer)
        return answer


class Native(Objects):
    def test_an_order_shows_what_was_said_of_it_last(self):
        bridge = self.start()
        answer = request(bridge.port, "POST", "/orders?native=1", dict(RESTS, client_id="rests"))
        self.assertEqual(answer.status, 201, answer)
        self.assertIn("native", answer.json)  # the stream may have told by then
        self.wait_state(bridge, "rests", "open")
        order = self.get(bridge, "rests")
        self.check_same(order)
        self.assertEqual(order["native"]["orderLinkId"], "rests")
        self.assertNotIn("native", self.get(bridge, "rests", ""))
        self.assertNotIn("native", self.get(bridge, "rests", "?native=0"))
        answer = request(bridge.port, "PATCH", "/orders/rests?wait=final&native=1", {"price": "20001"})
        self.assertEqual(answer.status, 200, answer)
        self.check_same(answer.json)
        self.assertEqual(float(answer.json["native"]["price"]), 20001)
        answer = request(bridge.port, "DELETE", "/orders/rests?wait=final&native=1")
        self.assertEqual(answer.status, 200, answer)
        self.check_same(answer.json)
        self.assertEqual(answer.json["state"], "cancelled")
        answer = request(bridge.port, "POST", "/orders?wait=filled&native=1", dict(MARKET, client_id="fills"))
        self.assertEqual((answer.status, answer.json["state"]), (201, "filled"), answer)
        self.check_same(answer.json)
        answer = request(bridge.port, "POST", "/orders?native=1", dict(MARKET, client_id="fills"))
        self.assertEqual((answer.status, answer.headers["idempotent-replayed"]), (200, "true"), answer)
        self.check_same(answer.json)

    def test_a_wait_is_answered_with_the_object_that_ended_it(self):
        bridge = self.start()
        for number in range(20):
            name = "w-%d" % number
            request(bridge.port, "POST", "/orders", dict(MARKET, client_id=name))
            order = self.get(bridge, name, "?wait=final&native=1")
            self.assertEqual(order["state"], "filled")
            self.check_same(order)

    def test_each_order_of_a_batch_has_its_own(self):
        bridge = self.start()
        orders = [dict(MARKET, client_id="b-%d" % n) for n in range(3)] + [dict(MARKET, qty="0.00001")]
        answer = request(bridge.port, "POST", "/orders?wait=filled&native=1", json.dumps(orders))
        self.assertEqual(answer.status, 207, answer)
        self.assertEqual([item["status"] for item in answer.json["items"]], [201, 201, 201, 422])
        for number, item in enumerate(answer.json["items"][:3]):
            self.assertEqual(item["order"]["native"]["orderLinkId"], "b-%d" % number)
            self.check_same(item["order"])

    def test_an_order_that_has_not_been_seen_has_none(self):
        bridge = self.start()
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "private", "sticky": True})
        answer = request(bridge.port, "POST", "/orders?native=1", dict(RESTS, client_id="mute"))
        self.assertEqual((answer.status, answer.json["state"], answer.json["native"]), (201, "accepted", None), answer)
        self.assertIsNone(self.get(bridge, "mute")["native"])
        self.assertIn('"native":null', self.rows(bridge, "/orders.ndjson?native=1").body)

    def test_lists_and_exports_have_it_byte_for_byte(self):
        bridge = self.start()
        for name in ("l-1", "l-2"):
            self.assertEqual(request(bridge.port, "POST", "/orders?wait=filled", dict(MARKET, client_id=name)).status, 201)
        text = self.rows(bridge, "/orders/l-1?native=1").body
        written = text[text.index('"native":') + 9:text.rindex("}")]
        self.assertEqual(json.loads(written)["orderLinkId"], "l-1")
        items = self.rows(bridge, "/orders?native=1").json["items"]
        self.assertEqual([item["native"]["orderLinkId"] for item in items], ["l-2", "l-1"])
        for item in items:
            self.check_same(item)
        lines = self.rows(bridge, "/orders.ndjson?native=1").body.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertIn('"native":%s}' % written, lines[1])
        table = list(csv.DictReader(io.StringIO(self.rows(bridge, "/orders.csv?native=1").body)))
        self.assertEqual([row["native"] for row in table][1], written)
        self.assertEqual([json.loads(row["native"])["orderLinkId"] for row in table], ["l-2", "l-1"])
        for path in ("/orders", "/orders.csv", "/orders.ndjson", "/orders.csv?native=false"):
            self.assertNotIn("native", self.rows(bridge, path).body)
        page = self.rows(bridge, "/orders?native=1&limit=1").json
        self.assertEqual(self.rows(bridge, page["next"]).json["items"][0]["native"]["orderLinkId"], "l-1")

    def test_the_stream_does_not_have_it(self):
        bridge = self.start()
        self.assertEqual(request(bridge.port, "POST", "/orders?wait=filled", dict(MARKET, client_id="s-1")).status, 201)
        self.assertNotIn("native", self.rows(bridge, "/events?after=earliest").body)

    def test_another_value_is_refused(self):
        bridge = self.start()
        for method, path, body in (("GET", "/orders", None), ("GET", "/orders/x", None), ("POST", "/orders", MARKET),
                                   ("POST", "/orders", json.dumps([MARKET])), ("PATCH", "/orders/x", {"qty": "1"}), ("DELETE", "/orders/x", None)):
            answer = request(bridge.port, method, path + "?native=2", body)
            self.assertEqual((answer.status, answer.json["code"]), (400, "invalid_value"), answer)
            self.assertIn("0, false, 1, true", answer.json["detail"])
        self.assertEqual(self.sim_get("/sim/orders")["list"], [])

    def test_it_survives_a_kill_and_is_caught_up_with(self):
        bridge, exchange = self.start(), Exchange(self.sim.port)
        for name in ("stays", "goes"):
            self.assertEqual(request(bridge.port, "POST", "/orders", dict(RESTS, client_id=name)).status, 201)
            self.wait_state(bridge, name, "open")
        before = self.get(bridge, "stays")["native"]
        bridge.kill()
        exchange.call("POST", "/v5/order/cancel", {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "goes"})
        bridge = self.start()
        self.assertEqual(self.get(bridge, "stays")["native"], before)
        self.wait_state(bridge, "goes", "cancelled")
        self.check_same(self.get(bridge, "goes"))  # as the scan of the history told it

    def test_an_order_made_elsewhere_has_it(self):
        bridge, exchange = self.start(), Exchange(self.sim.port)
        order_id = exchange.rest("linear")
        order = until(lambda: (lambda a: a.status == 200 and a.json)(request(bridge.port, "GET", "/orders/%s?native=1" % order_id)))
        self.check_same(order)
        exchange.call("POST", "/v5/order/cancel", {"category": "linear", "symbol": "BTCUSDT", "orderId": order_id})
        self.wait_state(bridge, order_id, "cancelled")
        self.check_same(self.get(bridge, order_id))


class Hostile(Objects):
    def start_altered(self, alter):
        """What is known of orders comes over REST alone, altered."""
        proxy = Altered(self.sim.port, alter)
        self.addCleanup(proxy.close)
        bridge = self.start(rest_port=proxy.port, ws_port=self.sim.port)
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "private", "sticky": True})
        self.sim_do("/sim/fault", {"path": "/v5/order/create", "mode": "drop_after", "count": 1})
        answer = request(bridge.port, "POST", "/orders", dict(RESTS, client_id="h"))
        self.assertEqual(answer.status, 202, answer)
        self.wait_state(bridge, "h", "open")
        return bridge

    def test_what_would_spoil_our_answers_is_not_shown(self):
        bridge = self.start_altered(lambda text: text[:-1] + ',"qty":"1"}')
        self.assertIsNone(self.get(bridge, "h")["native"])
        self.assertIn("is not kept (JSON: duplicate member", bridge.stderr())

    def test_what_is_too_large_is_not_shown(self):
        bridge = self.start_altered(lambda text: text[:-1] + ',"padding":"%s"}' % ("x" * 8192))
        self.assertIsNone(self.get(bridge, "h")["native"])
        self.assertIn("is not kept (too large)", bridge.stderr())

    def test_its_own_digits_and_members_are_shown_on_one_line(self):
        bridge = self.start_altered(lambda text: text[:-1] + ',\r\n"new":{"n":1.50e3,"t":"\\u00e9"}}')
        self.assertEqual(self.get(bridge, "h")["native"]["new"], {"n": 1500, "t": "\u00e9"})
        lines = self.rows(bridge, "/orders.ndjson?native=1").body.splitlines()
        self.assertEqual(len(lines), 1)
        self.assertIn('"new":{"n":1.50e3,"t":"\\u00e9"}}', lines[0])


if __name__ == "__main__":
    unittest.main()
