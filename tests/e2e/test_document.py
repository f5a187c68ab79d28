"""openapi.yaml against a bridge on its embedded exchange: each operation is called once, in each form that it has, and the
document's own examples and schemas are held against its rules. What other tests see is checked on the way (harness.py)."""
import copy
import http.client
import json
import os
import unittest

import document
from document import Undescribed, resolve
from harness import Case, Feed, Process, request, until

TOKEN = "document-token-canary-4d71"
OPTION = "option:BTC"  # completed by what there is

# Of each GET: what it is called with.
SAMPLES = {
    "/": ["/"],
    "/openapi.yaml": ["/openapi.yaml"],
    "/openapi.json": ["/openapi.json"],
    "/docs": ["/docs"],
    "/assets/{file}": ["/assets/app.js", "/assets/style.css", "/assets/icon.svg"],
    "/livez": ["/livez"],
    "/readyz": ["/readyz"],
    "/health": ["/health"],
    "/metrics": ["/metrics"],
    "/version": ["/version"],
    "/status": ["/status"],
    "/symbols": ["/symbols", "/symbols?category=option&base=BTC", "/symbols?quote=USDT&status=Trading"],
    "/symbols/{symbol}": ["/symbols/BTCUSDT", "/symbols/spot:BTCUSDT", "/symbols/BTCUSD?category=inverse", "/symbols/" + OPTION],
    "/ticker/{symbol}": ["/ticker/BTCUSDT", "/ticker/spot:BTCUSDT", "/ticker/inverse:BTCUSD", "/ticker/" + OPTION],
    "/tickers": ["/tickers", "/tickers?category=spot&base=BTC", "/tickers?category=option&base=BTC&max_age=1m"],
    "/price/{symbol}": ["/price/BTCUSDT", "/price/BTCUSDT?of=mid", "/price/" + OPTION + "?of=mark"],
    "/book/{symbol}": ["/book/BTCUSDT?depth=3", "/book/spot:BTCUSDT", "/book/" + OPTION + "?depth=100"],
    "/trades/{symbol}": ["/trades/BTCUSDT?limit=5", "/trades/spot:BTCUSDT", "/trades/" + OPTION],
    "/candles/{symbol}": ["/candles/BTCUSDT?interval=1h&from=-2d&limit=5", "/candles/spot:BTCUSDT?to=today&max_age=1h"],
    "/funding/{symbol}": ["/funding/BTCUSDT?limit=2", "/funding/inverse:BTCUSD?from=-7d"],
    "/open_interest/{symbol}": ["/open_interest/BTCUSDT?interval=1h&limit=3"],
    "/orders": ["/orders?limit=1", "/orders?native=1", "/orders?state=final&symbol=BTCUSDT&tag=doc&from=today"],
    "/orders/{id}": ["/orders/doc-1?wait=final", "/orders/doc-2", "/orders/doc-1?native=1"],
    "/orders/{id}/timeline": ["/orders/doc-1/timeline", "/orders/doc-2/timeline"],
    "/pnl": ["/pnl?group=day", "/pnl?group=symbol&from=today", "/pnl?group=tag"],
    "/fills": ["/fills?limit=1", "/fills?order_id=doc-1"],
    "/events": ["/events?after=earliest&limit=3", "/events?wait=1ms", "/events"],
    "/positions": ["/positions", "/positions?category=linear&max_age=1m"],
    "/positions/{symbol}": ["/positions/BTCUSDT", "/positions/inverse:BTCUSD"],
    "/balance": ["/balance", "/balance?account=fund"],
    "/balance/{coin}": ["/balance/USDT", "/balance/btc?account=fund", "/balance/SOL"],
    "/account": ["/account"],
    "/fees/{symbol}": ["/fees/BTCUSDT", "/fees/spot:BTCUSDT", "/fees/" + OPTION],
    "/guard": ["/guard"],
    "/stream": [],  # by feeds, below
    "/topics": ["/topics"],
    "/errors": ["/errors"],
    "/errors/{code}": ["/errors/qty_step", "/errors/filter_required"],
}
# Of everything else: with which statuses it is answered in the tests below.
ORDERS = {("place_order", 200), ("place_order", 201), ("place_order", 400), ("place_order", 422), ("cancel_order", 200),
          ("cancel_order", 404), ("cancel_orders", 207), ("cancel_orders", 400), ("place_order", 207), ("amend_order", 200),
          ("amend_order", 409), ("amend_order", 422)}
POSITIONS = {("set_position", 201), ("set_position", 200), ("set_position", 422), ("change_position", 200),
             ("change_position", 422), ("close_position", 200), ("close_position", 201), ("close_position", 422)}
GUARD = {("set_guard", 200), ("set_guard", 400), ("kill", 200), ("arm", 200), ("arm", 400), ("guard", 200)}
SESSIONS = {("login", 200), ("login", 400), ("login", 401), ("logout", 204)}
TOPICS = ("orders,fills,positions,balance,status,ticker:BTCUSDT,ticker:{0},book:BTCUSDT:50,book:{0},trades:BTCUSDT,"
          "candles:BTCUSDT,liquidations:BTCUSDT,price_limit:BTCUSDT,adl:USDT,insurance:USDT,greeks")


def operations():
    for path, item in document.document()["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


class Answers(Case):
    with_sim = False

    def setUp(self):
        super().setUp()
        self.bridge = self.embedded()
        document.seen.clear()

    def embedded(self, *options, wait=True):
        bridge = Process(["--listen", "127.0.0.1:0", "--journal", self.journal, "--no-limits", "--speed", str(self.speed),
                          *options])
        self.addCleanup(self._stop, bridge)
        if wait:
            self.wait_ready(bridge)
        return bridge

    def get(self, target, headers=None):
        answer = request(self.bridge.port, "GET", target, headers=headers)
        self.assertEqual(answer.status, 200, (target, answer))
        return answer

    def post(self, status, target="/orders", headers=None, **body):
        answer = request(self.bridge.port, "POST", target, body, headers)
        self.assertEqual(answer.status, status, answer)
        return answer

    def delete(self, status, target):
        answer = request(self.bridge.port, "DELETE", target)
        self.assertEqual(answer.status, status, answer)
        return answer

    def trade(self):
        """Something of everything: a filled order, an open one, a position."""
        self.post(201, "/orders?wait=filled", symbol="BTCUSDT", side="buy", qty="0.01", client_id="doc-1", tag="doc")
        self.post(201, symbol="BTCUSDT", side="buy", qty=0.01, price="20000", client_id="doc-2", tag="doc")
        until(lambda: request(self.bridge.port, "GET", "/positions").json["items"])

    def option(self):
        return "option:" + self.get("/symbols?category=option&base=BTC").json["items"][0]["symbol"]

    def test_every_get_in_every_form(self):
        self.assertEqual({p for p, m, _ in operations() if m == "get"}, set(SAMPLES))
        self.trade()
        option = self.option()
        for path, targets in SAMPLES.items():
            item = document.document()["paths"][path]
            for target in (t.replace(OPTION, option) for t in targets):
                with self.subTest(target):
                    rows = self.get(target)
                    if document.is_list(item):
                        self.check_forms(target, rows.json["items"])
                    self.assertIs(document.find(target.split("?")[0])[1], item)
        reads = {(o["operationId"], 200) for _, m, o in operations() if m == "get"}
        self.assertEqual(reads - document.seen, {("stream", 200)})  # below

    def check_forms(self, target, rows):
        path, _, query = target.partition("?")
        query = query and "?" + query
        for suffix, kind in ((".json", "application/json"), (".csv", "text/csv"), (".ndjson", "application/x-ndjson")):
            by_suffix = self.get(path + suffix + query)
            by_accept = self.get(path + query, {"Accept": kind})
            for answer in (by_suffix, by_accept):
                self.assertEqual(answer.headers["content-type"].split(";")[0], kind, target)
            if rows and suffix == ".ndjson":
                self.assertEqual(list(json.loads(by_suffix.body.splitlines()[0])), list(rows[0]))

    def test_the_page_for_browsers(self):
        self.assertIn("text/html", self.get("/", {"Accept": "text/html"}).headers["content-type"])

    def test_the_document_is_served(self):
        with open(document.PATH, encoding="utf-8") as file:
            self.assertEqual(self.get("/openapi.yaml").body, file.read())
        self.assertEqual(self.get("/openapi.json").json, document.document())

    def test_orders(self):
        self.trade()
        self.post(200, symbol="BTCUSDT", side="buy", qty="0.010", price=20000, client_id="doc-2", tag="doc")
        self.post(422, symbol="BTCUSDT", side="sell", qty="0.01", client_id="doc-2")
        self.post(400, symbol="BTCUSDT", side="buy", quantity="0.01")
        self.assertTrue(self.post(200, "/orders?dry_run=1", symbol="BTCUSDT", side="buy", notional="100").json["would_send"])
        self.assertFalse(self.post(200, "/orders?dry_run=1", symbol="BTCUSDT", side="buy", qty="0.0101").json["would_send"])
        self.amend(200, "/orders/doc-2?wait=final", {"price": "20002"})
        self.amend(422, "/orders/doc-2", {"price": "20002.01"})
        order = {"symbol": "BTCUSDT", "side": "buy", "qty": "0.0101", "price": "20000"}
        answer = request(self.bridge.port, "POST", "/orders", json.dumps([dict(order, qty="0.01"), order]))
        self.assertEqual(answer.status, 207, answer)
        self.assertEqual(answer.json["items"][1]["status"], 422)
        self.delete(400, "/orders")
        self.delete(200, "/orders/doc-2")
        self.delete(200, "/orders/doc-2?wait=final")
        self.amend(409, "/orders/doc-2", {"price": "20003"})
        self.delete(404, "/orders/doc-3")
        self.post(201, symbol="BTCUSDT", side="buy", qty="0.01", price="20001", headers={"X-Client": "document"})
        self.assertGreaterEqual(len(self.delete(207, "/orders?all=true").json["items"]), 1)
        self.assertEqual(ORDERS - document.seen, set())

    def amend(self, status, target, change):
        answer = request(self.bridge.port, "PATCH", target, change)
        self.assertEqual(answer.status, status, answer)

    def patch(self, status, limits):
        answer = request(self.bridge.port, "PATCH", "/guard", limits)
        self.assertEqual(answer.status, status, answer)
        return answer.json

    def test_the_guard(self):
        everything = {"max_order_notional": "2000", "max_open_notional": 50000.5, "max_orders_per_minute": 60,
                      "symbols": ["BTCUSDT", "spot:ETHUSDT"], "categories": ["linear", "spot"], "max_leverage": "100",
                      "reduce_only_mode": False, "clients": {"grid": {"max_order_notional": 100}}}
        document.validate({"$ref": "#/components/schemas/GuardChange"}, everything, "PATCH /guard")
        guard = self.patch(200, everything)
        self.assertEqual(guard["limits"]["symbols"], ["spot:ETHUSDT", "linear:BTCUSDT"])
        self.patch(400, {"max_oder_notional": "1"})
        self.post(422, symbol="BTCUSDT", side="buy", qty="1")
        self.post(422, symbol="BTCUSDT", side="buy", qty="0.01", headers={"X-Client": "grid"})
        self.post(201, symbol="BTCUSDT", side="buy", qty="0.01", price="20000", client_id="doc-9")
        killed = self.post(200, "/guard/kill", reason="the document").json
        self.assertEqual([o["client_id"] for o in killed["kill"]["cancelled"]], ["doc-9"])
        self.assertEqual((killed["killed"], killed["clear"], killed["durable"], killed["reason"]),
                         (True, True, True, "the document"))
        self.post(422, symbol="BTCUSDT", side="buy", qty="0.01", price="20000")
        self.post(400, "/guard/arm", raeson="x")
        self.assertFalse(self.post(200, "/guard/arm").json["killed"])
        events = [e["data"]["change"] for e in self.get("/events?after=earliest").json["items"] if e["event"] == "guard"]
        self.assertEqual(events, ["limits", "killed", "clear", "armed"])
        self.get("/guard")
        self.assertEqual(GUARD - document.seen, set())

    def test_refusals(self):
        for status, target in ((400, "/ticker/BTC USDT".replace(" ", "%20")), (400, "/book/BTCUSDT?depth=0"),
                               (400, "/orders?stat=open"), (400, "/candles/BTCUSDT?interval=7m"), (404, "/ticker/BTCUSTD"),
                               (404, "/orders/none"), (404, "/nothing"), (404, "/errors/none"), (404, "/balance/NONE"),
                               (410, "/events?after=1-1"), (422, "/price/spot:BTCUSDT?of=mark"), (400, "/stream"),
                               (422, "/positions/spot:BTCUSDT"), (422, "/tickers?category=option"), (405, "/login")):
            answer = request(self.bridge.port, "GET", target)
            self.assertEqual(answer.status, status, (target, answer))
        request(self.bridge.port, "GET", "/book/BTCUSDT")
        until(lambda: request(self.bridge.port, "GET", "/book/BTCUSDT?max_age=0").status == 503)
        answer = request(self.bridge.port, "GET", "/version", headers={"Bridge-Expect-Env": "mainnet"})
        self.assertEqual(answer.status, 409, answer)

    def test_codes_stand_under_their_status(self):
        statuses = {e["code"]: str(e["status"]) for e in self.get("/errors").json["items"]}
        named = set()
        for path, method, operation in operations():
            for status, response in operation["responses"].items():
                if status[0] in "45" and "`" in (words := response.get("description", resolve(response)["description"])):
                    codes = set(words.split("`")[1::2]) & set(statuses)
                    named |= codes
                    self.assertLessEqual({statuses[code] for code in codes}, {status}, (method, path, status))
        self.assertGreater(len(named), 40)

    def test_without_an_exchange(self):
        """Nothing is loaded, and no key is known: what there is to say then has its members too."""
        self.bridge.stop()
        nowhere = "127.0.0.1:%d" % self.bridge.port
        self.bridge = Process(["--env", "sim", "--rest-url", "http://" + nowhere, "--ws-url", "ws://" + nowhere,
                               "--listen", "127.0.0.1:0", "--journal", self.journal])
        self.addCleanup(self._stop, self.bridge)
        status = self.get("/status").json
        self.assertEqual((status["keys"], status["journal"], status["engine"]), (False, None, None))
        for expected, target in ((503, "/health"), (503, "/readyz"), (503, "/ticker/BTCUSDT"), (503, "/symbols"),
                                 (502, "/tickers"), (401, "/orders"), (401, "/positions"), (401, "/events"), (401, "/account")):
            answer = request(self.bridge.port, "GET", target)
            self.assertEqual(answer.status, expected, (target, answer))

    def test_a_session(self):
        answer = request(self.bridge.port, "POST", "/login", {"token": TOKEN})
        self.assertEqual(answer.status, 400, answer)
        path = os.path.join(self.folder, "token")
        with open(path, "w", encoding="ascii") as file:
            file.write(TOKEN)
        os.chmod(path, 0o600)
        self.bridge.stop()
        bridge = self.embedded("--token-file", path, wait=False)
        self.assertEqual(request(bridge.port, "GET", "/version").status, 401)
        self.assertEqual(request(bridge.port, "POST", "/login", {"token": "wrong"}).status, 401)
        answer = request(bridge.port, "POST", "/login", {"token": TOKEN})
        self.assertEqual((answer.status, answer.json["role"]), (200, "trade"))
        self.assertEqual(request(bridge.port, "POST", "/logout").status, 204)
        self.assertEqual(SESSIONS - document.seen, set())

    def test_the_stream(self):
        self.post(201, symbol="BTCUSDT", side="buy", qty="0.01", price="20000", client_id="doc-0")
        option = self.option()
        feed = Feed(self.bridge.port, TOPICS.format(option))
        self.addCleanup(feed.close)
        feed.wait(lambda e: e["event"] == "hello")
        lines = Feed(self.bridge.port, "orders,positions,balance", last_id="1-1")  # of no journal
        self.addCleanup(lines.close)
        lines.wait(lambda e: e["event"] == "reset")
        self.trade()
        for name in ("order", "fill", "position", "balance", "ticker", "book", "trade", "candle", "status", "guard"):
            feed.wait(lambda e: e["event"] == name)
        feed.wait(lambda e: e["event"] == "book" and e["data"]["type"] == "delta")
        feed.wait(lambda e: e["event"] == "ticker" and e["data"]["category"] == "option")
        self.bridge.stop()
        feed.wait(lambda e: e["event"] == "bye")

    def test_the_stream_as_lines(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.bridge.port, timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", "/stream?topics=status,ticker:BTCUSDT,balance", headers={"Accept": "application/x-ndjson"})
        reply = connection.getresponse()
        seen = set()
        while not {"hello", "status", "ticker", "balance"} <= seen:
            line = reply.readline()
            document.check("GET", "/stream", 200, {k.lower(): v for k, v in reply.getheaders()}, line.decode())
            event = json.loads(line)
            document.check_event(event["event"], event["data"])
            seen.add(event["event"])
        self.assertIn(("stream", 200), document.seen)

    def test_writes_of_positions(self):
        path = "/positions/SOLUSDT"
        until(lambda: request(self.bridge.port, "GET", path).json["source"] == "stream")
        for method, query, body, status in (
                ("PUT", "?wait=filled", {"qty": "1"}, 201), ("PUT", "", {"qty": "0.00001"}, 422),
                ("PATCH", "", {"leverage": "9"}, 200), ("PATCH", "", {"leverage": "0"}, 422),
                ("DELETE", "?qty=1&percent=1", None, 422), ("DELETE", "?wait=filled", None, 201),
                ("DELETE", "", None, 200), ("PUT", "", {"qty": 0}, 200)):
            until(lambda: self.answers(method, path + query, body) == status)
        self.assertLessEqual(POSITIONS, document.seen)

    def answers(self, method, path, body):
        """Its status; None where the size is not sure for the moment."""
        answer = request(self.bridge.port, method, path, body)
        self.assertIn(answer.status, (200, 201, 422, 503), answer)
        return answer.status if answer.status != 503 else None

    def test_no_operation_goes_unseen(self):
        others = {o["operationId"] for _, m, o in operations() if m != "get"}
        self.assertEqual(others, {name for name, _ in ORDERS | SESSIONS | GUARD | POSITIONS if name != "guard"})


class Document(unittest.TestCase):
    """What can be said of the document alone."""

    def test_every_example_is_valid(self):
        checked = []

        def visit(node, where):
            if isinstance(node, list):
                for index, one in enumerate(node):
                    visit(one, "%s/%d" % (where, index))
            elif isinstance(node, dict):
                if "content" in node and isinstance(node["content"], dict):
                    for kind, media in node["content"].items():
                        self.check_media(node["content"], kind, media, where + "/" + kind, checked)
                elif "schema" in node and "example" in node and "in" in node:
                    document.validate(node["schema"], node["example"], where)
                    checked.append(where)
                elif isinstance(node.get("examples"), list) and ("type" in node or "$ref" in node):
                    for one in node["examples"]:
                        document.validate({k: v for k, v in node.items() if k != "examples"}, one, where)
                        checked.append(where)
                for name, one in node.items():
                    if name not in ("example", "examples"):
                        visit(one, where + "/" + name)

        visit(document.document(), "")
        self.assertGreater(len(checked), 60)

    def check_media(self, content, kind, media, where, checked):
        values = [media["example"]] if "example" in media else [e["value"] for e in media.get("examples", {}).values()]
        for value in values:
            if kind == "text/event-stream":
                self.check_stream(value)
            elif kind.endswith("json") or "form" in kind:
                document.validate(media["schema"], value, where)
            else:
                document.check_body(content, kind, value, where)
            checked.append(where)

    def check_stream(self, text):
        blocks = [block for block in text.split("\n\n") if "data: " in block]
        self.assertGreater(len(blocks), 3)
        for block in blocks:
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            document.check_event(fields["event"], json.loads(fields["data"]))
            self.assertEqual("id" in fields, fields["event"] in ("hello", "order", "fill"))

    def test_every_successful_answer_has_an_example(self):
        # Files, and what is the document itself.
        without = {"openapi_yaml", "openapi_json", "docs", "asset", "livez", "readyz"}
        for path, method, operation in operations():
            for status, response in operation["responses"].items():
                for kind, media in resolve(response).get("content", {}).items():
                    if (status[0] != "2" or operation["operationId"] in without or kind == "application/x-ndjson" or
                            kind == "text/html"):
                        continue
                    self.assertIn("example", media, "%s %s %s %s" % (method, path, status, kind))

    def test_objects_are_closed_and_their_members_always_there(self):
        absent = {"Order": {"native", "in_flight"}, "Problem": {"outcome", "retry", "upstream", "guard", "client_id", "request_id", "hint"}}
        seen = []

        def visit(node, name):
            if isinstance(node, list):
                for one in node:
                    visit(one, name)
            elif isinstance(node, dict):
                if "properties" in node and isinstance(node["properties"], dict) and node.get("type") == "object":
                    self.assertIs(node.get("additionalProperties"), False, name)
                    optional = absent.get(name, set()) if node is schemas[name] else set()
                    if name.startswith("Event"):
                        optional = {"dropped"} & set(node["properties"])
                    self.assertEqual(node["required"], [p for p in node["properties"] if p not in optional], name)
                    seen.append(name)
                for one in node.values():
                    visit(one, name)

        schemas = document.document()["components"]["schemas"]
        for name, schema in schemas.items():
            if name not in ("NewOrder", "OrderChange", "GuardChange", "GuardClientChange", "GuardReason",
                            "PositionTarget", "PositionSettings"):  # what is asked
                visit(schema, name)
        self.assertGreater(len(seen), 40)

    def test_answers_say_where_they_are(self):
        for path, method, operation in operations():
            for status, response in operation["responses"].items():
                headers = resolve(response).get("headers", {})
                self.assertIn("Bridge-Env", headers, (path, method, status))
                self.assertIn("X-Request-Id", headers, (path, method, status))


class Checker(unittest.TestCase):
    """What it must not let pass."""

    def setUp(self):
        operation = document.document()["paths"]["/fills"]["get"]["responses"]["200"]
        self.json = copy.deepcopy(operation["content"]["application/json"]["example"])
        self.csv = operation["content"]["text/csv"]["example"].replace("\n", "\r\n")
        self.headers = {"bridge-env": "sim", "x-request-id": "1", "bridge-as-of": "2026-01-02T03:04:05.678Z",
                        "bridge-source": "journal", "content-type": "application/json"}

    def check(self, status=200, target="/fills", body=None, method="GET", **headers):
        body = json.dumps(self.json) if body is None else body
        headers = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        document.check(method, target, status, {k: v for k, v in headers.items() if v is not None}, body)

    def refused(self, pattern, **more):
        with self.assertRaisesRegex(Undescribed, pattern):
            self.check(**more)

    def test_what_is_right_passes(self):
        self.check()
        self.check(target="/fills.json?limit=3")
        self.check(target="/fills.csv", body=self.csv, content_type="text/csv; charset=utf-8; header=present")
        self.check(target="/fills.ndjson", body=json.dumps(self.json["items"][0]) + "\n", content_type="application/x-ndjson")
        self.check(target="/fills.ndjson", body="", content_type="application/x-ndjson")

    def test_members(self):
        row = self.json["items"][0]
        for name, value in (("qty", 0.01), ("qty", "1e3"), ("at", "2026-01-02T03:04:05Z"), ("side", "Buy"), ("kind", None)):
            good, row[name] = row[name], value
            self.refused("/items/0/" + name)
            row[name] = good
        row["more"] = None
        self.refused("'more' was unexpected")
        del row["more"], row["tag"]
        self.refused("'tag' is a required property")

    def test_the_list(self):
        del self.json["next"]
        self.refused("'next' is a required property")

    def test_headers(self):
        self.refused("no header bridge-source", bridge_source=None)
        self.refused("header bridge-as-of", bridge_as_of="today")
        self.refused("header location is not described", location="/orders/1")

    def test_types_and_statuses(self):
        self.refused("type text/html is not described", content_type="text/html")
        self.refused("the status is not described", status=201)
        self.refused("the operation is not described", target="/nothing")
        self.refused("the operation is not described", method="PUT")
        self.refused("the operation is not described", target="/ticker/BTCUSDT/more")
        self.refused("", target="/ticker/BTCUSDT.csv")  # not a list

    def test_problems(self):
        problem = {"type": "/errors/busy", "title": "Busy", "status": 503, "detail": "", "code": "busy"}
        more = {"status": 503, "content_type": "application/problem+json", "bridge_source": None, "bridge_as_of": None}
        self.check(body=json.dumps(problem), **more)
        self.refused("code", body=json.dumps({**problem, "code": "lazy"}), **more)
        self.refused("type application/json", body=json.dumps(problem), **{**more, "content_type": "application/json"})

    def test_columns(self):
        kind = {"target": "/fills.csv", "content_type": "text/csv"}
        header, _, rest = self.csv.partition("\r\n")
        first, second, others = header.split(",", 2)
        self.refused("columns", body="%s,%s,%s\r\n%s" % (second, first, others, rest), **kind)
        self.refused("cells", body=self.csv.replace("\r\n", ",\r\n").replace(",\r\n", "\r\n", 1), **kind)

    def test_events(self):
        for name, data in (("fill", {}), ("bye", {"reason": "tired", "recv_at": 1}), ("party", {})):
            with self.assertRaises(Undescribed):
                document.check_event(name, data)


if __name__ == "__main__":
    unittest.main()
