"""The programs in examples/, as a user would run them; most of all: killed and started again, nothing is missed or shown twice."""
import csv
import http.server
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import unittest

from harness import Case, request, until

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
LANGUAGES = {"bash": "bash/%s.sh", "python": "python/%s.py", "node": "node/%s.mjs"}


class Examples(Case):
    def command(self, language, name, *words):
        return [os.path.join(EXAMPLES, LANGUAGES[language] % name), *words]

    def environment(self, port):
        return {**os.environ, "BRIDGE_URL": "http://127.0.0.1:%d" % port}

    def run_it(self, port, language, name, *words):
        done = subprocess.run(self.command(language, name, *words), env=self.environment(port), cwd=self.folder,
                              capture_output=True, text=True, timeout=90)
        return done.returncode, done.stdout, done.stderr

    def begin(self, port, language, name, *words, stdout=subprocess.PIPE):
        child = subprocess.Popen(self.command(language, name, *words), env=self.environment(port), cwd=self.folder,
                                 stdout=stdout, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(self.end, child)
        return child

    def end(self, child):
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.wait(timeout=10)
        if child.stdout:
            child.stdout.close()

    def orders_at_exchange(self):
        return self.sim_get("/sim/orders")["list"]

    def last_event(self):
        with sqlite3.connect("file:%s?mode=ro" % self.journal, uri=True) as db:
            return db.execute("select max(seq) from events").fetchone()[0] or 0


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def each_language(test):
    def run(self):
        for number, language in enumerate(LANGUAGES, 1):
            with self.subTest(language=language):
                test(self, number, language)

    return run


class PlaceAndWait(Examples):
    def setUp(self):
        super().setUp()
        self.bridge = self.start()

    def place(self, language, *words):
        return self.run_it(self.bridge.port, language, "place_and_wait", *words)

    @each_language
    def test_filled_and_the_same_key_is_one_order(self, number, language):
        code, out, err = self.place(language, "BTCUSDT", "buy", "0.01", "key-" + language)
        self.assertEqual(code, 0, (out, err))
        order = self.order(self.bridge, "key-" + language).json
        self.assertIn("filled: %s at %s, order %s" % (order["filled_qty"], order["avg_price"], order["id"]), out)
        again = self.place(language, "BTCUSDT", "buy", "0.01", "key-" + language)
        self.assertEqual(again, (0, out, ""))
        code, out, err = self.place(language, "BTCUSDT", "buy", "0.02", "key-" + language)
        self.assertEqual(code, 1, out)
        self.assertIn("idempotency_key_reused: ", err)
        self.assertEqual(len(self.orders_at_exchange()), number)

    @each_language
    def test_refusals_say_why(self, _number, language):
        for words, said in ((("NOSUCH", "buy", "1"), "unknown_symbol: "), (("BTCUSDT", "buy", "0.0000001"), "qty"),
                            (("BTCUSDT", "bye", "1"), "invalid_value: ")):
            code, out, err = self.place(language, *words)
            self.assertEqual(code, 1, (out, err))
            self.assertIn(said, err)
        code, out, err = self.run_it(free_port(), language, "place_and_wait")
        self.assertEqual(code, 1, (out, err))
        self.assertRegex(err, "no.bridge")
        self.assertEqual(self.orders_at_exchange(), [])

    @each_language
    def test_a_lost_answer_is_waited_for(self, number, language):
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "private"})
        self.sim_do("/sim/fault", {"path": "/v5/order/create", "mode": "drop_after", "count": 1})
        code, out, err = self.place(language, "BTCUSDT", "buy", "0.01", "lost-" + language)
        self.assertEqual(code, 0, (out, err))
        self.assertIn("filled: ", out)
        self.assertEqual(self.sim_get("/sim/stats")["requests"]["/v5/order/create"], number)

    def test_never_arrived_is_a_failure(self):
        self.sim_do("/sim/fault", {"path": "/v5/order/create", "mode": "drop_before", "count": 3})
        children = [self.begin(self.bridge.port, language, "place_and_wait") for language in LANGUAGES]
        for child in children:
            out = child.communicate(timeout=60)[0]
            self.assertEqual(child.returncode, 1, out)
            self.assertIn("never_accepted", out)
        self.assertEqual(self.orders_at_exchange(), [])

    @each_language
    def test_the_bridge_dies_meanwhile(self, number, language):
        self.sim_do("/sim/fault", {"path": "/v5/order/create", "mode": "hang", "count": 1})
        child = self.begin(self.bridge.port, language, "place_and_wait", "BTCUSDT", "buy", "0.01", "dies-" + language)
        until(lambda: len(self.orders_at_exchange()) == number)
        self.bridge.kill()
        self.bridge = self.start("--listen", "127.0.0.1:%d" % self.bridge.port)
        out = child.communicate(timeout=60)[0]
        self.assertEqual(child.returncode, 0, out)
        self.assertIn("filled: ", out)
        self.assertEqual(len(self.orders_at_exchange()), number)


class Scripted(http.server.BaseHTTPRequestHandler):
    """Gives the answers of `script` one after the other, the last one for ever, and keeps what was asked."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path.split("?")[0], self.headers.get("Idempotency-Key")))
        status, body = self.server.script[min(len(self.server.asked), len(self.server.script)) - 1]
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class EveryOutcome(Examples):
    with_sim = False

    def check(self, language, script, expected, said, asked):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
        server.script, server.asked = script, []
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            code, out, err = self.run_it(server.server_address[1], language, "place_and_wait", "BTCUSDT", "buy", "1", "k-1")
        finally:
            server.shutdown()
            server.server_close()
        self.assertEqual(code, expected, (out, err))
        self.assertIn(said, out + err)
        self.assertEqual([method for method, _, _ in server.asked], asked)
        self.assertEqual({(path, key) for method, path, key in server.asked if method == "POST"}, {("/orders", "k-1")})
        self.assertLessEqual({path for method, path, _ in server.asked if method == "GET"}, {"/orders/k-1"})

    @each_language
    def test_each_answer_has_its_end(self, _number, language):
        def problem(status, code):
            return status, {"code": code, "detail": "so it is", "hint": None, "status": status}

        def order(status, state):
            return status, {"id": None, "client_id": "k-1", "state": state, "filled_qty": "0", "avg_price": None,
                            "reject_reason": "too poor" if state == "rejected" else None, "cancel_reason": None}

        self.check(language, [order(202, "unknown"), order(200, "unknown"), order(200, "filled")], 0, "unknown, waiting",
                   ["POST", "GET", "GET"])
        self.check(language, [problem(503, "not_sent"), problem(409, "key_in_progress"), order(200, "filled")], 0, "key_in_progress",
                   ["POST", "POST", "POST"])
        self.check(language, [order(201, "rejected")], 1, "too poor", ["POST"])
        self.check(language, [problem(401, "token_required")], 1, "token_required: so it is", ["POST"])
        self.check(language, [problem(500, "internal")], 1, "internal: so it is", ["POST"])
        self.check(language, [order(202, "unknown")], 2, "/orders/k-1 later", ["POST"] + ["GET"] * 10)


class FollowFeed(Examples):
    def trade(self, bridge, count=1):
        for number in range(count):
            request(bridge.port, "POST", "/orders?wait=final", "symbol=BTCUSDT&side=%s&qty=0.001&type=market"
                    % ("buy" if number % 2 else "sell"))

    def trade_until(self, bridge, stopped):
        while not stopped.is_set():
            self.trade(bridge)

    def lines(self, path):
        with open(path, encoding="utf-8") as file:
            return [line for line in file if line.endswith("\n")]

    def numbers(self, path):
        return [int(json.loads(line)["id"].split("-")[1]) for line in self.lines(path)]

    def caught_up(self, path):
        return os.path.exists(path) and len(self.lines(path)) >= self.last_event()

    def check_whole(self, path):
        self.assertEqual(self.numbers(path), list(range(1, self.last_event() + 1)))

    def check_resume(self, language):
        path = os.path.join(self.folder, language + ".ndjson")
        bridge = self.start()
        self.trade(bridge, 2)
        for killed_with in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            stopped = threading.Event()
            self.addCleanup(stopped.set)
            busy = threading.Thread(target=self.trade_until, args=(bridge, stopped))
            before = len(self.lines(path)) if os.path.exists(path) else 0
            busy.start()
            child = self.begin(bridge.port, language, "follow_feed", path, stdout=subprocess.DEVNULL)
            until(lambda: os.path.exists(path) and len(self.lines(path)) > before + 6)
            child.send_signal(killed_with)
            child.wait(timeout=10)
            until(lambda: self.last_event() > len(self.lines(path)) + 6)  # orders happen meanwhile
            stopped.set()
            busy.join()
        with open(path, "a", encoding="utf-8") as file:
            file.write('{"event":"order","id":"1')  # as a kill in the middle of a write leaves it
        child = self.begin(bridge.port, language, "follow_feed", path, stdout=subprocess.DEVNULL)
        until(lambda: self.caught_up(path))
        self.check_whole(path)
        bridge.kill()  # now the bridge: the follower comes back by itself
        bridge = self.start("--listen", "127.0.0.1:%d" % bridge.port)
        self.trade(bridge, 3)
        until(lambda: self.caught_up(path))
        self.assertIsNone(child.poll())
        self.end(child)
        self.check_whole(path)

    def test_bash(self):
        self.check_resume("bash")

    def test_python(self):
        self.check_resume("python")

    def test_node(self):
        self.check_resume("node")

    def test_another_journal_is_told_by_a_reset(self):
        bridge = self.start()
        self.trade(bridge, 2)
        for language in LANGUAGES:
            with self.subTest(language=language):
                path = os.path.join(self.folder, language + "-foreign.ndjson")
                with open(path, "w", encoding="utf-8") as file:
                    file.write('{"event":"order","id":"77-5","data":{}}\n')
                child = self.begin(bridge.port, language, "follow_feed", path, stdout=subprocess.DEVNULL)
                until(lambda: len(self.lines(path)) > 1)
                self.assertEqual(json.loads(self.lines(path)[1])["event"], "reset")
                self.trade(bridge, 1)
                until(lambda: self.numbers(path)[-1] == self.last_event())
                self.end(child)
                numbers = self.numbers(path)[1:]
                self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))

    def test_refusals_end_it(self):
        bridge = self.start()
        for language in LANGUAGES:
            with self.subTest(language=language):
                code, out, err = self.run_it(free_port(), language, "follow_feed")
                self.assertEqual(code, 1, (out, err))
                self.assertIn("no bridge at", err)
                path = os.path.join(self.folder, language + "-bad.ndjson")
                with open(path, "w", encoding="utf-8") as file:
                    file.write('{"event":"order","id":"1-5&topics=x"}\n')
                code, out, err = self.run_it(bridge.port, language, "follow_feed", path)
                self.assertEqual(code, 1, (out, err))
                self.assertIn("malformed_query", err)


class ExportFills(Examples):
    def test_all_pages_once(self):
        bridge = self.start()

        def load(worker):
            for number in range(260):
                request(bridge.port, "POST", "/orders?wait=final", "symbol=BTCUSDT&side=%s&qty=0.001&type=market&client_id=x%d-%d"
                        % ("buy" if number % 2 else "sell", worker, number))

        workers = [threading.Thread(target=load, args=(n,)) for n in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        there = sorted(execution["execId"] for execution in self.sim_get("/sim/executions")["list"])
        until(lambda: request(bridge.port, "GET", "/orders?state=open").json["items"] == [])
        self.assertGreater(len(there), 1000)
        for language in LANGUAGES:
            with self.subTest(language=language):
                path = os.path.join(self.folder, language + ".csv")
                code, out, err = self.run_it(bridge.port, language, "export_fills", path)
                self.assertEqual((code, err), (0, ""), out)
                self.assertEqual(int(re.match(r"(\d+) fills in ", out).group(1)), len(there))
                with open(path, newline="", encoding="utf-8") as file:
                    rows = list(csv.DictReader(file))
                self.assertEqual(sorted(row["id"] for row in rows), there)
                self.assertEqual({row["symbol"] for row in rows}, {"BTCUSDT"})
                code, out, err = self.run_it(bridge.port, language, "export_fills", path, "tag=nobody")
                self.assertEqual((code, out.split()[0]), (0, "0"), err)
                code, out, err = self.run_it(bridge.port, language, "export_fills", path, "colour=red")
                self.assertEqual(code, 1, out)
                self.assertIn("unknown_query", err)
                with open(path, encoding="utf-8") as file:
                    self.assertEqual(len(file.readlines()), 1)  # the file before stays
                self.assertEqual(self.run_it(free_port(), language, "export_fills", path)[0], 1)
        self.assertEqual(sorted(os.listdir(self.folder)), ["bash.csv", "journal", "node.csv", "python.csv"])


if __name__ == "__main__":
    unittest.main()
