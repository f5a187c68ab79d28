"""What operations look at: /metrics, /status, Server-Timing, logs."""
import json
import math
import re
import sqlite3
import threading
import unittest

from harness import Case, Feed, KEY, SECRET, request, until

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
PLAIN_LABEL = re.sub(r"\((?!\?)", "(?:", LABEL)
SAMPLE = re.compile(r"(%s)(?:\{(%s(?:,%s)*)\})? (\S+)\Z" % (NAME, PLAIN_LABEL, PLAIN_LABEL))
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def parse(text):
    """The text format 0.0.4, strictly: {(name, labels): value}, {family: type}."""
    if not text.endswith("\n"):
        raise AssertionError("the last line does not end")
    samples, types, helps, done, family = {}, {}, set(), set(), None
    for line in text[:-1].split("\n"):
        head = re.match(r"# (HELP|TYPE) (%s) (.+)\Z" % NAME, line)
        if head:
            kind, name, rest = head.groups()
            if kind == "HELP":
                if name in helps:
                    raise AssertionError("second HELP: " + line)
                if family:
                    done.add(family)
                family = name
                helps.add(name)
            else:
                if name in types or name != family or rest not in ("counter", "gauge", "histogram"):
                    raise AssertionError("misplaced TYPE: " + line)
                types[name] = rest
            continue
        found = SAMPLE.match(line)
        if not found:
            raise AssertionError("no sample: %r" % line)
        name, labels, value = found.group(1), found.group(2) or "", float(found.group(3))
        base = name
        if types.get(family) == "histogram":
            base = re.sub(r"_(bucket|sum|count)\Z", "", name)
        if base != family or family not in types or family in done:
            raise AssertionError("outside its family: " + line)
        pairs = re.findall(LABEL, labels)
        if len({key for key, _ in pairs}) != len(pairs):
            raise AssertionError("a label twice: " + line)
        series = (name, tuple(sorted(pairs)))
        if series in samples:
            raise AssertionError("a series twice: " + line)
        if types[family] == "counter" and (value < 0 or not name.endswith("_total")):
            raise AssertionError("no counter: " + line)
        samples[series] = value
    for family in [name for name, kind in types.items() if kind == "histogram"]:
        check_histograms(samples, family)
    return samples, types


def check_histograms(samples, family):
    sets = {}
    for (name, labels), value in samples.items():
        if name == family + "_bucket":
            bound = float(dict(labels)["le"])
            sets.setdefault(tuple(pair for pair in labels if pair[0] != "le"), []).append((bound, value))
    for labels, buckets in sets.items():
        bounds = [bound for bound, _ in buckets]
        counts = [count for _, count in buckets]
        if bounds != sorted(set(bounds)) or bounds[-1] != math.inf or counts != sorted(counts):
            raise AssertionError("%s %s: %s" % (family, labels, buckets))
        if counts[-1] != samples[(family + "_count", labels)] or (family + "_sum", labels) not in samples:
            raise AssertionError("%s %s: +Inf is not the count" % (family, labels))
    count = [name for name, _ in samples if name == family + "_count"]
    if len(count) != len(sets):
        raise AssertionError(family + ": a count without buckets")


class Operations(Case):
    def metrics(self, bridge):
        answer = request(bridge.port, "GET", "/metrics")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers["content-type"], CONTENT_TYPE)
        return parse(answer.body)[0]

    def value(self, samples, name, **labels):
        return samples.get(("bybit_bridge_" + name, tuple(sorted(labels.items()))), 0)

    def read(self, bridge, name, **labels):
        return self.value(self.metrics(bridge), name, **labels)

    def status(self, bridge):
        answer = request(bridge.port, "GET", "/status")
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def link(self, bridge, name):
        return next(link for link in self.status(bridge)["links"] if link["link"] == name)

    def limit_order(self, bridge, client_id):
        price = float(self.price(bridge)) * 0.9
        return request(bridge.port, "POST", "/orders", {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01",
                                                        "type": "limit", "price": "%d" % price,
                                                        "client_id": client_id})


class Metrics(Operations):
    def test_the_format_is_strict_and_values_move(self):
        bridge = self.start()
        first = self.metrics(bridge)
        self.assertEqual(self.value(first, "ready"), 1)
        create = dict(method="POST", path="/orders", status="2xx")
        self.assertEqual(self.value(first, "http_requests_total", **create), 0)
        self.assertEqual(self.value(first, "orders", state="open"), 0)
        self.assertEqual(self.limit_order(bridge, "m-1").status, 201)
        self.wait_state(bridge, "m-1", "open")
        request(bridge.port, "GET", "/nowhere")
        request(bridge.port, "GET", "/livez", headers={"Host": "evil.example"})
        until(lambda: self.read(bridge, "orders", state="open") == 1)
        second = self.metrics(bridge)
        self.assertEqual(self.value(second, "http_requests_total", **create), 1)
        self.assertEqual(self.value(second, "http_refused_total", code="misdirected"), 1)
        self.assertGreaterEqual(self.value(second, "http_requests_total", method="other", path="other",
                                           status="4xx"), 1)
        route = dict(route="/v5/order/create", outcome="ok")
        self.assertEqual(self.value(second, "upstream_requests_total", **route), 1)
        self.assertEqual(self.value(second, "upstream_request_duration_seconds_count", **route), 1)
        self.assertGreater(self.value(second, "upstream_request_duration_seconds_sum", **route), 0)
        self.assertGreater(self.value(second, "journal_commit_duration_seconds_count", synced="true"),
                           self.value(first, "journal_commit_duration_seconds_count", synced="true"))
        self.assertGreater(self.value(second, "journal_rows_total"), self.value(first, "journal_rows_total"))
        self.assertGreater(self.value(second, "http_own_duration_seconds_count"),
                           self.value(first, "http_own_duration_seconds_count"))
        self.assertGreater(self.value(second, "link_delay_seconds_count", link="private"), 0)
        self.assertEqual(self.value(second, "clock_synced"), 1)
        self.assertLess(self.value(second, "clock_bound_seconds"), 5)
        self.assertGreater(self.value(second, "upstream_window_limit", route="/v5/order/create",
                                      category="linear"), 0)
        for key, value in first.items():
            if key[0].endswith(("_total", "_count", "_bucket")):
                self.assertGreaterEqual(second[key], value, key)

    def test_each_link_is_in_one_state(self):
        bridge = self.start()
        self.price(bridge)
        until(lambda: self.read(bridge, "link_state", link="public.linear", state="connected") == 1)
        until(lambda: self.read(bridge, "link_delay_seconds_count", link="public.linear") > 0)
        states = {}
        for (name, labels), value in self.metrics(bridge).items():
            if name == "bybit_bridge_link_state":
                states.setdefault(dict(labels)["link"], []).append(value)
        self.assertEqual(sorted(states), ["private", "public.inverse", "public.linear", "public.option",
                                          "public.spot", "rest"])
        for link, values in states.items():
            self.assertEqual(sorted(values), [0, 0, 0, 0, 1], link)

    def test_readers_are_counted(self):
        bridge = self.start()
        feed = Feed(bridge.port, "orders")
        until(lambda: self.read(bridge, "stream_readers") == 1)
        self.assertEqual(self.read(bridge, "http_requests_total", method="GET", path="/stream", status="2xx"), 1)
        feed.close()

        def gone():
            """A reader that sleeps is found gone when there is something to write."""
            request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.01&type=market")
            return self.read(bridge, "stream_readers") == 0

        until(gone)

    def test_the_process_is_described(self):
        bridge = self.start()
        samples = self.metrics(bridge)
        for name in ("resident_memory_bytes", "virtual_memory_bytes", "open_fds", "max_fds", "threads",
                     "cpu_seconds_total", "start_time_seconds"):
            self.assertGreater(samples[("process_" + name, ())], 0, name)
        build = next(dict(labels) for name, labels in samples if name == "bybit_bridge_build_info")
        self.assertEqual(build["env"], "sim")
        for library in ("libcurl", "libmicrohttpd", "libwebsockets", "openssl", "sqlite"):
            self.assertRegex(build[library], r"\A\d+\.\d+")

    def test_names_from_outside_make_no_series(self):
        bridge = self.start()
        self.metrics(bridge)
        before = set(self.metrics(bridge))
        for i in range(20):
            request(bridge.port, "GET", "/orders/x%d" % i, headers={"X-Client": "c%d" % i})
            request(bridge.port, "GET", "/price/NO%dUSDT" % i)
        names = {series for series in set(self.metrics(bridge)) - before if series[0].endswith("requests_total")}
        self.assertLessEqual(len(names), 4, names)

    def test_a_lost_answer_is_told_apart(self):
        bridge = self.start()
        self.sim_do("/sim/fault", {"path": "/v5/order/create", "mode": "drop_after", "count": 1})
        self.limit_order(bridge, "m-lost")
        until(lambda: self.read(bridge, "upstream_requests_total", route="/v5/order/create", outcome="lost") == 1)


class Status(Operations):
    def test_all_members_are_there(self):
        bridge = self.start()
        self.limit_order(bridge, "s-1")
        status = self.status(bridge)
        self.assertEqual(status["env"], "sim")
        self.assertIsNone(status["site"])
        self.assertTrue(status["ready"])
        self.assertGreaterEqual(status["uptime_s"], 0)
        self.assertEqual([link["link"] for link in status["links"]],
                         ["rest", "public.spot", "public.linear", "public.inverse", "public.option", "private"])
        for link in status["links"]:
            self.assertEqual(set(link), {"link", "state", "since", "age_ms", "sockets", "reconnects", "topics", "lossy_books",
                                         "unreadable", "delay_p50_us", "delay_p99_us"})
        self.assertTrue(status["clock"]["synced"])
        self.assertGreaterEqual(status["clock"]["bound_ms"], 0)
        self.assertGreaterEqual(status["clock"]["sample_age_ms"], 0)
        window = next(w for w in status["budget"]["windows"]
                      if (w["route"], w["category"]) == ("/v5/order/create", "linear"))
        self.assertGreater(window["limit"], 0)
        self.assertLessEqual(window["left"], window["limit"])
        self.assertLess(status["budget"]["ip_left"], status["budget"]["ip_limit"])
        self.assertIsNone(status["budget"]["banned_until"])
        self.assertEqual(status["journal"]["path"], self.journal)
        self.assertEqual(status["journal"]["state"], "open")
        self.assertGreater(status["journal"]["file_bytes"], 0)
        self.assertIsNotNone(status["journal"]["last_commit_at"])
        self.assertIn("http://127.0.0.1:%d" % bridge.port, status["server"]["listen"])
        self.assertIs(status["server"]["read_only"], False)
        self.assertEqual(status["server"]["tokens"], {"read": False, "trade": False, "admin": False})
        self.assertGreater(status["process"]["rss_bytes"], 0)
        text = json.dumps(status)
        self.assertNotIn(KEY, text)
        self.assertNotIn(SECRET, text)

    def test_a_frozen_feed_shows_in_the_ages(self):
        bridge = self.start()
        self.price(bridge)
        until(lambda: self.link(bridge, "public.linear")["age_ms"] is not None)
        self.assertLess(self.link(bridge, "public.linear")["age_ms"], 2000)
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "public"})
        until(lambda: self.link(bridge, "public.linear")["state"] in ("stale", "down", "connecting"))
        last = self.link(bridge, "public.linear")["age_ms"]
        until(lambda: self.link(bridge, "public.linear")["age_ms"] > last)
        self.assertGreater(self.read(bridge, "link_data_age_seconds", link="public.linear"), 0.2)

    def test_a_stuck_journal_shows_its_lag(self):
        bridge = self.start()
        self.price(bridge)
        self.assertEqual(self.status(bridge)["journal"]["lag_ms"], 0)
        other = sqlite3.connect(self.journal, isolation_level=None, check_same_thread=False)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        sender = threading.Thread(target=self.limit_order, args=(bridge, "s-lag"))
        sender.start()
        try:
            until(lambda: self.status(bridge)["journal"]["lag_ms"] > 300)
            self.assertGreaterEqual(self.status(bridge)["journal"]["waiting_rows"], 1)
            self.assertGreater(self.read(bridge, "journal_lag_seconds"), 0.3)
            until(lambda: self.read(bridge, "journal_down") == 1)
            self.assertGreaterEqual(self.read(bridge, "journal_commit_failures_total"), 1)
            self.assertEqual(self.status(bridge)["journal"]["state"], "down")
        finally:
            other.execute("ROLLBACK")
            sender.join()
        until(lambda: self.status(bridge)["journal"]["lag_ms"] == 0 and self.read(bridge, "journal_down") == 0)


class Timing(Operations):
    def parts(self, answer):
        parts = {}
        for part in answer.headers["server-timing"].split(", "):
            name, duration = re.fullmatch(r"([a-z]+);dur=(\d+\.\d{3})", part).groups()
            parts[name] = float(duration)
        return parts

    def test_an_order_says_where_its_time_went(self):
        bridge = self.start()
        self.price(bridge)
        links = ("t-%d" % i for i in range(1000))

        def answered():
            """The private stream can be quicker than the answer: then nobody waited for that."""
            link = next(links)
            parts = self.parts(self.limit_order(bridge, link))
            return "upstream" in parts and (link, parts)

        def cancelled():
            link = next(links)
            self.limit_order(bridge, link)
            parts = self.parts(request(bridge.port, "DELETE", "/orders/" + link))
            return "upstream" in parts and parts

        link, parts = until(answered)
        self.assertEqual(list(parts)[0], "total")
        total = parts.pop("total")
        self.assertLessEqual({"queue", "journal", "sign", "upstream"}, set(parts))
        self.assertLessEqual(sum(parts.values()), total)
        again = self.parts(self.limit_order(bridge, link))
        self.assertNotIn("upstream", again)
        self.assertNotIn("journal", until(cancelled))

    def test_what_did_not_wait_says_nothing(self):
        bridge = self.start()
        first = [request(bridge.port, "GET", "/price/" + symbol) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "spot:ETHUSDT")]
        waited = [self.parts(answer) for answer in first if "server-timing" in answer.headers]  # a stream may be quicker
        self.assertTrue([parts for parts in waited if "upstream" in parts], first)
        until(lambda: request(bridge.port, "GET", "/price/BTCUSDT").headers["bridge-source"] == "stream")
        self.assertNotIn("server-timing", request(bridge.port, "GET", "/price/BTCUSDT").headers)
        self.assertNotIn("server-timing", request(bridge.port, "GET", "/status").headers)

        def listed():
            """The journal's reader can be quicker than the handler's return: then nobody waited."""
            answer = request(bridge.port, "GET", "/orders?state=all")
            return "server-timing" in answer.headers and answer

        self.assertIn("total", self.parts(until(listed)))


class Logs(Operations):
    def lines(self, bridge):
        return bridge.stderr().splitlines()

    def test_json_lines_name_the_request(self):
        bridge = self.start("--log-format", "json", "--log-level", "debug")
        answer = request(bridge.port, "GET", "/orders/some-secret-word?wait=final&timeout=1s",
                         headers={"X-Client": "robot-7", "Authorization": "Bearer hush"})
        wanted = answer.headers["x-request-id"]

        def lines():
            return [entry for entry in map(json.loads, self.lines(bridge)) if entry.get("request") == wanted]

        line = until(lines)[0]
        self.assertEqual((line["module"], line["level"]), ("http", "debug"))
        self.assertEqual((line["method"], line["path"], line["status"], line["client"]),
                         ("GET", "/orders/{id}", "404", "robot-7"))
        self.assertGreaterEqual(int(line["us"]), 0)
        for entry in map(json.loads, self.lines(bridge)):
            self.assertRegex(entry["ts"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
            self.assertLessEqual({"ts", "level", "module", "msg"}, set(entry))
        for secret in (SECRET, KEY, "hush", "some-secret-word", "timeout"):
            self.assertNotIn(secret, bridge.stderr())

    def test_requests_are_not_logged_unless_asked_for(self):
        bridge = self.start()
        self.assertEqual(self.limit_order(bridge, "l-1").status, 201)
        self.assertNotIn("http: request", bridge.stderr())
        for line in self.lines(bridge):
            self.assertRegex(line, r"\A\S+Z (info|warn|error) [a-z_]+: ")


class Parser(unittest.TestCase):
    """The parser itself refuses what is wrong."""

    head = "# HELP a_total x\n# TYPE a_total counter\n"

    def test_it_is_strict(self):
        self.assertEqual(parse(self.head + 'a_total{b="c"} 1\n')[0], {("a_total", (("b", "c"),)): 1})
        histogram = "# HELP h x\n# TYPE h histogram\n"
        for wrong in ("a_total 1\n", self.head + "a_total 1", self.head + "a_total 1\na_total 2\n",
                      self.head + "b_total 1\n", self.head + "a_total -1\n", self.head + 'a_total{b=c} 1\n',
                      self.head + 'a_total{b="c",b="d"} 1\n', self.head + self.head, self.head + "\n",
                      self.head + "a_total one\n", "# TYPE a_total counter\na_total 1\n",
                      histogram + 'h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
                      histogram + 'h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n',
                      histogram + 'h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n', histogram + "h_count 2\n"):
            with self.assertRaises((AssertionError, ValueError, KeyError), msg=wrong):
                parse(wrong)


if __name__ == "__main__":
    unittest.main()
