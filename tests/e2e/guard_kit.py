"""What the tests of budget, guard and kill share: an exchange with its limits on, another client of the same account, what
the exchange saw, what the journal has."""
import collections
import hashlib
import hmac
import http.client
import json
import math
import os
import re
import sqlite3
import subprocess
import threading
import time
import urllib.parse
from contextlib import closing
from decimal import Decimal

import harness
from fault_proxy import FaultProxy, read_message
from harness import KEY, SECRET, Case, Process, request, until

OPEN = ("New", "PartiallyFilled", "Untriggered")
CREATE, CANCEL, CANCEL_ALL = "/v5/order/create", "/v5/order/cancel", "/v5/order/cancel-all"
# Rests far below the market, each a few dollars: (symbol as ours, order).
RESTING = {
    "linear": {"symbol": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.001", "price": "20000"},
    "spot": {"symbol": "spot:BTCUSDT", "side": "buy", "type": "limit", "qty": "0.001", "price": "20000"},
    "inverse": {"symbol": "inverse:BTCUSD", "side": "buy", "type": "limit", "qty": "10", "price": "20000"},
}


class Exchange:
    """Another program with the same key, straight at the exchange."""

    def __init__(self, port):
        self.port = port

    def call(self, method, path, fields):
        text = json.dumps(fields) if method == "POST" else urllib.parse.urlencode(fields)
        now = str(int(time.time() * 1000))
        sign = hmac.new(SECRET.encode(), (now + KEY + "5000" + text).encode(), hashlib.sha256).hexdigest()
        headers = {"X-BAPI-API-KEY": KEY, "X-BAPI-TIMESTAMP": now, "X-BAPI-RECV-WINDOW": "5000", "X-BAPI-SIGN": sign,
                   "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            if method == "POST":
                connection.request("POST", path, text, headers)
            else:
                connection.request("GET", path + "?" + text, headers=headers)
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if answer["retCode"] != 0:
            raise AssertionError("%s: %s" % (path, answer))
        return answer["result"]

    def rest(self, category, price="21000", symbol=None, link=None):
        """An order that rests, not made by the bridge."""
        ours = RESTING[category]
        fields = {"category": category, "symbol": symbol or ours["symbol"].split(":")[-1], "side": "Buy", "orderType": "Limit",
                  "qty": ours["qty"], "price": price}
        if link:
            fields["orderLinkId"] = link
        return self.call("POST", CREATE, fields)["orderId"]


class BanProxy(FaultProxy):
    """Between bridge and exchange: says in each 403 how long the ban still is. The exchange itself does not, and then it is
    taken for the documented ten minutes."""

    def __init__(self, case, ms):
        super().__init__(case.sim.port)
        self.case, self.ms, self.end = case, ms, 0
        case.addCleanup(self.close)

    def ban(self):
        self.end = time.monotonic() + self.ms / 1000
        self.case.sim_do("/sim/ban", {"ms": self.ms})

    def _exchange(self, client, upstream, request, back, fault):
        upstream.sendall(request)
        answer, back = read_message(upstream, back)
        head, _, rest = answer.partition(b"\r\n")
        if head.startswith(b"HTTP/1.1 403"):
            left_s = max(1, math.ceil(self.end - time.monotonic()))
            answer = head + b"\r\nRetry-After: %d\r\n" % left_s + rest
        client.sendall(answer)
        return back


class Line:
    """One connection that is kept, for many requests: no check of the answer against openapi.yaml, which takes long."""

    def __init__(self, port, headers=None, timeout=40):
        self.port, self.headers, self.timeout = port, headers or {}, timeout
        self.connection = None

    def ask(self, method, path, body=None):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        headers = dict(self.headers)
        if body is not None:
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        try:
            self.connection.request(method, path, body=body, headers=headers)
            reply = self.connection.getresponse()
            return harness.Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode())
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()


def once(port, method, path, body=None):
    """As request(), without the check against openapi.yaml."""
    with Line(port) as line:
        return line.ask(method, path, body)


def times_ms(answer):
    """(what the bridge itself took, waiting for its turn included; all of it); None: it did not wait for the exchange."""
    parts = {name: float(ms) for name, ms in re.findall(r"([a-z]+);dur=([\d.]+)", answer.headers.get("server-timing", ""))}
    if "total" not in parts or "upstream" not in parts:
        return None
    return parts["total"] - parts["upstream"], parts["total"]


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def in_threads(*works):
    """Runs all at once; the first failure is raised here."""
    failures = []

    def run(work):
        try:
            work()
        except BaseException as failure:  # for the caller to raise
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class GuardCase(Case):
    """`limits`: the exchange and the bridge keep to the documented limits."""

    with_sim = False
    limits = False
    speed = 1

    def setUp(self):
        super().setUp()
        options = ["sim", "--listen", "127.0.0.1:0", "--sim-control"] + ([] if self.limits else ["--no-limits"])
        self.sim = Process(options, {"BYBIT_SIM_KEY": KEY, "BYBIT_SIM_SECRET": SECRET})
        self.addCleanup(self._stop, self.sim)
        self.exchange = Exchange(self.sim.port)

    def start(self, *options, rest_port=None, ws_port=None, env=None, wait=True, stderr=None):
        """Unlike Case.start, without --no-limits when the limits are on."""
        rest_port = rest_port or self.sim.port
        bridge = Process(
            ["--env", "sim", "--rest-url", "http://127.0.0.1:%d" % rest_port, "--ws-url",
             "ws://127.0.0.1:%d" % (ws_port or rest_port), "--listen", "127.0.0.1:0", "--journal", self.journal,
             "--speed", str(self.speed), *([] if self.limits else ["--no-limits"]), *options],
            {"BYBIT_API_KEY": KEY, "BYBIT_API_SECRET": SECRET, **(env or {})}, stderr=stderr)
        self.addCleanup(self._stop, bridge)
        if wait:
            self.wait_ready(bridge)
            until(lambda: self.guard(bridge)["counts"]["open_notional"] is not None)  # else limits of it refuse all
        return bridge

    # --- the guard ---

    def guard(self, bridge):
        """GET /guard, and what it says of a kill beside the rest."""
        answer = request(bridge.port, "GET", "/guard")
        self.assertEqual(answer.status, 200, answer)
        return dict(answer.json, **(answer.json["kill"] or {}))

    def patch(self, bridge, rules, status=200):
        answer = request(bridge.port, "PATCH", "/guard", rules)
        self.assertEqual(answer.status, status, answer)
        return answer

    def counts(self, bridge, client=None):
        """What is counted now, for all callers or for one that has limits."""
        counts = self.guard(bridge)["counts"]
        counts = counts["clients"][client] if client else counts
        if counts["open_notional"] is None:
            raise AssertionError("positions are not known")
        return {"open_notional": Decimal(counts["open_notional"]), "orders_last_minute": counts["orders_last_minute"]}

    # --- what the exchange has ---

    def seen(self, path=None):
        """Writes that came to the exchange, oldest first (the newest 4096)."""
        return self.sim_get("/sim/requests" + ("?path=" + path if path else ""))["list"]

    def seen_links(self):
        return {r["orderLinkId"] for r in self.seen(CREATE)}

    def there(self):
        """All orders at the exchange by id."""
        return {o["orderId"]: o for o in self.sim_get("/sim/orders")["list"]}

    def open_there(self):
        return {i: o for i, o in self.there().items() if o["orderStatus"] in OPEN}

    def refusals_there(self):
        """How often the exchange said "too many": (10006, 403)."""
        stats = self.sim_get("/sim/stats")
        return sum(stats["limited"].values()), sum(stats["forbidden"].values())

    # --- what the journal has ---

    def read_journal(self):
        """To be closed: one that stays open while a bridge stops and another starts is left with files that are gone."""
        return sqlite3.connect("file:%s?mode=ro" % self.journal, uri=True)

    def rows(self):
        """Orders in the journal by link (external ones without a link: by order id)."""
        with closing(self.read_journal()) as db:
            db.row_factory = sqlite3.Row
            return {row["link"] or row["order_id"]: dict(row) for row in db.execute("select * from orders")}

    def differences(self):
        """Where journal and exchange do not agree on orders and fills."""
        there = {o["orderLinkId"] or i: o for i, o in self.there().items()}
        executions = {(e["orderId"], e["execId"]) for e in self.sim_get("/sim/executions")["list"]}
        rows = self.rows()
        with closing(self.read_journal()) as db:
            fills = [tuple(row) for row in db.execute("select order_id, exec_id from fills")]
        found = collections.defaultdict(list)
        for name, order in there.items():
            row = rows.get(name)
            state = "live" if order["orderStatus"] in OPEN else "closed"
            if not row:
                found["not in the journal"].append(name)
            elif row["state"] != state or row["order_id"] != order["orderId"]:
                found["not alike"].append((name, row["state"], order["orderStatus"]))
        for name, row in rows.items():
            if name not in there and row["state"] not in ("not_sent", "never_accepted", "rejected"):
                found["not there"].append((name, row["state"]))
        if len(fills) != len(set(fills)) or set(fills) != executions:
            found["fills"] = [len(fills), len(set(fills)), len(executions)]
        return dict(found)

    def check_alike(self, bridge, timeout=30):
        deadline = time.monotonic() + timeout
        while True:
            found = self.differences()
            if not found:
                return
            if time.monotonic() > deadline:
                raise AssertionError("%s\n%s" % (found, bridge.stderr()[-3000:]))
            time.sleep(0.2)

    # --- orders ---

    def place(self, bridge, category="linear", status=201, headers=None, **fields):
        answer = request(bridge.port, "POST", "/orders", dict(RESTING[category], **fields), headers)
        self.assertEqual(answer.status, status, answer)
        return answer.json

    def refused(self, bridge, limit, headers=None, **fields):
        """A create that the guard refuses: the problem. The exchange sees nothing of it, the journal has no row."""
        fields = dict(RESTING["linear"], **fields)
        answer = request(bridge.port, "POST", "/orders", fields, headers)
        self.assertEqual((answer.status, answer.json.get("code")), (422, "guard_" + limit), answer)
        problem = answer.json
        self.assertEqual(problem["outcome"], "not_sent", answer)
        if "client_id" in fields:
            self.assertNotIn(fields["client_id"], self.seen_links())
            self.assertNotIn(fields["client_id"], self.rows())
        return problem


def slow_disk_library():
    """A library that makes each sync take long while a file says so; None: not built."""
    path = os.environ.get("SLOW_DISK") or os.path.join(os.path.dirname(harness.BRIDGE), "tests", "e2e", "libslow_disk.so")
    return os.path.abspath(path) if os.path.exists(path) else None


def skewed_clock(skew_s):
    """What makes a bridge see a wall clock that is wrong by so much."""
    path = os.path.join(os.path.dirname(harness.BRIDGE), "tests", "e2e", "libskewed_clock.so")
    if not skew_s or not os.path.exists(path):
        return {}
    return {"LD_PRELOAD": os.path.abspath(path), "CLOCK_SKEW_S": str(skew_s),
            "ASAN_OPTIONS": ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))}


class SlowDisk:
    """Each sync of a bridge that was started with `env` takes `ms` between slow() and fast()."""

    def __init__(self, folder):
        self.switch = os.path.join(folder, "slow")
        self.env = {"LD_PRELOAD": slow_disk_library() or "", "SLOW_DISK_SWITCH": self.switch,
                    # A sanitizer's library need not be the first.
                    "ASAN_OPTIONS": ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))}

    def slow(self, ms):
        with open(self.switch + ".new", "w", encoding="ascii") as file:
            file.write(str(ms))
        os.rename(self.switch + ".new", self.switch)

    def fast(self):
        try:
            os.unlink(self.switch)
        except FileNotFoundError:
            pass


def run_bridge(*args, timeout=60):
    """A command of the bridge's program: what it ended with."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BYBIT_")}
    return subprocess.run([harness.BRIDGE, *args], env=environment, capture_output=True, text=True, timeout=timeout)


__all__ = ["CANCEL", "CANCEL_ALL", "CREATE", "OPEN", "RESTING", "BanProxy", "Exchange", "GuardCase", "Line", "SlowDisk", "in_threads",
           "once", "percentile", "request", "run_bridge", "skewed_clock", "slow_disk_library", "times_ms", "until"]
