"""Tokens, logged-in browsers, --read-only and the origins that may trade (G12, G13), over TCP and over the unix socket."""
import http.client
import json
import os
import socket
import subprocess
import threading
import time
import unittest

import harness
import test_gate
from harness import BRIDGE, Case, until

READ, TRADE, ADMIN = ("%s-token-canary-%s" % (name, mark) for name, mark in (("read", "83d1"), ("trade", "5c0f"), ("admin", "b7a2")))
ORDER = json.loads(test_gate.ORDER)
PAGE = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("127.0.0.1", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = test_gate.unix_connect(self.path, self.timeout)


class Tokens(Case):
    """By TCP."""

    def setUp(self):
        super().setUp()
        self.socket_path = os.path.join(self.folder, "run", "bridge.sock")
        self.said = []

    def token_file(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text + "\n")
        os.chmod(path, mode)
        return path

    def start(self, *options, tokens=True, **more):
        files = []
        if tokens:
            files = ["--token-file", self.token_file("trade", TRADE), "--read-token-file", self.token_file("read", READ),
                     "--admin-token-file", self.token_file("admin", ADMIN)]
        bridge = super().start("--unix-socket", self.socket_path, *files, *options, wait=False, **more)
        bridge.canaries += [READ, TRADE, ADMIN]
        until(lambda: self.ask(bridge, "GET", "/readyz", token=READ).status == 200, 20)
        return bridge

    def connection(self, bridge, timeout=20):
        return http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=timeout)

    def ask(self, bridge, method, path, body=None, token=None, cookie=None, headers=None):
        connection = self.connection(bridge)
        headers = dict({"Host": "127.0.0.1"}, **(headers or {}))
        if token:
            headers["Authorization"] = "Bearer " + token
        if cookie:
            headers["Cookie"] = "bridge_session=" + cookie
        if body is not None:
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body=body, headers=headers)
            reply = connection.getresponse()
            answer = harness.Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode())
        finally:
            connection.close()
        harness.document.check(method, path, answer.status, answer.headers, answer.body)
        harness.check_canaries({path: (str(answer.headers) + answer.body).encode()}, [READ, TRADE, ADMIN, harness.SECRET, harness.KEY])
        return answer

    def refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        self.assertEqual(answer.headers.get("www-authenticate"), "Bearer" if status == 401 else None)
        self.assertEqual(answer.headers.get("connection", "").lower(), "close")

    def creates(self):
        return sum(count for path, count in self.sim_get("/sim/stats")["requests"].items() if path.startswith("/v5/order/create"))

    def test_g13_no_token_a_wrong_one_and_a_weaker_one_get_nothing(self):
        bridge = self.start()
        for token in (None, "wrong-token-0123456789", TRADE[:-1], TRADE + "0", TRADE.upper()):
            self.refused(self.ask(bridge, "POST", "/orders", ORDER, token=token), 401, "token_required")
            self.refused(self.ask(bridge, "GET", "/orders", token=token), 401, "token_required")
        self.refused(self.ask(bridge, "GET", "/orders?token=" + READ), 401, "token_required")
        self.refused(self.ask(bridge, "GET", "/stream?topics=orders"), 401, "token_required")
        self.refused(self.ask(bridge, "GET", "/readyz"), 401, "token_required")
        self.refused(self.ask(bridge, "GET", "/nothing"), 401, "token_required")
        self.refused(self.ask(bridge, "GET", "/orders", token=READ, headers={"X-Api-Key": TRADE}), 400, "bad_request")
        self.refused(self.ask(bridge, "POST", "/orders", ORDER, token=READ), 403, "wrong_role")
        self.refused(self.ask(bridge, "DELETE", "/orders?all=true", token=READ), 403, "wrong_role")
        self.assertEqual(self.creates(), 0)
        self.assertEqual(self.ask(bridge, "GET", "/livez").status, 200)
        self.assertEqual(self.ask(bridge, "GET", "/").status, 200)
        self.assertEqual(self.ask(bridge, "GET", "/orders", headers={"X-Api-Key": READ}).status, 200)
        self.assertEqual(self.ask(bridge, "GET", "/orders", headers={"authorization": "bearer  " + READ}).status, 200)
        self.assertEqual(self.ask(bridge, "POST", "/orders", ORDER, token=TRADE).status, 201)
        self.assertEqual(self.ask(bridge, "POST", "/orders", ORDER, token=ADMIN).status, 201)
        self.assertEqual(self.creates(), 2)

    def test_g13_on_the_exchanges_paths_a_missing_role_is_said_its_way(self):
        bridge = self.start("--allow-path", "/v5/asset/withdraw/create")
        self.refused(self.ask(bridge, "POST", "/v5/order/create", {}), 401, "token_required")
        for path, token in (("/v5/order/create", READ), ("/v5/asset/withdraw/create", TRADE)):
            answer = self.ask(bridge, "POST", path, {}, token=token)
            self.assertEqual((answer.status, answer.json["retCode"]), (200, 10005), answer)
            self.assertEqual(answer.json["retExtInfo"]["bridge"]["code"], "wrong_role", answer)
        self.assertEqual(self.ask(bridge, "POST", "/v5/asset/withdraw/create", {}, token=ADMIN).json["code"], "not_yet")

    def log_in(self, bridge, token, headers=None):
        answer = self.ask(bridge, "POST", "/login", {"token": token}, headers=PAGE if headers is None else headers)
        self.assertEqual(answer.status, 200, answer)
        words = [word.strip() for word in answer.headers["set-cookie"].split(";")]
        self.assertEqual(set(words[1:]), {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"})
        name, _, session = words[0].partition("=")
        self.assertEqual((name, len(session)), ("bridge_session", 64))
        bridge.canaries.append(session)
        return answer, session

    def test_g13_a_browser_logs_in_and_out(self):
        bridge = self.start("--dashboard-trading")
        answer, session = self.log_in(bridge, TRADE)
        self.assertEqual(answer.json["role"], "trade")
        self.assertEqual(self.ask(bridge, "GET", "/orders", cookie=session, headers=PAGE).status, 200)
        self.assertEqual(self.ask(bridge, "GET", "/orders", cookie=session, headers={"Sec-Fetch-Site": "same-origin"}).status, 200)
        self.assertEqual(self.ask(bridge, "POST", "/orders", ORDER, cookie=session, headers=PAGE).status, 201)
        self.assertEqual(self.ask(bridge, "GET", "/orders", cookie=session).status, 200)
        self.assertEqual(self.ask(bridge, "GET", "/orders", cookie=session, headers={"Sec-Fetch-Site": "none"}).status, 200)
        self.refused(self.ask(bridge, "POST", "/orders", ORDER, cookie=session), 401, "token_required")
        self.refused(self.ask(bridge, "GET", "/orders", cookie=session, headers={"Origin": "https://evil.example"}), 403, "forbidden_origin")
        self.refused(self.ask(bridge, "GET", "/orders", cookie="0" * 64, headers=PAGE), 401, "token_required")
        self.refused(self.ask(bridge, "GET", "/orders", token=session), 401, "token_required")
        _, weaker = self.log_in(bridge, READ, {})
        self.refused(self.ask(bridge, "POST", "/orders", ORDER, cookie=weaker, headers=PAGE), 403, "wrong_role")
        answer = self.ask(bridge, "POST", "/logout", cookie=session, headers=PAGE)
        self.assertEqual(answer.status, 204, answer)
        self.assertIn("Max-Age=0", answer.headers["set-cookie"])
        self.refused(self.ask(bridge, "GET", "/orders", cookie=session, headers=PAGE), 401, "token_required")
        self.assertEqual(self.ask(bridge, "GET", "/orders", cookie=weaker, headers=PAGE).status, 200)
        self.assertEqual(self.creates(), 1)

    def test_g12_a_cookie_gives_no_more_than_the_page_may(self):
        bridge = self.start()
        _, session = self.log_in(bridge, ADMIN)
        self.assertEqual(self.ask(bridge, "GET", "/orders", cookie=session, headers=PAGE).status, 200)
        self.refused(self.ask(bridge, "POST", "/orders", ORDER, cookie=session, headers=PAGE), 403, "forbidden_origin")

    def test_g13_bad_logins(self):
        bridge = self.start()
        answer = self.ask(bridge, "POST", "/login", {"token": "x" * 30}, headers=PAGE)
        self.assertEqual((answer.status, answer.json["code"]), (401, "token_required"), answer)
        for body, code in (({}, "unknown_field"), ([], "malformed_json"), ({"token": 1}, "invalid_value"), (None, "missing_body"),
                           ({"token": "x" * 2000}, "invalid_value"), ({"token": TRADE, "more": 1}, "unknown_field"),
                           ({"Token": TRADE}, "unknown_field")):
            answer = self.ask(bridge, "POST", "/login", body)
            self.assertEqual((answer.status, answer.json["code"]), (400, code), answer)
            self.assertNotIn("set-cookie", answer.headers)
        self.refused(self.ask(bridge, "POST", "/login", {"token": "x" * 5000}), 413, "body_too_large")
        self.refused(self.ask(bridge, "POST", "/login", {"token": "x" * 30}, headers=PAGE), 401, "token_required")
        self.refused(self.ask(bridge, "POST", "/login", {"token": TRADE}, headers={"Origin": "https://evil.example"}), 403, "forbidden_origin")
        self.refused(self.ask(bridge, "POST", "/login", {"token": TRADE}, headers={"Sec-Fetch-Site": "cross-site"}), 403, "forbidden_origin")

    def test_without_tokens_there_is_nothing_to_log_in_to(self):
        bridge = self.start(tokens=False)
        answer = self.ask(bridge, "POST", "/login", {"token": TRADE})
        self.assertEqual((answer.status, answer.json["code"]), (400, "bad_request"), answer)
        self.assertIn("no token is configured", answer.json["detail"])
        self.assertEqual(self.ask(bridge, "POST", "/logout").status, 204)
        self.assertEqual(self.ask(bridge, "POST", "/orders", ORDER, token="anything").status, 201)

    def test_g13_many_failures_slow_failures_down_and_nobody_else(self):
        bridge = self.start()
        wrong = "wrong-token-0123456789"
        for _ in range(10):
            self.refused(self.ask(bridge, "GET", "/orders", token=wrong), 401, "token_required")
        took = []

        def fail(path, body):
            began = time.monotonic()
            answer = self.ask(bridge, "POST" if body else "GET", path, body, token=None if body else wrong)
            took.append((time.monotonic() - began, answer.status))

        threads = [threading.Thread(target=fail, args=case) for case in [("/orders", None)] * 8 + [("/login", {"token": wrong})] * 2]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            began = time.monotonic()
            self.assertEqual(self.ask(bridge, "GET", "/orders", token=READ).status, 200)
            self.refused(self.ask(bridge, "GET", "/orders"), 401, "token_required")
            self.assertLess(time.monotonic() - began, 0.7)
        self.assertEqual([status for _, status in took], [401] * 10)
        self.assertTrue(all(0.95 < seconds < 4 for seconds, _ in took), took)

    def test_g13_in_a_flood_of_failures_none_is_told_sooner_and_a_stop_does_not_wait_for_it(self):
        bridge = self.start()
        wrong = "GET /orders HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: wrong-token-0123456789\r\n\r\n"
        for _ in range(10):
            self.refused(self.ask(bridge, "GET", "/orders", token="wrong-token-0123456789"), 401, "token_required")
        held = [test_gate.raw_connect(bridge.port) for _ in range(200)]
        try:
            for connection in held[:-1]:
                connection.sendall(wrong.encode())
            began = time.monotonic()
            held[-1].sendall(wrong.encode())
            last = test_gate.read_all(held[-1], 5)
            self.assertGreater(time.monotonic() - began, 0.95)  # closed at once it would tell as much
            self.assertEqual(self.ask(bridge, "GET", "/orders", token=READ).status, 200)
            replies = [last] + [test_gate.read_all(connection, 5) for connection in held[:-1]]
            self.assertTrue(all(reply.closed and reply.status == 401 for reply in replies), replies)
        finally:
            for connection in held:
                connection.close()
        late = [test_gate.raw_connect(bridge.port) for _ in range(20)]
        for connection in late:
            connection.sendall(wrong.encode())
        began = time.monotonic()
        bridge.stop()
        self.assertLess(time.monotonic() - began, 10)
        for connection in late:
            connection.close()

    def test_read_only_lets_nothing_change(self):
        bridge = self.start("--read-only")
        for method, path, body in (("POST", "/orders", ORDER), ("DELETE", "/orders/x", None), ("DELETE", "/orders?all=true", None)):
            self.refused(self.ask(bridge, method, path, body, token=ADMIN), 403, "read_only")
        answer = self.ask(bridge, "POST", "/v5/order/create", {}, token=ADMIN)
        self.assertEqual((answer.status, answer.json["retCode"], answer.json["retExtInfo"]["bridge"]["code"]), (200, 10005, "read_only"))
        self.assertEqual(self.ask(bridge, "GET", "/orders", token=ADMIN).status, 200)
        _, session = self.log_in(bridge, TRADE)
        self.assertEqual(self.ask(bridge, "POST", "/logout", cookie=session, headers=PAGE).status, 204)
        self.assertEqual(self.creates(), 0)

    def test_g12_an_origin_listed_for_trading_trades(self):
        bridge = self.start("--trade-origin", "https://desk.example", "--allow-origin", "https://read.example", tokens=False)
        desk = {"Origin": "https://desk.example", "Sec-Fetch-Site": "cross-site"}
        answer = self.ask(bridge, "POST", "/orders", ORDER, headers=desk)
        self.assertEqual((answer.status, answer.headers["access-control-allow-origin"]), (201, "https://desk.example"), answer)
        self.refused(self.ask(bridge, "POST", "/orders", ORDER, headers={"Origin": "https://read.example"}), 403, "forbidden_origin")
        self.refused(self.ask(bridge, "POST", "/orders", ORDER, headers=PAGE), 403, "forbidden_origin")
        answer = self.ask(bridge, "OPTIONS", "/orders", headers={**desk, "Access-Control-Request-Method": "POST"})
        self.assertEqual(answer.status, 204)
        self.assertIn("Authorization", answer.headers["access-control-allow-headers"])


class UnixTokens(Tokens):
    """The same by the unix socket."""

    def connection(self, bridge, timeout=20):
        return UnixConnection(self.socket_path, timeout)


class Exposed(Case):
    """An address that others can reach."""

    with_sim = False

    def test_g01_all_addresses_only_with_a_token(self):
        done = subprocess.run([BRIDGE, "--listen", "0.0.0.0:0", "--journal", self.journal], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 78, done)
        self.assertIn("--token-file", done.stderr)
        path = os.path.join(self.folder, "token")
        with open(path, "w", encoding="ascii") as file:
            file.write(TRADE)
        for mode in (0o644, 0o640, 0o604):
            os.chmod(path, mode)
            done = subprocess.run([BRIDGE, "--listen", "0.0.0.0:0", "--token-file", path, "--journal", self.journal],
                                  capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 78, done)
            self.assertNotIn(TRADE, done.stderr)
        os.chmod(path, 0o600)
        bridge = harness.Process(["--listen", "0.0.0.0:0", "--token-file", path, "--journal", self.journal, "--allow-host", "bridge.example"])
        bridge.canaries.append(TRADE)
        self.addCleanup(bridge.stop)
        self.assertEqual(harness.request(bridge.port, "GET", "/status").status, 401)
        self.assertEqual(harness.request(bridge.port, "GET", "/status", headers={"X-Api-Key": TRADE}).status, 200)
        self.assertEqual(harness.request(bridge.port, "GET", "/livez").status, 200)
        if os.geteuid() == 0:
            def ask():
                with socket.create_connection(("127.0.0.1", bridge.port), timeout=5) as connection:
                    connection.sendall(("GET /status HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: %s\r\nConnection: close\r\n\r\n" % TRADE).encode())
                    return repr(test_gate.read_all(connection, 5).status)

            self.assertEqual(harness.as_user(65534, ask), "200")  # the token says who may, not the user


if __name__ == "__main__":
    unittest.main()
