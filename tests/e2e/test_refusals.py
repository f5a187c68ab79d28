"""What the exchange may answer besides success: the client is told the truth, nothing goes out twice, and it heals."""
import json
import time
import unittest

from harness import Case, request, until

ORDER = {"symbol": "BTCUSDT", "side": "buy", "qty": "0.001", "type": "market"}
RESTING = {"symbol": "BTCUSDT", "side": "buy", "qty": "0.001", "type": "limit", "price": "10000"}
CREATE, CANCEL = "/v5/order/create", "/v5/order/cancel"
HTML = "<html><body>nginx</body></html>"


def envelope(code, text="no"):
    return 200, json.dumps({"retCode": code, "retMsg": text, "result": {}, "retExtInfo": {}, "time": int(time.time() * 1000)})


NOT_SENT, LIMITED, UNKNOWN = (503, "not_sent"), (429, "not_sent"), (202, None)
# answer, what a create is told, whether Retry-After comes with it
HEALING = (
    (envelope(10002), NOT_SENT, False), (envelope(10006), LIMITED, True), ((429, HTML), LIMITED, True),
    (envelope(10016), UNKNOWN, False), (envelope(10000), UNKNOWN, False), (envelope(429), UNKNOWN, False),
    (envelope(987654), UNKNOWN, False), ((500, HTML), UNKNOWN, False), ((502, HTML), UNKNOWN, False),
    ((503, envelope(10006)[1]), UNKNOWN, False), ((200, HTML), UNKNOWN, False), ((200, ""), UNKNOWN, False),
    ((302, HTML), UNKNOWN, False), ((400, HTML), UNKNOWN, False), (envelope(10005), (502, "rejected"), False),
    (envelope(110001), UNKNOWN, False), (envelope(110007), (422, "rejected"), False),
)
# The key does not get better by itself: creates stop.
STOPPING = (envelope(10003), envelope(10004), envelope(33004), (401, ""), (403, HTML))


class Refusals(Case):
    def fault(self, path, answer, count=1):
        self.sim_do("/sim/fault", {"path": path, "mode": "answer", "status": answer[0], "body": answer[1], "count": count})

    def seen(self, path):
        return self.sim_get("/sim/stats")["requests"].get(path, 0)

    def test_a_create_is_told_the_truth_and_the_next_one_works(self):
        bridge = self.start()
        for number, (fault, (status, outcome), again) in enumerate(HEALING):
            with self.subTest(fault=fault):
                self.fault(CREATE, fault)
                before = self.seen(CREATE)
                answer = request(bridge.port, "POST", "/orders", dict(ORDER, client_id="c-%d" % number))
                self.assertEqual((answer.status, answer.json.get("outcome")), (status, outcome), answer)
                self.assertEqual("retry-after" in answer.headers, again, answer)
                self.assertEqual(self.seen(CREATE), before + 1)
                if status == 503 or status == 429:
                    self.assertTrue(answer.json["retry"]["safe"], answer)
                self.assertEqual(request(bridge.port, "GET", "/readyz").status, 200)
                until(lambda: request(bridge.port, "POST", "/orders",
                                      dict(ORDER, client_id="next-%d" % number)).status in (200, 201))
        for number, (_, (status, outcome), _) in enumerate(HEALING):
            if status == 202:
                self.wait_state(bridge, "c-%d" % number, "never_accepted", timeout=30)
            elif outcome == "not_sent":
                self.wait_state(bridge, "c-%d" % number, "not_sent")
        self.assertEqual(len(self.sim_get("/sim/orders")["list"]), len(HEALING))

    def test_a_cancel_is_told_the_truth_and_can_be_repeated(self):
        bridge = self.start()
        for number, (fault, (status, outcome), _) in enumerate(HEALING):
            if fault[1].find("110001") >= 0:
                continue
            with self.subTest(fault=fault):
                link = "d-%d" % number
                until(lambda: request(bridge.port, "POST", "/orders", dict(RESTING, client_id=link)).status in (200, 201))
                self.wait_state(bridge, link, "open")
                self.fault(CANCEL, fault)
                answer = request(bridge.port, "DELETE", "/orders/" + link)
                self.assertEqual(answer.status, status, answer)
                self.assertEqual(answer.json.get("outcome"), outcome, answer)
                until(lambda: request(bridge.port, "DELETE", "/orders/" + link).status == 200)
                self.wait_state(bridge, link, "cancelled")

    def test_a_refused_key_stops_creates_and_says_so(self):
        for number, fault in enumerate(STOPPING):
            with self.subTest(fault=fault):
                self.journal = self.journal + str(number)
                bridge = self.start()
                self.fault(CREATE, fault)
                answer = request(bridge.port, "POST", "/orders", dict(ORDER, client_id="k-%d" % number))
                self.assertEqual((answer.status, answer.json["code"]), (502, "exchange_auth"), answer)
                before = self.seen(CREATE)
                answer = request(bridge.port, "POST", "/orders", dict(ORDER, client_id="k2-%d" % number))
                self.assertEqual((answer.status, answer.json["code"]), (503, "not_ready"), answer)
                self.assertEqual(self.seen(CREATE), before)
                answer = request(bridge.port, "GET", "/readyz")
                self.assertEqual(answer.status, 503)
                self.assertIn("refuses the key", answer.json["detail"])
                bridge.stop()

    def test_a_banned_address_is_silent(self):
        bridge = self.start()
        self.assertEqual(request(bridge.port, "POST", "/orders", dict(RESTING, client_id="before")).status, 201)
        self.fault(CREATE, (403, "access too frequent, please try again in 10 minutes"))
        answer = request(bridge.port, "POST", "/orders", dict(ORDER, client_id="ban"))
        self.assertEqual((answer.status, answer.json["outcome"]), (429, "not_sent"), answer)
        self.assertGreater(int(answer.headers["retry-after"]), 500)
        before = self.sim_get("/sim/stats")["requests"]
        answer = request(bridge.port, "POST", "/orders", dict(ORDER, client_id="ban-2"))
        self.assertEqual((answer.status, answer.json["outcome"]), (429, "not_sent"), answer)
        self.assertGreater(int(answer.headers["retry-after"]), 500)
        answer = request(bridge.port, "DELETE", "/orders/before")
        self.assertEqual((answer.status, answer.json["outcome"]), (429, "not_sent"), answer)
        self.assertEqual(self.sim_get("/sim/stats")["requests"], before)
        self.assertGreater(request(bridge.port, "GET", "/status").json["budget"]["banned_for_ms"], 500000)
        answer = request(bridge.port, "GET", "/readyz")
        self.assertEqual(answer.status, 503, answer)
        self.assertIn("bans this IP", answer.json["detail"])

    def test_scans_and_look_ups_survive_refusals(self):
        answers = [envelope(10002), envelope(10006), (429, HTML), envelope(10016), (500, HTML), (502, HTML), (403, HTML),
                   (200, HTML), (200, ""), envelope(0), (200, '{"retCode":0,"retMsg":"","result":{"list":[{}]}}')]
        bridge = self.start()
        for number, answer in enumerate(answers):
            with self.subTest(answer=answer):
                link = "s-%d" % number
                for path in ("/v5/order/realtime", "/v5/order/history", "/v5/execution/list"):
                    self.fault(path, answer, 3)
                self.sim_do("/sim/stream", {"mode": "mute", "kind": "private", "sticky": True})  # one that comes back too
                self.sim_do("/sim/fault", {"path": CREATE, "mode": "drop_after", "count": 1})
                told = request(bridge.port, "POST", "/orders", dict(ORDER, client_id=link))
                self.assertEqual(told.status, 202, told)
                self.wait_state(bridge, link, "filled", timeout=30)
                self.sim_do("/sim/stream", {"mode": "unmute", "kind": "private"})
                self.sim_do("/sim/stream", {"mode": "cut", "kind": "private"})
                self.wait_ready(bridge)
        there = sorted(e["execId"] for e in self.sim_get("/sim/executions")["list"])
        until(lambda: sorted(f["id"] for f in request(bridge.port, "GET", "/fills?limit=1000").json["items"]) == there)
        self.wait_ready(bridge)


if __name__ == "__main__":
    unittest.main()
