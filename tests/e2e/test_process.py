"""Start, stop, exit codes and last lines, as a user or a supervisor sees them."""
import os
import socket
import subprocess
import time
import unittest

from harness import BRIDGE, Case, Feed, Process, request


def run(*args, env=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BYBIT_")}
    environment.update(env or {})
    done = subprocess.run([BRIDGE, *args], capture_output=True, timeout=30, env=environment, text=True)
    return done.returncode, done.stdout, done.stderr.strip().splitlines()


class EmbeddedExchange(Case):
    with_sim = False

    def test_first_minute_without_keys(self):
        bridge = Process(["--listen", "127.0.0.1:0"], {"XDG_STATE_HOME": self.folder})
        self.addCleanup(self._stop, bridge)
        self.wait_ready(bridge)
        self.assertIn("no real money", bridge.stdout)
        time.sleep(0.1)
        self.assertEqual(bridge.stdout.count("curl"), 3)
        answer = request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.01&type=market")
        self.assertEqual(answer.status, 201, answer)
        self.wait_state(bridge, answer.json["client_id"], "filled")
        self.assertIn("B=http://127.0.0.1:%d\n" % bridge.port, request(bridge.port, "GET", "/").body)
        bridge.stop()
        again = Process(["--listen", "127.0.0.1:0"], {"XDG_STATE_HOME": self.folder})
        self.addCleanup(self._stop, again)
        self.wait_ready(again)
        self.assertEqual(request(again.port, "GET", "/orders?state=all").json["items"], [])

    def test_wrong_flags_exit_64_and_say_what_to_do(self):
        for args in (["--lisen", "127.0.0.1:1"], ["--listen"], ["run"], ["sim", "--journal", "x"]):
            code, _, stderr = run(*args)
            self.assertEqual(code, 64, (args, stderr))
            self.assertTrue(stderr)
        self.assertIn("--listen", run("--lisen", "x")[2][-1])
        for args in (["--api-secret=canary"], ["--api-key", "canary"], ["--" + "a" * 200]):
            code, out, stderr = run(*args)
            self.assertEqual(code, 64, stderr)
            self.assertNotIn("canary", out + "".join(stderr))
        self.assertIn("environment", run("--api-secret=canary")[2][-1])

    def test_config_files_of_every_wrong_kind(self):
        path = os.path.join(self.folder, "bridge.conf")
        fifo = os.path.join(self.folder, "fifo.conf")
        os.mkfifo(fifo, 0o600)
        for file in (self.folder, fifo, "/dev/zero", "/nonexistent", ""):
            code, _, stderr = run("--config", file)
            self.assertEqual(code, 78, (file, stderr))
            self.assertIn("--config", stderr[-1])
        for content, said in ((b"env sim", "NAME = VALUE"), (b"envv = sim", "nearest: env"), (b"env = moon", "mainnet"),
                              (b"a" * 5000, "longer than"), (b"listen = 127.0.0.1:0\0\nenv = x\n", "NUL"),
                              (b"api-secret = canary", "environment"), (b"BYBIT_API_SECRET = canary", "environment"),
                              (b"no-limits = maybe", "true or false"), (b"help = true", "command line"), (b"config = x", "command line"),
                              (b"allow-origin = http://localhost:3000/", "slash"), (b"allow-origin = null", "http://"),
                              (b"journal = " + b"a" * 600, "characters"), (bytes(range(1, 255)), "line 1")):
            with open(path, "wb") as file:
                file.write(b"\n# a comment\n" * (b"line 1" not in said.encode()) + content)
            code, _, stderr = run("--config", path)
            self.assertEqual(code, 78, (content[:40], stderr))
            self.assertIn(said, stderr[-1])
            self.assertNotIn("canary", stderr[-1])

    def test_wrong_configuration_exits_78_and_says_what_to_do(self):
        secret = os.path.join(self.folder, "secret")
        with open(secret, "w", encoding="ascii") as file:
            file.write("hush\n")
        os.chmod(secret, 0o644)
        link = os.path.join(self.folder, "link")
        os.symlink(secret, link)
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo, 0o600)
        state = {"XDG_STATE_HOME": self.folder}
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        blocked = os.path.join(self.folder, "file")
        with open(blocked, "w", encoding="ascii"):
            pass
        keys = {"BYBIT_API_KEY": "k", **state}
        cases = [
            (["--listen", "0.0.0.0:0"], state, "127.0.0.1"),
            (["--listen", "127.0.0.1:%d" % port], state, "--listen"),
            (["--journal", blocked + "/x/y.db"], state, blocked),
            (["--env", "moon"], state, "mainnet"),
            ([], {**state, "BYBIT_BRIDGE_LISTN": "127.0.0.1:0"}, "--listen"),
            ([], {**state, "BYBIT_BRIDGE_LISTEN": "nowhere"}, "ADDRESS:PORT"),
            (["--env", "testnet"], {**keys, "BYBIT_API_SECRET_FILE": secret}, "chmod 600"),
            (["--env", "testnet"], {**keys, "BYBIT_API_SECRET_FILE": link}, "symbolic link"),
            (["--env", "testnet"], {**keys, "BYBIT_API_SECRET_FILE": fifo}, "regular file"),
            (["--env", "testnet"], keys, "BYBIT_API_SECRET"),
            ([], {**keys, "BYBIT_API_SECRET": "s"}, "--env"),
            (["--rest-url", "http://example.com", "--ws-url", "ws://example.com"], state, "127.0.0.1 or"),
        ]
        for args, env, said in cases:
            with self.subTest(args=args, said=said):
                code, _, stderr = run(*args, env=env)
                self.assertEqual(code, 78, stderr)
                self.assertIn(said, stderr[-1])
        taken.close()

    def test_help_version_and_print_config(self):
        code, out, _ = run("--help")
        self.assertEqual(code, 0)
        self.assertIn("--journal", out)
        self.assertNotIn("--speed", out)
        self.assertRegex(run("--version")[1], r"^bybit-bridge \d+\.\d+\.\d+$")
        code, out, _ = run("--print-config", "--env", "testnet", env={"BYBIT_API_KEY": "k", "BYBIT_API_SECRET": "canary-s"})
        self.assertEqual(code, 0)
        self.assertIn("https://api-testnet.bybit.com", out)
        self.assertNotIn("canary", out)


class Stopping(Case):
    def test_sigterm_ends_within_a_second_and_streams_get_bye(self):
        bridge = self.start()
        feed = Feed(bridge.port, "orders,ticker:BTCUSDT")
        feed.wait(lambda e: e["event"] == "ticker")
        start = time.monotonic()
        bridge.stop()
        self.assertLess(time.monotonic() - start, 1.0 if "asan" not in BRIDGE and "tsan" not in BRIDGE else 3.0)
        feed.wait(lambda e: e["event"] == "bye")
        self.assertTrue(feed.ended.wait(2))
        feed.close()

    def test_second_bridge_on_one_journal_is_refused(self):
        self.start()
        code, _, stderr = run("--env", "sim", "--rest-url", "http://127.0.0.1:%d" % self.sim.port, "--ws-url",
                              "ws://127.0.0.1:%d" % self.sim.port, "--listen", "127.0.0.1:0", "--journal", self.journal,
                              env={"BYBIT_API_KEY": "SIMKEY0001", "BYBIT_API_SECRET": "x"})
        self.assertEqual(code, 78, stderr)
        self.assertIn("journal", stderr[-1])

    def test_wrong_secret_is_told_and_nothing_is_sent_twice(self):
        bridge = self.start(env={"BYBIT_API_SECRET": "wrong"}, wait=False)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and request(bridge.port, "GET", "/readyz").status != 503:
            time.sleep(0.05)
        answer = request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.01&type=market")
        self.assertIn(answer.status, (502, 503), answer)
        self.assertEqual(self.sim_get("/sim/stats")["creates_accepted"], 0)
        self.assertNotIn("canary", bridge.stderr())

    def test_public_data_without_keys(self):
        bridge = Process(["--env", "sim", "--rest-url", "http://127.0.0.1:%d" % self.sim.port, "--ws-url",
                          "ws://127.0.0.1:%d" % self.sim.port, "--listen", "127.0.0.1:0"])
        self.addCleanup(self._stop, bridge)
        self.wait_ready(bridge)
        self.assertEqual(request(bridge.port, "GET", "/price/BTCUSDT").status, 200)
        for method, path, body in (("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.01&type=market"),
                                   ("POST", "/orders?dry_run=1", "symbol=BTCUSDT&side=buy&qty=0.01&type=market"),
                                   ("POST", "/orders", "[{}]"), ("PATCH", "/orders/x", "qty=1"),
                                   ("GET", "/orders", None), ("GET", "/fills", None), ("DELETE", "/orders/x", None),
                                   ("DELETE", "/orders?all=true", None), ("GET", "/orders/x/timeline", None),
                                   ("PUT", "/positions/BTCUSDT", "qty=1"), ("DELETE", "/positions/BTCUSDT", None),
                                   ("PATCH", "/positions/BTCUSDT", "leverage=5"), ("GET", "/positions", None),
                                   ("GET", "/pnl", None), ("GET", "/balance", None), ("GET", "/events", None),
                                   ("POST", "/guard/kill", None), ("GET", "/stream?topics=orders", None)):
            answer = request(bridge.port, method, path, body)
            self.assertEqual((answer.status, answer.json["code"]), (401, "no_api_key"), (path, answer))
        feed = Feed(bridge.port, "ticker:BTCUSDT")
        feed.wait(lambda e: e["event"] == "ticker")
        feed.close()


if __name__ == "__main__":
    unittest.main()
