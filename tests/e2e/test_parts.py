"""Changes of a position that are larger than the largest market order."""
import json
import threading
import time
from decimal import Decimal

from fault_proxy import FaultProxy, read_message
from guard_kit import in_threads
from harness import Case, request, until

BATCH = "/v5/order/create-batch"


class SmallMarket(FaultProxy):
    """Says that a market order may have 0.2 BTC at most; notes what batches came, whole or not."""

    def __init__(self, case):
        super().__init__(case.sim.port, lambda method, path: case.fault(method, path))
        self.batches = []
        case.addCleanup(self.close)

    def _exchange(self, client, upstream, request, back, fault):
        path = request.split(b" ", 2)[1]
        if path == BATCH.encode():
            self.batches.append([item["qty"] for item in json.loads(request.partition(b"\r\n\r\n")[2])["request"]])
        if not path.startswith(b"/v5/market/instruments-info?category=linear"):
            return super()._exchange(client, upstream, request, back, fault)
        upstream.sendall(request)
        answer, back = read_message(upstream, back)
        assert b'"maxMktOrderQty":"500.000"' in answer, answer[:2000]
        client.sendall(answer.replace(b'"maxMktOrderQty":"500.000"', b'"maxMktOrderQty":"0.20000"'))
        return back


class Parts(Case):
    def setUp(self):
        super().setUp()
        self.fault = lambda method, path: None
        self.proxy = SmallMarket(self)
        self.begin()

    def begin(self):
        self.bridge = self.start(rest_port=self.proxy.port, ws_port=self.sim.port)
        until(lambda: self.get("/positions")["source"] == "stream")

    def get(self, path):
        answer = request(self.bridge.port, "GET", path)
        self.assertEqual(answer.status, 200, (path, answer))
        return answer.json

    def do(self, method, query="", body=None, key=None):
        headers = {"Idempotency-Key": key} if key else {}
        return request(self.bridge.port, method, "/positions/BTCUSDT" + query, body, headers)

    def again(self, wanted, *args, **named):
        """Until all items have one of these statuses."""
        last = []

        def check():
            last[:] = [self.do(*args, **named)]
            return last[0].status == 207 and all(i["status"] in wanted for i in last[0].json["items"])

        try:
            until(check, 20, 0.2)
        except AssertionError:
            raise AssertionError(last)
        return last[0]

    def size(self):
        found = self.get("/positions/BTCUSDT")
        return Decimal(found["qty"]) * (-1 if found["side"] == "sell" else 1)

    def becomes(self, size):
        until(lambda: self.size() == Decimal(size))

    def orders(self):
        return self.get("/orders?state=all&limit=1000")["items"]

    def states(self):
        return sorted(order["state"] for order in self.orders())

    def test_a_large_change_is_sent_in_one_request_and_answered_part_by_part(self):
        answer = self.do("PUT", "?wait=filled", {"qty": "0.7"}, "open")
        self.assertEqual([i["status"] for i in answer.json["items"]], [201] * 4, answer)
        self.assertEqual([i["order"]["client_id"] for i in answer.json["items"]], ["open-%d" % n for n in range(4)])
        self.becomes("0.7")
        self.assertEqual([[Decimal(q) for q in b] for b in self.proxy.batches], [[Decimal(q) for q in ("0.2", "0.2", "0.2", "0.1")]])
        repeated = self.do("PUT", "", {"qty": "0.7"}, "open")
        self.assertEqual([(i["status"], i["order"]["id"]) for i in repeated.json["items"]],
                         [(200, i["order"]["id"]) for i in answer.json["items"]])
        part = self.do("DELETE", "?qty=0.45&wait=filled")
        self.assertEqual([Decimal(i["order"]["qty"]) for i in part.json["items"]], [Decimal("0.2"), Decimal("0.2"), Decimal("0.05")])
        self.becomes("0.25")
        turned = self.do("PUT", "?wait=filled", {"qty": "-0.3"})
        self.assertEqual([i["order"]["reduce_only"] for i in turned.json["items"]], [False] * 3, turned)
        self.becomes("-0.3")
        closed = self.do("DELETE", "?wait=filled", None, "close")
        self.assertEqual([i["status"] for i in closed.json["items"]], [201] * 2, closed)
        self.becomes("0")
        self.assertEqual([i["status"] for i in self.do("DELETE", "", None, "close").json["items"]], [200] * 2)
        self.assertEqual(len(self.orders()), 12)

    def test_parts_whose_answer_is_lost_are_told_as_unknown_and_bought_once(self):
        self.fault = self.only_batches("drop_after")
        self.sim_do("/sim/stream", {"kind": "private", "mode": "mute"})  # it would tell before the loss is seen
        answer = self.do("PUT", "", {"qty": "0.7"}, "open")
        self.assertEqual([i["status"] for i in answer.json["items"]], [202] * 4, answer)
        self.assertEqual({i["order"]["state"] for i in answer.json["items"]}, {"unknown"})
        self.sim_do("/sim/stream", {"kind": "private", "mode": "unmute"})
        self.again((200,), "PUT", "", {"qty": "0.7"}, "open")
        self.becomes("0.7")
        self.assertEqual(self.states(), ["filled"] * 4)
        self.assertEqual(len(self.proxy.batches), 1)

    def test_a_repeat_of_what_is_in_doubt_says_that_it_is_one(self):
        self.fault = lambda method, path: ("drop_before", 0) if path == "/v5/order/create" else None
        asked = (("POST", "/orders", {"symbol": "BTCUSDT", "side": "buy", "qty": "0.1", "type": "market"}),
                 ("PUT", "/positions/ETHUSDT", {"qty": "0.1"}), ("DELETE", "/positions/BTCUSDT?qty=0.1", None))
        request(self.bridge.port, "PUT", "/positions/BTCUSDT", {"qty": "0.4"})  # in parts, which no fault meets
        self.becomes("0.4")
        for n, one in enumerate(asked):
            told = [request(self.bridge.port, *one, {"Idempotency-Key": "doubt-%s" % "abc"[n]}) for _ in range(2)]
            self.assertEqual([(t.status, t.headers.get("idempotent-replayed")) for t in told], [(202, None), (202, "true")], told)

    def only_batches(self, mode):
        return lambda method, path: (mode, 0) if path == BATCH else None

    def test_parts_that_the_guard_refuses_are_told_and_sent_when_it_lets_them(self):
        limits = request(self.bridge.port, "PATCH", "/guard", {"max_orders_per_minute": 2})
        self.assertEqual(limits.status, 200, limits)
        answer = self.do("PUT", "?wait=filled", {"qty": "0.7"}, "open")
        self.assertEqual(sorted(i["status"] for i in answer.json["items"]), [201, 201, 422, 422], answer)
        self.assertEqual({i["problem"]["code"] for i in answer.json["items"] if i["problem"]}, {"guard_max_orders_per_minute"})
        self.becomes("0.4")
        self.assertEqual(request(self.bridge.port, "PATCH", "/guard", {"max_orders_per_minute": None}).status, 200)
        self.again((200, 201), "PUT", "", {"qty": "0.7"}, "open")
        self.becomes("0.7")
        self.assertEqual(self.states(), ["filled"] * 4)

    def test_many_that_say_the_same_at_once_close_once(self):
        self.do("PUT", "?wait=filled", {"qty": "0.7"})
        self.becomes("0.7")
        answers = []
        in_threads(*[lambda: answers.append(self.do("DELETE", "?qty=0.5", None, "part"))] * 8)
        self.assertTrue({a.status for a in answers} <= {207, 409}, answers)
        self.again((200,), "DELETE", "?qty=0.5", None, "part")
        self.becomes("0.2")
        self.assertEqual(len(self.orders()), 4 + 3)

    def test_a_crash_while_the_parts_are_under_way_loses_and_doubles_none(self):
        self.fault = lambda method, path: ("delay", 1500) if path in (BATCH, "/v5/order/create") else None
        told = []
        asked = threading.Thread(target=self.ask_in_vain, args=(told,))
        asked.start()
        try:
            until(lambda: self.proxy.batches or self.proxy.links)
        except AssertionError:
            raise AssertionError(told)
        self.bridge.kill()
        asked.join()
        self.fault = lambda method, path: None
        self.begin()
        self.again((200,), "PUT", "", {"qty": "0.7"}, "open")
        until(lambda: all(s in ("filled", "never_accepted") for s in self.states()))
        self.assertEqual(len(self.orders()), 4, self.orders())
        self.becomes(sum(Decimal(order["filled_qty"]) for order in self.orders()))

    def ask_in_vain(self, told):
        """Until the bridge dies; what is refused as not ready may be said again."""
        try:
            while len(told) < 50 and (not told or told[-1].status == 503):
                told.append(self.do("PUT", "", {"qty": "0.7"}, "open"))
                time.sleep(0.2)
        except OSError:
            pass
