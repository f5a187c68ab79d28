"""The gate's whole table over plain TCP against the real executable; "nothing" is checked at the exchange and in the journal.

test_gate_unix.py runs the same over the unix socket.
"""
import glob
import json
import os
import re
import resource
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from harness import BRIDGE, KEY, SECRET, Process, request, until

HOST = "Host: 127.0.0.1\r\n"
LIVE = "GET /livez HTTP/1.1\r\n" + HOST + "\r\n"
ORDER = '{"symbol":"BTCUSDT","side":"buy","qty":"0.01","type":"market"}'
SLOW_BUILD = any(word in BRIDGE for word in ("asan", "tsan", "coverage"))


class Reply:
    """All that a connection said, and whether it ended."""

    def __init__(self, data, closed):
        self.data, self.closed = data, closed
        found = re.match(rb"HTTP/1\.1 (\d+)", data)
        self.status = int(found.group(1)) if found else None
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.headers = {}
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            self.headers[name.decode("latin1").lower()] = value.decode("latin1").strip()

    @property
    def good(self):
        """How many requests were let in."""
        return len(re.findall(rb"HTTP/1\.1 2\d\d ", self.data))

    def __repr__(self):
        return "%s closed=%s %r" % (self.status, self.closed, self.data[-300:])


def raw_connect(port, timeout=5.0):
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def unix_connect(path, timeout=5.0):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    connection.connect(path)
    return connection


def read_all(connection, timeout):
    """Until the end, or until nothing has come for `timeout`."""
    data = b""
    connection.settimeout(timeout)
    while True:
        try:
            piece = connection.recv(65536)
        except socket.timeout:
            return Reply(data, False)
        except OSError:
            return Reply(data, True)
        if not piece:
            return Reply(data, True)
        data += piece


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin1")


def post(body=ORDER, headers="", path="/orders", kind="application/json", host=HOST):
    body = as_bytes(body)
    head = "POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n%s%s\r\n" % (
        path, host, len(body), "Content-Type: %s\r\n" % kind if kind else "", headers)
    return as_bytes(head) + body


def get(path, headers="", method="GET", version="HTTP/1.1", host=HOST):
    return "%s %s %s\r\n%s%s\r\n" % (method, path, version, host, headers)


class Gate(unittest.TestCase):
    """One exchange and one bridge for the whole table."""

    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
        cls.folder = tempfile.mkdtemp(prefix="bridge-gate-")
        cls.journal = os.path.join(cls.folder, "journal", "gate.db")
        cls.unix_socket = os.path.join(cls.folder, "run", "bridge.sock")
        cls.said = []
        cls.sim = Process(["sim", "--listen", "127.0.0.1:0", "--sim-control", "--no-limits"],
                          {"BYBIT_SIM_KEY": KEY, "BYBIT_SIM_SECRET": SECRET})
        cls.bridge = Process(
            ["--env", "sim", "--rest-url", "http://127.0.0.1:%d" % cls.sim.port, "--ws-url",
             "ws://127.0.0.1:%d" % cls.sim.port, "--listen", "127.0.0.1:0", "--journal", cls.journal, "--no-limits",
             "--log-level", "debug", "--unix-socket", cls.unix_socket,
             "--allow-origin", "http://pages.example:3000", "--allow-host", "bridge.example"],
            {"BYBIT_API_KEY": KEY, "BYBIT_API_SECRET": SECRET})
        until(lambda: request(cls.bridge.port, "GET", "/readyz").status == 200, 20)

    @classmethod
    def tearDownClass(cls):
        cls.check_secrets()
        stderr_path = cls.bridge.stderr_path
        try:
            cls.bridge.stop()
        finally:
            cls.sim.stop()
            shutil.rmtree(cls.folder, ignore_errors=True)
            if os.path.exists(stderr_path):
                os.unlink(stderr_path)

    @classmethod
    def check_secrets(cls):
        """The canary is in none of the replies; the harness looks at the rest."""
        harness.check_canaries({"replies": b"\n".join(cls.said)}, [SECRET, KEY])
        assert len(cls.bridge.stderr()) > 1000 and len(cls.said) > 20
        assert len(glob.glob(cls.journal + "*")) > 1, os.listdir(os.path.dirname(cls.journal))

    def connect(self, timeout=5.0):
        return raw_connect(self.bridge.port, timeout)

    # What curl needs to come the same way.
    CURL = []

    def setUp(self):
        self.creates, self.rows = self.at_exchange(), self.in_journal()
        self.orders_wanted = 0

    def tearDown(self):
        """What no test let in has reached neither the exchange nor the journal."""
        self.assertEqual(self.at_exchange() - self.creates, self.orders_wanted)
        self.assertEqual(self.in_journal() - self.rows, self.orders_wanted)

    def at_exchange(self):
        stats = request(self.sim.port, "GET", "/sim/stats").json["requests"]
        return sum(count for path, count in stats.items() if path.startswith("/v5/order/") and
                   path.rsplit("/", 1)[1].split("-")[0] in ("create", "cancel", "amend"))

    def in_journal(self):
        with sqlite3.connect("file:%s?mode=ro" % self.journal, uri=True) as db:
            return db.execute("select count(*) from orders").fetchone()[0]

    def send(self, data, timeout=5.0):
        """Sends it all, and reads what comes back until the end."""
        connection = self.connect()
        try:
            try:
                connection.sendall(as_bytes(data))
            except BrokenPipeError:
                pass  # the answer was there earlier than the end of the request
            reply = read_all(connection, timeout)
        finally:
            connection.close()
        self.said.append(reply.data)
        return reply

    def refused(self, data, status, code=None):
        """The gate's refusal: one answer, ours, and the connection ends."""
        reply = self.send(data)
        self.assertEqual((reply.status, reply.closed, reply.good), (status, True, 0), (data, reply))
        if code:
            self.assertEqual(json.loads(reply.body)["code"], code, reply)
            self.check_common(reply)
        return reply

    def check_common(self, reply):
        """G18 and G19: what every answer carries."""
        self.assertRegex(reply.headers.get("x-request-id", ""), "^[0-9a-f]{18}$", reply)
        self.assertEqual(reply.headers.get("x-content-type-options"), "nosniff", reply)
        self.assertEqual(reply.headers.get("cross-origin-resource-policy"), "same-origin", reply)
        self.assertEqual(reply.headers.get("x-frame-options"), "DENY", reply)
        self.assertEqual(reply.headers.get("cache-control"), "no-store", reply)
        self.assertNotIn("access-control-allow-origin", reply.headers, reply)

    def answered(self, data, status, code=None):
        """A wrong value that the gate let through: the connection may live on."""
        reply = self.send(data, timeout=1.0 if "Connection: close" not in str(data) else 5.0)
        self.assertEqual(reply.status, status, (data, reply))
        if code:
            self.assertEqual(json.loads(reply.body)["code"], code, reply)
        return reply

    CLOSE = "Connection: close\r\n"

    # --- Host (G5) ---

    def test_g05_no_host_two_hosts_and_a_folded_host_are_refused(self):
        self.refused("GET /livez HTTP/1.1\r\n\r\n", 400, "bad_request")
        self.refused("GET /livez HTTP/1.1\r\n" + HOST + HOST + "\r\n", 400, "bad_request")
        self.refused("GET /livez HTTP/1.1\r\n" + HOST + "HOST: localhost\r\n\r\n", 400, "bad_request")
        self.refused("GET /livez HTTP/1.1\r\nHost:\r\n 127.0.0.1\r\n\r\n", 400, "bad_request")
        self.refused("GET /livez HTTP/1.1\r\nHost: \r\n\r\n", 400)
        self.refused("GET /livez HTTP/1.1\r\nHost:\r\n\r\n", 400)

    def test_g05_other_hosts_are_misdirected(self):
        for host in ("evil.example", "127.0.0.1.nip.io:%d", "x.localhost:%d", "0.0.0.0:%d", "127.0.0.1:%d.",
                     "u@127.0.0.1:%d", "localhost.", "[::1", "[::1]x", "[::ffff:127.0.0.1]", "127.1", "2130706433",
                     "localhost, evil.example", "localhost:", "localhost:123456", "bridge.example.evil", "[127.0.0.1]"):
            host = host % self.bridge.port if "%d" in host else host
            self.refused(get("/livez", host="Host: %s\r\n" % host), 421, "misdirected")

    def test_g05_own_names_are_answered_with_any_port(self):
        for host in ("LOCALHOST:%d" % self.bridge.port, "[::1]:%d" % self.bridge.port, "127.0.0.1", "localhost:1",
                     "bridge.example:80"):
            self.answered(get("/livez", self.CLOSE, host="Host: %s\r\n" % host), 200)

    # --- head, method, path, query (G4, G6, G9, G10) ---

    def test_g04_bad_heads_are_refused(self):
        many = "".join("X-%d: a\r\n" % n for n in range(64))
        for headers, status in (("Na me: a\r\n", 400), ("Name : a\r\n", 400), ("Na\x80me: a\r\n", 400), ("X: a\x01b\r\n", 400),
                                ("X: a\x7f\r\n", 400), ("X: a\0b\r\n", 400), ("X: a\rb: c\r\n", 400), ("X: a\r\n b\r\n", 400),
                                ("A:b\r\nB:b\r\nX: a\0b\r\n", 400), ("A:b\r\nB:b\r\nC:c\r\nD:d\r\nX: a\r\n b\r\n", 400),
                                ("X\r\n", 400), ("X: a\n", 400), (many, 431), ("X: " + "a" * 17000 + "\r\n", 431),
                                ("X: " + "a" * 60000 + "\r\n", 431)):
            self.refused(get("/livez", headers), status)
        self.refused("GET /livez HTTP/1.1\nHost: 127.0.0.1\n\n", 400)
        self.answered(get("/livez", self.CLOSE + "".join("X-%d: a\r\n" % n for n in range(62))), 200)
        self.answered(get("/livez", self.CLOSE + "Empty:\r\nTab: a\tb\r\nX: " + "a" * 15000 + "\r\n"), 200)

    def test_g06_methods_that_are_not_served_are_refused(self):
        for method in ("TRACE", "CONNECT", "OPTIONS", "PROPFIND", "get", "PRI"):
            reply = self.refused(get("/livez", method=method), 405, "method_not_allowed")
            self.assertIn("GET", reply.headers["allow"])
        reply = self.refused(get("/orders/a", method="PUT"), 405, "method_not_allowed")
        self.assertEqual(reply.headers["allow"], "GET, HEAD, PATCH, DELETE")
        self.refused(get("/livez", method="POST"), 405, "method_not_allowed")

    def test_g06_head_is_get_without_a_body(self):
        reply = self.answered(get("/", self.CLOSE, method="HEAD"), 200)
        self.assertEqual(reply.body, b"")
        self.assertGreater(int(reply.headers["content-length"]), 500)
        self.assertEqual(self.answered(get("/stream?topics=orders", self.CLOSE, method="HEAD"), 200).body, b"")

    def test_g06_preflights_get_no_cors_header(self):
        ask = "Access-Control-Request-Method: POST\r\n"
        for origin in ("https://evil.example", "null", "http://127.0.0.1:%d" % self.bridge.port):
            self.refused(get("/orders", ask + "Origin: %s\r\n" % origin, method="OPTIONS"), 405, "method_not_allowed")
        reply = self.answered(get("/orders", ask + self.CLOSE + "Origin: http://pages.example:3000\r\n", method="OPTIONS"), 204)
        self.assertEqual(reply.headers["access-control-allow-origin"], "http://pages.example:3000")
        self.assertEqual(reply.headers["vary"], "Origin")
        self.assertNotIn("access-control-allow-credentials", reply.headers)

    def test_g09_odd_paths_are_refused(self):
        for path in ("http://evil.example/livez", "http://127.0.0.1/livez", "/x/../v5/order/create", "/x/%2e%2e/y", "//v5/x",
                     "/ticker/a%00b", "/ticker/a%2fb", "/ticker/%252e", "/ticker/a%", "/ticker/%4", "/ticker/%zz", "/livez;x",
                     "/livez#x", "*", "/orders/a b", "/orders/a\\b", "/orders/a%0d%0aX:1", "/ticker/\xe9", "livez"):
            self.refused(get(path), 400)
        for path in ("/nothing", "/livez/", "/v5/order/created", "/orders/a/b", "/./livez", "/orders/" + "a" * 4000):
            self.refused(get(path), 404, "not_found")
        self.refused(get("/orders/" + "a" * 9000), 414, "uri_too_long")
        self.refused(get("/orders?tag=" + "a" * 9000), 414, "uri_too_long")
        self.answered(get("/ticker/spot%3aBTCUSDT", self.CLOSE), 200)

    def test_g09_an_id_longer_than_any_is_not_found(self):
        for method in ("GET", "DELETE"):
            for length in (128, 129, 140, 159):
                self.answered(get("/orders/" + "a" * length, self.CLOSE, method=method), 404)

    def test_g10_odd_queries_are_refused(self):
        for query in ("symbol=A&symbol=B", "symbol=A%0d%0aX:1", "symbol=%zz", "symbol=%", "symbol=%c3%28", "symbol=%ed%a0%80",
                      "symbol=%00", "s%79mbol=A&symbol=B", "symbol=a\x7fb", "symbol=<a>", "nothing=1", "symbl=A", "=",
                      "symbol=\xe9", "symbol[]=A", "&".join("x%d=1" % n for n in range(50))):
            self.refused(get("/orders?" + query), 400)
        self.assertIn(b"did you mean 'symbol'", self.refused(get("/orders?symbl=A"), 400, "unknown_query").body)
        for query in ("", "&&", "state=open&", "from=2026-01-02T03:04:05%2B00:00", "from=-1h"):
            self.answered(get("/orders?" + query, self.CLOSE), 200)

    # --- lengths and smuggling (G7, G8) ---

    def test_g07_a_second_request_in_the_body_is_never_handled(self):
        inner = post(ORDER)
        head = "POST /orders HTTP/1.1\r\n%sContent-Type: application/json\r\n" % HOST
        for headers, status in (("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", 400),
                                ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", 400),
                                ("Content-Length: 4\r\nContent-Length: 4\r\n", 400),
                                ("Content-Length: 4\r\nContent-Length: 200\r\n", 400),
                                ("Content-Length : 4\r\n", 400), ("Content-Length: 4\r\nTransfer-Encoding : chunked\r\n", 400),
                                ("Content-Length: +4\r\n", 400), ("Content-Length: 4, 4\r\n", 400),
                                ("Content-Length: -1\r\n", 400), ("Content-Length: 0x4\r\n", 400), ("Content-Length: \r\n", 400),
                                ("Content-Length: 4 \r\n", 400), ("Content-Length: 65537\r\n", 413),
                                ("Content-Length: 18446744073709551617\r\n", 413), ("Content-Length: 18446744073709551615\r\n", 413),
                                ("Transfer-Encoding: chunked\r\n", 411), ("Transfer-Encoding: xchunked\r\n", 411),
                                ("Transfer-Encoding: gzip, chunked\r\n", 411), ("Transfer-Encoding: identity\r\n", 411),
                                ("Transfer-Encoding:\r\n", 411), ("Transfer-Encoding: \x0bchunked\r\n", 400)):
            self.refused(as_bytes(head + headers + "\r\n0\r\n\r\n") + inner, status)
        for method in ("GET", "HEAD", "DELETE"):
            reply = self.send(as_bytes(get("/livez", "Content-Length: 5\r\n", method=method)) + b"GET /")
            self.assertEqual((reply.status, reply.closed, reply.good), (400, True, 0), reply)
        self.answered(get("/livez", self.CLOSE + "Content-Length: 0\r\n"), 200)

    def test_g07_requests_one_behind_another_are_each_answered_in_order(self):
        data = "".join(get("/errors/" + code) for code in ("busy", "not_found", "stopping")) + get("/livez", self.CLOSE)
        reply = self.send(data)
        self.assertEqual((reply.good, reply.closed), (4, True), reply)
        self.assertEqual(re.findall(rb'"code":"(\w+)"', reply.data), [b"busy", b"not_found", b"stopping"])
        reply = self.send(get("/livez") + get("/nothing") + get("/livez"))
        self.assertEqual((reply.good, reply.closed), (1, True), reply)
        self.assertEqual(self.send(get("/livez", self.CLOSE) + get("/livez")).good, 1)

    def test_g08_a_refusal_of_a_large_body_reaches_a_client_that_goes_on_sending(self):
        for size in (65537, 300000, 2000000):
            reply = self.send(post(b" " * size))
            self.assertEqual((reply.status, reply.good), (413, 0), (size, reply))
        self.answered(post(b" " * 65536, self.CLOSE), 400, "malformed_json")

    def test_g07_a_post_without_length_has_no_body(self):
        self.answered(get("/orders", self.CLOSE, method="POST"), 400, "missing_body")

    # --- origin and body type (G11, G12, G14, G18) ---

    def test_g11_pages_do_not_trade(self):
        own = "http://127.0.0.1"
        for headers in ("Origin: https://evil.example", "Origin: null", "Origin: ", "Origin: %s" % own, "Origin: http://localhost",
                        "Origin: http://pages.example:3000", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site",
                        "Sec-Fetch-Site: none", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: ",
                        "Origin: %s\r\nSec-Fetch-Site: same-origin" % own, "Origin: http://user@127.0.0.1",
                        "Origin: %s/" % own, "ORIGIN: https://evil.example"):
            self.refused(post(headers=headers + "\r\n"), 403)
            self.refused(get("/orders?all=true", headers + "\r\n", method="DELETE"), 403)

    def test_g11_pages_read_when_their_origin_may(self):
        for headers, status in (("Origin: https://evil.example", 403), ("Origin: null", 403), ("Sec-Fetch-Site: cross-site", 403),
                                ("Sec-Fetch-Site: same-site", 403), ("Sec-Fetch-Site: none", 200),
                                ("Sec-Fetch-Site: same-origin", 200), ("Origin: http://127.0.0.1", 200),
                                ("Origin: http://pages.example:3000", 200), ("Sec-Fetch-Mode: cors", 200),
                                ("Origin: http://pages.example:3000\r\nSec-Fetch-Site: cross-site", 200),
                                ("Origin: http://pages.example:3001", 403), ("Origin: https://pages.example:3000", 403)):
            for path in ("/status", "/stream?topics=ticker:BTCUSDT"):
                reply = self.send(get(path, headers + "\r\n" + self.CLOSE, method="GET" if path == "/status" else "HEAD"))
                self.assertEqual(reply.status, status, (headers, path, reply))
                cors = reply.headers.get("access-control-allow-origin")
                self.assertEqual(cors, "http://pages.example:3000" if "Origin: http://pages.example:3000" in headers and
                                 status == 200 else None, (headers, reply))

    def test_g14_other_body_types_are_refused(self):
        form = "symbol=BTCUSDT&side=buy&qty=0.01"
        for kind in ("text/plain", "multipart/form-data; boundary=x", "application/jsonx", "application/json, text/plain", "",
                     "application/json; charset=latin1", "text/json", None):
            self.refused(post(kind=kind), 415, "unsupported_media_type")
        for mark in ("Origin: http://127.0.0.1\r\n", "Sec-Fetch-Site: same-origin\r\n", "Origin: https://evil.example\r\n"):
            self.refused(post(form, mark, kind="application/x-www-form-urlencoded"), 403, "forbidden_origin")
        self.refused(post(form, "Sec-Fetch-Site: cross-site\r\n", kind="text/plain"), 403, "forbidden_origin")

    def test_g14_what_curl_sends_is_taken(self):
        url = "http://127.0.0.1:%d/orders" % self.bridge.port
        for data in (["-d", "symbol=BTCUSDT", "-d", "side=buy", "-d", "qty=0.01"], ["-d", ORDER],
                     ["--json", ORDER], ["-H", "Content-Type: application/json; charset=UTF-8", "-d", ORDER]):
            done = subprocess.run(["curl", "-sS", *self.CURL, "-w", "\n%{http_code}", *data, url], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.stdout.rsplit("\n", 1)[1], "201", done)
            self.orders_wanted += 1

    # --- JSON and numbers (G15) ---

    def test_g15_bad_json_is_refused(self):
        order = as_bytes(ORDER)
        for body in (b'{"qty":"1","qty":"100"}', b'{"qty":"1","q\\u0074y":"100"}', b"[" * 33, b"[" * 60000, b'{"a":' * 10000,
                     b"\xef\xbb\xbf" + order, b'{"symbol":"BTC\\u0000USDT"}', b'{"symbol":"BTC\0USDT"}', b'{"symbol":"\xc3\x28"}',
                     b'{"symbol":"\xed\xa0\x80"}', b'{"symbol":"\\ud800"}', order + order, order + b" x", order + b"\0", order[:-1],
                     b'{"symbol":"BTCUSDT",}', b"{'symbol':1}", b"nul", b'"text"', b"1", b"null", b"{", b"\\", b" ", b"{\"a\" 1}",
                     b'{"symbl":"BTCUSDT"}', b'{"' + b"a" * 60000 + b'":1}', b'{"symbol":' + b"9" * 60000 + b"}",
                     b"{" + b",".join(b'"k%d":1' % n for n in range(6000)) + b"}", b'{"symbol":{"a":1}}',
                     b'{"orderLinkId":"a","client_id":"b"}'):
            for kind in ("application/json", "application/x-www-form-urlencoded"):
                reply = self.send(post(body, self.CLOSE, kind=kind))
                self.assertEqual((reply.status, reply.good), (400, 0), (body[:80], reply))
                self.check_common(reply)
        reply = self.answered(post(b'{"symbol":"BTCUSDT","side":"buy","qty":"1","reduceonly":true}', self.CLOSE), 400, "unknown_field")
        self.assertIn(b"reduce_only", reply.body)

    def test_g15_what_is_no_decimal_is_refused(self):
        for qty in ('"1e2"', '"0x10"', '"1."', '" 1"', '"1 "', '"-1"', '"+1"', '"NaN"', '"Infinity"', '".5"', '""', '"1,5"', '"1_000"',
                    '"' + "1" * 80 + '"', '"\\u0031\\u0000"', "1e2", "1E-2", "-1", "-0.0", "true", "[1]", '{"a":1}', '"١"',
                    "9" * 80):
            body = ('{"symbol":"BTCUSDT","side":"buy","type":"market","qty":%s}' % qty).encode()
            reply = self.send(post(body, self.CLOSE))
            self.assertEqual((reply.status, reply.good), (400, 0), (qty, reply))

    def test_g15_numbers_keep_their_written_digits(self):
        for qty, said in (("0.00000001", "0.00000001"), ("9007199254740993", "9007199254740993"),
                          ("0.10000000000000001", "0.10000000000000001")):
            reply = self.answered(post('{"symbol":"BTCUSDT","side":"buy","type":"market","qty":%s}' % qty, self.CLOSE), 422)
            self.assertIn("qty %s " % said, json.loads(reply.body)["detail"])
        body = '{"symbol":"BTCUSDT","side":"buy","type":"limit","qty":0.010,"price":26000.10,"client_id":"digits"}'
        self.answered(post(body, self.CLOSE), 201)
        self.orders_wanted = 1
        sent = [o for o in request(self.sim.port, "GET", "/sim/orders").json["list"] if o["orderLinkId"] == "digits"]
        self.assertEqual((float(sent[0]["price"]), float(sent[0]["qty"])), (26000.1, 0.01))
        self.assertEqual(request(self.bridge.port, "DELETE", "/orders/digits").status, 200)
        self.orders_wanted = 2  # the cancel, at the exchange alone
        until(lambda: self.in_journal() > self.rows)
        self.creates, self.orders_wanted = self.creates + 1, 1

    def test_key_headers_are_checked(self):
        for headers in ("Idempotency-Key: \r\n", "Idempotency-Key: a b\r\n", "Idempotency-Key: %s\r\n" % ("a" * 129),
                        "Idempotency-Key: \xe9\r\n", "Idempotency-Key: a\r\nIdempotency-Key: b\r\n", "X-Client: a b\r\n",
                        "X-Client: %s\r\n" % ("a" * 65), "X-Client: ../x\r\n"):
            self.refused(post(headers=headers), 400)
        self.refused(post(headers="Bridge-Expect-Env: mainnet\r\n"), 409, "wrong_env")
        self.refused(post(headers="Bridge-Expect-Env: \r\n"), 409, "wrong_env")
        self.answered(post('{"client_id":"a","symbol":"BTCUSDT","side":"buy","qty":"1"}', self.CLOSE + "Idempotency-Key: b\r\n"), 400)

    def test_one_key_many_times_at_once_is_one_order(self):
        answers = []

        def place():
            answers.append(self.send(post(headers=self.CLOSE + "Idempotency-Key: once\r\n"), 15))

        threads = [threading.Thread(target=place) for _ in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual({a.status for a in answers} - {200, 201, 202, 409}, set(), answers)
        self.assertEqual(sum(a.status == 201 for a in answers), 1)
        self.assertTrue(all(a.headers.get("idempotent-replayed") == "true" for a in answers if a.status == 200))
        self.assertTrue(all("retry-after" in a.headers for a in answers if a.status == 409))
        self.answered(post(headers=self.CLOSE + "Idempotency-Key: once\r\n"), 200)
        self.answered(post(ORDER.replace("0.01", "0.02"), self.CLOSE + "Idempotency-Key: once\r\n"), 422, "idempotency_key_reused")
        self.orders_wanted = 1

    # --- the exchange's own paths (G21) ---

    def test_g21_only_documented_paths_pass(self):
        for path in ("/v5/", "/v5/order", "/v5/order/create/", "/v5/nothing", "/v5/Order/create"):
            self.refused(get(path), 404, "not_found")
        reply = self.refused(get("/v5/order/create"), 405, "method_not_allowed")
        self.assertEqual(reply.headers["allow"], "POST")
        self.refused(get("/v5/order/realtime?cursor=%zz"), 400, "malformed_query")
        self.refused(post(path="/v5/order/create", kind="text/plain"), 415)
        self.refused(post(path="/v5/order/create", headers="Origin: http://127.0.0.1\r\n"), 403, "forbidden_origin")
        self.answered(get("/v5/order/realtime?category=linear&x=1&x=2", self.CLOSE), 422, "not_yet")
        self.answered(post(path="/v5/order/create", headers=self.CLOSE), 422, "not_yet")

    def test_g21_what_is_switched_off_says_so_the_way_the_exchange_does(self):
        for path in ("/v5/asset/withdraw/create", "/v5/asset/transfer/inter-transfer", "/v5/user/create-sub-api",
                     "/v5/user/update-api", "/v5/user/create-sub-member", "/v5/asset/%77ithdraw/create"):
            reply = self.send(post(path=path))
            self.assertEqual((reply.status, reply.closed), (200, True), reply)
            body = json.loads(reply.body)
            self.assertEqual((body["retCode"], body["result"]), (10005, {}), body)
            self.assertRegex(body["retMsg"], "^bridge: .*--allow-path /v5/", body)
            self.assertEqual(body["retExtInfo"]["bridge"]["code"], "path_off", body)
            self.assertEqual(body["retExtInfo"]["bridge"]["request_id"], reply.headers["x-request-id"])
            self.assertLess(abs(body["time"] / 1000 - time.time()), 60)
            self.check_common(reply)

    def test_g08_a_batch_of_the_exchange_may_be_larger(self):
        self.refused(post(b" " * 262145, path="/v5/order/create-batch"), 413, "body_too_large")
        self.refused(post(b" " * 65537, path="/v5/order/create"), 413, "body_too_large")
        self.answered(post(b" " * 262144, self.CLOSE, path="/v5/order/create-batch"), 422, "not_yet")

    # --- CORS, ids ---

    def test_g18_no_answer_has_a_cors_header_but_to_the_configured_origin(self):
        origin = "Origin: http://pages.example:3000\r\n"
        for data in (get("/livez", self.CLOSE), get("/nothing"), post("{"), get("/v5/nothing"), get("/stream?topics=x"),
                     get("/livez", "Origin: null\r\n"), get("/livez", self.CLOSE + "Origin: http://127.0.0.1\r\n"),
                     get("/livez", "Origin: https://evil.example\r\n"), get("/livez", "Origin: *\r\n"),
                     get("/livez", "Origin: http://pages.example:3000, https://evil.example\r\n"),
                     get("/livez", "Origin: http://pages.example:3000.evil.example\r\n")):
            reply = self.send(data, 1.0)
            self.assertFalse([name for name in reply.headers if name.startswith("access-control")], reply)
        for data, status in ((get("/livez", self.CLOSE + origin), 200), (get("/nothing", origin), 404),
                             (post(headers=origin), 403)):
            reply = self.send(data)
            self.assertEqual(reply.status, status, reply)
            self.assertEqual(reply.headers["access-control-allow-origin"], "http://pages.example:3000", reply)
            self.assertEqual(reply.headers["vary"], "Origin", reply)
            self.assertNotIn("access-control-allow-credentials", reply.headers)
            self.assertNotIn(b"Allow-Origin: *", reply.data)

    def test_request_ids_are_ours(self):
        reply = self.answered(get("/livez", self.CLOSE + "X-Request-Id: mine\r\n"), 200)
        self.assertRegex(reply.headers["x-request-id"], "^[0-9a-f]{18}$")
        self.assertNotIn(b"mine", reply.data)

    # --- streams ---

    def stream(self, query="topics=orders,fills", headers=""):
        connection = self.connect()
        self.addCleanup(connection.close)
        connection.sendall(as_bytes(get("/stream?" + query, headers)))
        return connection

    def until_text(self, connection, text, timeout=5):
        data = b""
        connection.settimeout(timeout)
        while as_bytes(text) not in data:
            piece = connection.recv(65536)
            self.assertTrue(piece, (text, data))
            data += piece
        self.said.append(data)
        return data

    def test_resume_ids_of_every_wrong_kind_are_reset(self):
        epoch = int(re.search(rb'"epoch":(\d+)', self.until_text(self.stream(), "\n\n")).group(1))
        ids = ["-1", "x", "1", "%d" % epoch, "%d-" % epoch, "-%d-1" % epoch, "%d--1" % epoch, "%d-+1" % epoch, "%d- 1" % epoch,
               "%d -1" % epoch, "%d-1x" % epoch, "%d-0x1" % epoch, "%d-1-1" % epoch, "%d-1.0" % epoch, "%d-999999999" % epoch,
               "%d-999999999999999999" % epoch, "%d-9223372036854775807" % epoch, "%d-18446744073709551616" % epoch,
               "%d-%s" % (epoch, "9" * 500), "%s-1" % ("9" * 500), "%d-1" % (epoch + 1), "0-0", "EARLIEST", "%d-1,%d-2" % (epoch, epoch)]
        for text in ids:
            connection = self.stream(headers="Last-Event-ID: %s\r\n" % text)
            self.assertIn(b"event: reset", self.until_text(connection, "event: reset"), text)
            connection.close()
        for text in ("%d-1%%20" % epoch, "x", "%d-99999999" % epoch, "-1"):
            self.until_text(self.stream("topics=orders&after=" + text), "event: reset")
        self.until_text(self.stream("topics=orders&after=earliest"), "event: hello")

    def test_topics_of_every_wrong_kind_are_refused(self):
        for query in ("", "topics=", "topics=,,", "topics=nothing", "topics=ticker", "topics=ticker:", "topics=book:BTCUSDT:7",
                      "topics=book:BTCUSDT:0", "topics=book:BTCUSDT:99999999999", "topics=book:BTCUSDT:050", "topics=ticker:NO:BTCUSDT",
                      "topics=ticker:" + "A" * 200, "topics=orders:x", "topics=ticker:../x"):
            reply = self.send(get("/stream?" + query, self.CLOSE))
            self.assertEqual((reply.status, reply.good), (400, 0), (query, reply))
        self.answered(get("/stream?topics=ticker:NOSUCHUSDT", self.CLOSE), 404, "unknown_symbol")

    def test_g16_one_stream_too_many_is_refused_at_once(self):
        bridge = Process(["--listen", "127.0.0.1:0", "--max-streams", "3"], {"XDG_STATE_HOME": self.folder})
        self.addCleanup(bridge.stop)
        streams = [raw_connect(bridge.port) for _ in range(4)]  # a bridge of its own, by TCP
        for connection in streams[:3]:
            self.addCleanup(connection.close)
            connection.sendall(as_bytes(get("/stream?topics=status")))
            self.until_text(connection, "event: hello")
        start = time.monotonic()
        streams[3].sendall(as_bytes(get("/stream?topics=status", self.CLOSE)))
        reply = read_all(streams[3], 5)
        streams[3].close()
        self.assertEqual((reply.status, json.loads(reply.body)["code"]), (503, "too_many_streams"), reply)
        self.assertLess(time.monotonic() - start, 1)
        self.assertIn("retry-after", reply.headers)
        self.assertEqual(request(bridge.port, "GET", "/livez").status, 200)

    def test_g16_one_name_has_at_most_64_streams(self):
        name = "X-Client: greedy-%s\r\n" % type(self).__name__
        for _ in range(64):
            self.until_text(self.stream("topics=status", name), "event: hello")
        reply = self.send(get("/stream?topics=status", name + self.CLOSE))
        self.assertEqual((reply.status, json.loads(reply.body)["code"]), (503, "too_many_streams"), reply)
        self.assertIn("retry-after", reply.headers)
        self.until_text(self.stream("topics=status", "X-Client: other\r\n"), "event: hello")

    # --- slow and vanished clients (G16, G17) ---

    def http_state(self):
        status = request(self.bridge.port, "GET", "/status").json
        return status["http"]["in_flight"], status["streams"]["readers"], status["http"]["connections"]

    def drip(self, first, pieces, every, results, name):
        start = time.monotonic()
        connection = self.connect(30)
        try:
            connection.sendall(as_bytes(first))
            for piece in pieces:
                connection.settimeout(every)
                try:
                    if connection.recv(4096) == b"":
                        break
                except socket.timeout:
                    connection.sendall(as_bytes(piece))
        except OSError:
            pass
        results[name] = time.monotonic() - start
        connection.close()

    def test_g17_drips_are_cut(self):
        results = {}
        cases = {"head": ("GET /livez HTTP/1.1\r\n", ["X-%d: a\r\n" % n for n in range(9)], 2.0),
                 "first line": ("G", list("ET /livez HTTP/1.1\r\nHost: 127.0.0.1")[:9], 2.0),
                 "body": (post()[:-20], list(ORDER[-20:-11]), 2.0),
                 "nothing of the body": (post()[:-len(ORDER)], [], 2.0)}
        cases["nothing of the body"] = (cases["nothing of the body"][0], [""] * 9, 1.0)
        threads = [threading.Thread(target=self.drip, args=(*case, results, name)) for name, case in cases.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in cases:
            self.assertTrue(4 < results[name] < 8.5, (name, results))

    def test_clients_that_vanish_at_each_stage_leave_nothing(self):
        readers = self.http_state()[1]
        stages = [b"", b"GET /li", as_bytes(LIVE)[:-2], post()[:-30], post()[:-len(ORDER)], as_bytes(LIVE),
                  as_bytes(get("/stream?topics=orders,fills,ticker:BTCUSDT")), as_bytes(get("/stream?topics=fills,ticker:BTCUSDT&after=earliest")),
                  as_bytes(get("/orders/no-such-order?wait=final&timeout=1s")), as_bytes(get("/tickers") * 30)]
        for number in range(60):
            data = stages[number % len(stages)]
            connection = self.connect()
            if number % 20 < 10:  # a reset in place of a FIN
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(data)
            if number % 3 == 0:
                time.sleep(0.01)
            connection.close()
        self.answered(get("/livez", self.CLOSE), 200)
        until(lambda: self.http_state()[0] == 0 and self.http_state()[1] <= readers, 20)

    def test_g16_two_thousand_idle_connections_delay_nobody(self):
        idle = []
        try:
            for _ in range(2000):
                idle.append(raw_connect(self.bridge.port))
            until(lambda: self.http_state()[2] > 2000)
            fastest = 10
            for _ in range(5):
                start = time.monotonic()
                self.answered(get("/livez", self.CLOSE), 200)
                fastest = min(fastest, time.monotonic() - start)
            self.assertLess(fastest, 0.5 if SLOW_BUILD else 0.05)
            self.assertEqual(request(self.bridge.port, "GET", "/orders?limit=1").status, 200)
        finally:
            for connection in idle:
                connection.close()


@unittest.skipUnless(shutil.which("prlimit"), "needs prlimit")
class Descriptors(unittest.TestCase):
    """Local connections never take the open files that the exchange and the journal need."""

    def test_a_flood_of_connections_stops_no_orders(self):
        folder = tempfile.mkdtemp(prefix="bridge-gate-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        wrapper = os.path.join(folder, "limited")
        with open(wrapper, "w", encoding="ascii") as file:
            file.write('#!/bin/sh\nexec prlimit --nofile=512:512 "%s" "$@"\n' % os.path.abspath(BRIDGE))
        os.chmod(wrapper, 0o700)
        harness.BRIDGE = wrapper
        try:
            bridge = Process(["--listen", "127.0.0.1:0"], {"XDG_STATE_HOME": folder})
        finally:
            harness.BRIDGE = BRIDGE
        self.addCleanup(bridge.stop)
        until(lambda: request(bridge.port, "GET", "/readyz").status == 200, 20)
        connections = [raw_connect(bridge.port) for _ in range(600)]
        for connection in connections:
            self.addCleanup(connection.close)
        body = "symbol=BTCUSDT&side=buy&qty=0.01"
        kind = "application/x-www-form-urlencoded"
        for connection in connections[:40]:
            connection.sendall(post(body, Gate.CLOSE, kind=kind))
        for connection in connections[:40]:
            reply = read_all(connection, 10)
            self.assertEqual(reply.status, 201, reply)
        for path in ("/orders", "/fills"):
            connections[50].sendall(as_bytes(get(path)))
            self.assertIn(b" 200 ", connections[50].recv(65536))
        self.assertIn("limit of open files", bridge.stderr())


if __name__ == "__main__":
    unittest.main()
