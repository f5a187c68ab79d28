"""`bybit-bridge kill`: what is typed when things go wrong says the truth, also when nobody answers."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import unittest

import harness
from guard_kit import CREATE, GuardCase, SlowDisk, request, slow_disk_library, until
from harness import Feed
from test_healthcheck import Impostor, reply

WHOLE, PARTLY, UNREACHED, USAGE = 0, 1, 2, 64
TOKENS = {"token": "trade-canary-0123456789", "read_token": "read-canary-0123456789", "admin_token": "admin-canary-0123456789"}


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class KillCommand(GuardCase):
    def kill(self, expected, *options, env=None, timeout=60):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BYBIT_")}
        environment.update({"XDG_STATE_HOME": self.folder, **(env or {})})
        done = subprocess.run([harness.BRIDGE, "kill", *options], env=environment, capture_output=True, text=True, timeout=timeout)
        self.assertEqual(done.returncode, expected, (done.stdout, done.stderr))
        said = done.stderr if expected in (UNREACHED, 78) else done.stdout
        self.assertRegex(said, r"\A[ -~\n]*\Z")
        if expected != USAGE:
            self.assertEqual(said, done.stdout + done.stderr)
        harness.check_canaries({"the output": (done.stdout + done.stderr).encode()}, list(TOKENS.values()))
        return said

    def at(self, bridge):
        return "--listen", "127.0.0.1:%d" % bridge.port

    def token_env(self, **tokens):
        env = {}
        for name, token in tokens.items():
            path = os.path.join(self.folder, name)
            with open(path, "w", encoding="ascii") as file:
                file.write(token + "\n")
            os.chmod(path, 0o600)
            env["BYBIT_BRIDGE_%s_FILE" % name.upper()] = path
        return env

    def test_open_orders_are_cancelled_and_told(self):
        bridge = self.start()
        feed = Feed(bridge.port, "orders")
        self.addCleanup(feed.close)
        feed.wait(lambda e: e["event"] == "guard" and "id" not in e and e["data"]["killed"] is False)
        for category in ("linear", "spot", "inverse"):
            self.place(bridge, category, client_id="rest-" + category)
        other = self.exchange.rest("linear")
        said = self.kill(WHOLE, "--reason", "it went wrong", *self.at(bridge))
        self.assertIn("killed: no new orders are sent", said)
        self.assertIn("cancelled: 4\n", said)
        for category in ("linear", "spot", "inverse"):
            self.assertIn("client_id=rest-" + category, said)
        self.assertIn(other, said)
        self.assertIn("nothing is open at the exchange any more", said)
        self.assertEqual(self.open_there(), {})
        guard = self.guard(bridge)
        self.assertEqual((guard["killed"], guard["clear"], guard["reason"]), (True, True, "it went wrong"))
        answer = request(bridge.port, "POST", "/orders", {"symbol": "BTCUSDT", "side": "buy", "qty": "0.001"})
        self.assertEqual((answer.status, answer.json["code"]), (422, "guard_killed"))
        told = feed.wait(lambda e: e["event"] == "guard" and e["data"]["change"] == "killed")
        self.assertIn("id", told)
        self.assertEqual(told["data"]["reason"], "it went wrong")
        feed.wait(lambda e: e["event"] == "guard" and e["data"]["change"] == "clear")
        late = Feed(bridge.port, "guard")
        self.addCleanup(late.close)
        shown = late.wait(lambda e: e["event"] == "guard")
        self.assertEqual((shown.get("id"), shown["data"]["killed"], shown["data"]["clear"]), (None, True, True))
        self.kill(WHOLE, *self.at(bridge))  # again is no harm
        request(bridge.port, "POST", "/guard/arm")
        late.wait(lambda e: e["event"] == "guard" and e["data"]["change"] == "armed")
        items = request(bridge.port, "GET", "/events?after=earliest").json["items"]
        changes = [i["data"]["change"] for i in items if i["event"] == "guard"]
        self.assertEqual((changes[:2], changes[-1]), (["killed", "clear"], "armed"))

    def test_by_environment_file_and_socket(self):
        folder = os.path.join(self.folder, "socket")
        os.mkdir(folder, 0o700)
        path = os.path.join(folder, "bridge.sock")
        bridge = self.start("--unix-socket", path)
        self.kill(WHOLE, env={"BYBIT_BRIDGE_LISTEN": "127.0.0.1:%d" % bridge.port})
        self.kill(WHOLE, "--unix-socket", path)
        config = os.path.join(self.folder, "bridge.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write("listen = 127.0.0.1:%d\nunix-socket = %s\n" % (bridge.port, path))
        self.kill(WHOLE, "--config=" + config, "--reason=by file", "--timeout=5s")
        keys = {"BYBIT_API_KEY": "k", "BYBIT_API_SECRET_FILE": "/nonexistent", "CREDENTIALS_DIRECTORY": "/nonexistent"}
        self.kill(WHOLE, *self.at(bridge), env=keys)  # these are not read

    def test_the_trade_token_is_shown_and_a_reader_may_not(self):
        env = self.token_env(**TOKENS)
        bridge = self.start(env=env, wait=False)
        bridge.canaries += list(TOKENS.values())
        until(lambda: request(bridge.port, "GET", "/readyz", headers={"X-Api-Key": TOKENS["read_token"]}).status == 200)
        said = self.kill(UNREACHED, *self.at(bridge), "--journal", self.journal)
        self.assertIn("NOT KILLED: token_required: ", said)
        self.assertIn("kill -USR1 %d\n" % bridge.child.pid, said)
        said = self.kill(UNREACHED, *self.at(bridge), env={k: v for k, v in env.items() if "READ" in k})
        self.assertIn("NOT KILLED: wrong_role: ", said)
        self.kill(WHOLE, *self.at(bridge), env=env)
        self.kill(WHOLE, *self.at(bridge), env={k: v for k, v in env.items() if "ADMIN" in k})

    def test_read_only_says_so(self):
        bridge = self.start("--read-only")
        self.assertIn("NOT KILLED: read_only: ", self.kill(UNREACHED, *self.at(bridge)))
        for method, path in (("POST", "/guard/kill"), ("POST", "/guard/arm"), ("PATCH", "/guard")):
            answer = request(bridge.port, method, path, {"reason": "x"})
            self.assertEqual((answer.status, answer.json["code"]), (403, "read_only"), path)

    def test_what_the_exchange_refuses_is_told(self):
        bridge = self.start()
        self.place(bridge, client_id="stays")
        self.sim.kill()
        said = self.kill(PARTLY, *self.at(bridge), "--timeout", "2s")
        self.assertIn("killed: no new orders are sent", said)
        self.assertIn("NOT ALL IS KNOWN TO BE CANCELLED", said)
        self.assertIn("not clear: linear USDT: ", said)
        self.assertIn("STILL OPEN: 1\n", said)
        self.assertEqual(self.guard(bridge)["killed"], True)

    def test_a_disk_that_hangs_is_told(self):
        if not slow_disk_library():
            self.skipTest("the library that slows syncs down is not built")
        disk = SlowDisk(self.folder)
        bridge = self.start(env=disk.env)
        self.place(bridge, client_id="open")
        disk.slow(8000)
        self.addCleanup(disk.fast)
        feed = Feed(bridge.port, "guard")
        self.addCleanup(feed.close)
        feed.wait(lambda e: e["event"] == "guard")
        said = self.kill(PARTLY, *self.at(bridge), "--timeout", "3s")
        self.assertIn("NOT STORED", said)
        until(lambda: not self.open_there())
        late = Feed(bridge.port, "guard")  # the truth is in memory
        self.addCleanup(late.close)
        self.assertTrue(late.wait(lambda e: e["event"] == "guard")["data"]["killed"])
        disk.fast()
        self.kill(WHOLE, *self.at(bridge), "--timeout", "30s")
        feed.wait(lambda e: e["event"] == "guard" and e["data"]["change"] == "killed")

    def test_nobody_there(self):
        bridge = self.start()
        where = "127.0.0.1:%d" % free_port()
        said = self.kill(UNREACHED, "--listen", where, "--journal", self.journal)
        self.assertIn("NOT KNOWN TO BE KILLED: cannot ask %s: Connection refused\n" % where, said)
        pid = int(re.search(r"kill -USR1 (\d+)\n", said).group(1))
        self.assertEqual(pid, bridge.child.pid)
        os.kill(pid, signal.SIGUSR1)
        until(lambda: self.guard(bridge)["killed"])
        bridge.stop()
        said = self.kill(UNREACHED, "--listen", where, "--journal", self.journal)
        self.assertIn("kill -USR1 PID, with the bridge's process id\n", said)  # the lock is nobody's
        self.kill(UNREACHED, "--listen", "127.0.0.1:0")
        self.kill(UNREACHED, "--unix-socket", "/nonexistent/bridge.sock")

    def test_a_bridge_that_is_stopped_in_its_tracks(self):
        bridge = self.start()
        bridge.child.send_signal(signal.SIGSTOP)
        self.addCleanup(bridge.child.send_signal, signal.SIGCONT)
        said = self.kill(UNREACHED, *self.at(bridge), "--timeout", "1s", "--journal", self.journal)
        self.assertIn("gives no whole answer in time", said)
        self.assertIn("kill -USR1 %d\n" % bridge.child.pid, said)
        bridge.child.send_signal(signal.SIGCONT)

    def test_wrong_options(self):
        for options in (("--reason",), ("--timeout",), ("--timeout", "soon"), ("--timeout", "11m"), ("--lisen", "x")):
            self.kill(USAGE, *options)
        self.assertIn("2 no bridge said", self.kill(0, "--help"))

    def impostor(self, answer):
        impostor = Impostor(answer if callable(answer) else lambda connection: connection.sendall(answer))
        self.addCleanup(impostor.close)
        return impostor, "127.0.0.1:%d" % impostor.address[1]

    def test_the_request_that_is_sent(self):
        good = {"killed": True, "clear": True, "durable": True, "kill": {"cancelled_count": 0, "cancelled": [], "scopes": []}}
        impostor, where = self.impostor(reply("200 OK", json.dumps(good)))
        self.kill(WHOLE, "--listen", where)
        self.kill(WHOLE, "--listen", where, "--reason", 'a "quoted"\nreason', env=self.token_env(**TOKENS))
        lines = impostor.heads[0].split("\r\n")
        self.assertRegex(lines[0], r"\APOST /guard/kill\?timeout=\d+ms HTTP/1.1\Z")
        self.assertFalse([line for line in lines if line.startswith("Auth") or "Content" in line])
        self.assertIn("Authorization: Bearer %s\r\n" % TOKENS["token"], impostor.heads[1])
        self.assertIn('\r\n\r\n{"reason":"a \\"quoted\\"\\u000areason"}', impostor.heads[1])

    def test_answers_that_no_bridge_gives(self):
        answers = [b"", b"SSH-2.0-OpenSSH_9.2\r\n", reply("200 OK", "ready\n"), reply("200 OK", "{}"), reply("200 OK", "[1]"),
                   reply("200 OK", '{"killed":false}'), reply("200 OK", '{"killed":"true"}'), reply("204 No", ""),
                   reply("302 Found", '{"killed":true}'), reply("503 No", "{}"), reply("200 OK", '{"killed":true', length=99),
                   b"x" * 2000000]
        for answer in answers:
            _, where = self.impostor(answer)
            with self.subTest(answer=answer[:60]):
                self.assertIn("NOT KNOWN TO BE KILLED", self.kill(UNREACHED, "--listen", where, "--timeout", "1s"))
        for body in ('{"killed":true}', '{"killed":true,"clear":true,"durable":true}', '{"killed":true,"kill":[]}',
                     '{"killed":true,"kill":{"cancelled":[1,{"symbol":["a"]},null],"cancelled_count":"x","scopes":[{},7]}}',
                     '{"killed":true,"kill":{"scopes":[{"category":"\\u001b[2J","state":"%n%s\\n","error":"' + "y" * 2000 + '"}]}}'):
            _, where = self.impostor(reply("200 OK", body))
            with self.subTest(body=body[:60]):
                self.kill(PARTLY, "--listen", where, "--timeout", "0")

    def test_a_long_reason_is_cut(self):
        bridge = self.start()
        self.kill(WHOLE, "--reason", "x" * 158 + "\u00fc" * 100, *self.at(bridge))
        self.assertEqual(self.guard(bridge)["reason"], "x" * 158)

    def test_a_token_that_cannot_be_read_leaves_the_signal(self):
        said = self.kill(78, "--token-file", os.path.join(self.folder, "none"))
        self.assertIn("No such file", said)
        self.assertIn("kill -USR1 PID", said)

    def test_a_busy_bridge_is_asked_again(self):
        good = {"killed": True, "clear": True, "durable": True, "kill": {"cancelled_count": 0, "cancelled": [], "scopes": []}}
        answers = [reply("503 No", '{"code":"busy","detail":"x"}'), reply("503 No", '{"code":"busy","detail":"x"}'),
                   reply("200 OK", json.dumps({**good, "clear": False})), reply("200 OK", json.dumps(good))]
        impostor, where = self.impostor(lambda connection: connection.sendall(answers.pop(0)))
        self.kill(WHOLE, "--listen", where)
        self.assertEqual(len(impostor.heads), 4)

    def test_in_a_flood_of_everything(self):
        """All connections of the bridge are taken, and all places of creates."""
        bridge = self.start("--max-streams", "1", env={})
        stop = threading.Event()
        held = []

        def flood():
            while not stop.is_set():
                try:
                    held.append(socket.create_connection(("127.0.0.1", bridge.port), timeout=5))
                    held[-1].sendall(b"GET /events?wait=60s HTTP/1.1\r\nHost: localhost\r\n\r\n")
                except OSError:
                    pass
                if len(held) > 2600:
                    stop.wait(0.02)

        flooders = [threading.Thread(target=flood) for _ in range(2)]
        for one in flooders:
            one.start()
        try:
            until(lambda: len(held) > 2600, 60)
            self.kill(WHOLE, *self.at(bridge), "--timeout", "20s")
        finally:
            stop.set()
            for one in flooders:
                one.join()
            for one in held:
                one.close()
        self.assertEqual(self.seen(CREATE), [])


if __name__ == "__main__":
    unittest.main()
