"""Starts the real bridge and the real simulated exchange on free ports, and talks to them."""
import glob
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import warnings

import document

BRIDGE = os.environ.get("BRIDGE", "build/dev/bybit-bridge")
KEY, SECRET = "SIMKEY0001", "sim-secret-canary-5f1c9e"
START_S = 20


SIM_PORTS = set()  # the simulated exchange knows the key, and may say it


def check_canaries(places, canaries):
    """No secret is in any of the places, which are bytes by name (G22, G23)."""
    for name, content in places.items():
        for canary in canaries:
            if canary.encode() in content:
                raise AssertionError("the canary %s... is in %s" % (canary[:6], name))


def read_places(paths):
    """The content of those files that can be read."""
    places = {}
    for path in paths:
        try:
            with open(path, "rb") as file:
                places[path] = file.read()
        except OSError:
            pass  # gone, or closed to us too
    return places


class Process:
    """A child whose stdout says a port, and whose stderr is kept (unless `stderr` is given). When it ends, no secret may be found
    in what it left."""

    def __init__(self, args, env=None, pattern=r"http://[^ ]*?:(\d+)", stderr=None):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BYBIT_")}
        environment.update(env or {})
        self.args, self.env = list(args), environment
        self.canaries = [SECRET, KEY]  # tests add their tokens
        self.stderr_path = tempfile.NamedTemporaryFile(prefix="bridge-stderr-", delete=False).name
        with open(self.stderr_path, "wb") as log:
            self.child = subprocess.Popen([BRIDGE, *args], stdout=subprocess.PIPE, stderr=stderr or log, env=environment)
        self.port = None
        self.stdout = ""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            line = self.child.stdout.readline().decode()
            if not line:
                break
            self.stdout += line
            found = re.search(pattern, line)
            if found:
                self.port = int(found.group(1))
                break
        if self.port is None:
            self.child.wait(timeout=10)
            failure = AssertionError("%s did not start: %s" % (args, self.stderr()))
            failure.status = self.child.returncode
            raise failure
        if args and args[0] == "sim":
            SIM_PORTS.add(self.port)
        else:
            SIM_PORTS.discard(self.port)
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self):
        try:
            for line in self.child.stdout:
                self.stdout += line.decode()
        except ValueError:
            pass

    def stderr(self):
        with open(self.stderr_path, "rb") as log:
            return log.read().decode(errors="replace")

    def check_running(self):
        """The command line and the environment, while they can be read."""
        if self.child.poll() is None:
            check_canaries(read_places("/proc/%d/%s" % (self.child.pid, name) for name in ("cmdline", "environ")),
                           self.canaries)

    def check_left(self):
        """What it wrote: its output, and the journal with its WAL."""
        places = {"stderr": self.stderr().encode(), "stdout": self.stdout.encode()}
        if "--journal" in self.args:
            places.update(read_places(glob.glob(self.args[self.args.index("--journal") + 1] + "*")))
        if "XDG_STATE_HOME" in self.env:
            places.update(read_places(glob.glob(os.path.join(self.env["XDG_STATE_HOME"], "bybit-bridge", "*"))))
        check_canaries(places, self.canaries)

    def kill(self):
        """As a crash would: no clean-up."""
        self.check_running()
        self.child.kill()
        self.child.wait(timeout=10)
        self.check_left()

    def stop(self, expect=0):
        self.check_running()
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(timeout=15)
        text = self.stderr()
        self.check_left()
        os.unlink(self.stderr_path)
        self.child.stdout.close()
        if code != expect or "ERROR: " in text or "WARNING: ThreadSanitizer" in text or "runtime error" in text:
            raise AssertionError("exit %s, stderr:\n%s" % (code, text[-8000:]))


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "%s %s" % (self.status, self.body[:600])


def request(port, method, path, body=None, headers=None, timeout=20):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    headers = dict(headers or {})
    if isinstance(body, dict):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    elif isinstance(body, str):
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    try:
        connection.request(method, path, body=body, headers=headers)
        reply = connection.getresponse()
        answer = Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode())
        if port not in SIM_PORTS:
            check_canaries({"the reply to " + path: (answer.body + str(reply.getheaders())).encode()}, [SECRET, KEY])
        document.check(method, path, answer.status, answer.headers, answer.body)
        return answer
    finally:
        connection.close()


def as_user(uid, work):
    """What `work` returns (a text) in a child process of that user. For tests that run as root."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            warnings.simplefilter("ignore")  # about what the child leaves open
            os.close(receive)
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.write(send, work().encode())
        except BaseException as error:
            os.write(send, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as said:
        text = said.read().decode()
    os.waitpid(child, 0)
    return text


class Feed:
    """Reads /stream in a thread and keeps its events."""

    def __init__(self, port, topics, after=None, last_id=None):
        self.events = []
        self.undescribed = None  # the first event that openapi.yaml does not describe
        self.ended = threading.Event()
        path = "/stream?topics=" + topics + ("&after=" + after if after else "")
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.connection.request("GET", path, headers={"Last-Event-ID": last_id} if last_id else {})
        self.reply = self.connection.getresponse()
        if self.reply.status != 200:
            raise AssertionError("stream: %s %s" % (self.reply.status, self.reply.read()))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        event = {}
        try:
            while True:
                line = self.reply.readline()
                if not line:
                    break
                line = line.decode().rstrip("\r\n")
                if line == "":
                    if "data" in event:
                        event["data"] = json.loads(event["data"])
                        self._check(event)
                        self.events.append(event)
                    event = {}
                elif not line.startswith(":"):
                    name, _, value = line.partition(":")
                    event[name] = value.lstrip(" ")
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            pass
        self.ended.set()

    def _check(self, event):
        try:
            document.check_event(event["event"], event["data"])
        except document.Undescribed as error:
            self.undescribed = self.undescribed or error

    def wait(self, wanted, timeout=15):
        """The first event that `wanted` accepts."""
        deadline = time.monotonic() + timeout
        seen = 0
        while time.monotonic() < deadline:
            while seen < len(self.events):
                if wanted(self.events[seen]):
                    return self.events[seen]
                seen += 1
            if self.undescribed:
                raise self.undescribed
            time.sleep(0.01)
        raise AssertionError("no such event; got %s" % [e for e in self.events][-20:])

    def named(self, name):
        return [e for e in self.events if e.get("event") == name]

    def close(self):
        try:
            self.reply.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass
        self.ended.wait(5)
        self.connection.close()
        if self.undescribed:
            raise self.undescribed


def until(check, timeout=15, every=0.05):
    """Waits until check() is true; returns what it gave."""
    deadline = time.monotonic() + timeout
    while True:
        got = check()
        if got:
            return got
        if time.monotonic() > deadline:
            raise AssertionError("did not come true in %s s" % timeout)
        time.sleep(every)


class Case(unittest.TestCase):
    """A simulated exchange of its own for each test, and helpers for bridges in front of it."""

    speed = 20
    with_sim = True

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bridge-e2e-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.journal = os.path.join(self.folder, "journal", "test.db")
        self.running = []
        if self.with_sim:
            self.sim = Process(["sim", "--listen", "127.0.0.1:0", "--sim-control", "--no-limits"],
                               {"BYBIT_SIM_KEY": KEY, "BYBIT_SIM_SECRET": SECRET})
            self.addCleanup(self._stop, self.sim)

    def _stop(self, process):
        if process.child.poll() is None:
            process.stop()

    def start(self, *options, rest_port=None, ws_port=None, env=None, scheme=("http", "ws"), wait=True):
        rest_port = rest_port or self.sim.port
        ws_port = ws_port or rest_port
        bridge = Process(
            ["--env", "sim", "--rest-url", "%s://127.0.0.1:%d" % (scheme[0], rest_port),
             "--ws-url", "%s://127.0.0.1:%d" % (scheme[1], ws_port), "--listen", "127.0.0.1:0",
             "--journal", self.journal, "--no-limits", "--speed", str(self.speed), *options],
            {"BYBIT_API_KEY": KEY, "BYBIT_API_SECRET": SECRET, **(env or {})})
        self.addCleanup(self._stop, bridge)
        if wait:
            self.wait_ready(bridge)
        return bridge

    def wait_ready(self, bridge):
        last = []

        def ready():
            answer = request(bridge.port, "GET", "/readyz")
            last.append(answer)
            return answer.status == 200

        try:
            until(ready, START_S)
        except AssertionError:
            raise AssertionError("not ready: %s\n%s" % (last[-1], bridge.stderr()[-3000:]))

    def sim_do(self, path, body):
        answer = request(self.sim.port, "POST", path, body)
        self.assertEqual(answer.status, 200, answer)
        return answer

    def sim_get(self, path):
        answer = request(self.sim.port, "GET", path)
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def price(self, bridge, symbol="BTCUSDT"):
        answer = request(bridge.port, "GET", "/price/" + symbol)
        self.assertEqual(answer.status, 200, answer)
        return answer.body.strip()

    def order(self, bridge, client_id):
        return request(bridge.port, "GET", "/orders/" + client_id)

    def wait_state(self, bridge, client_id, *states, timeout=15):
        last = []

        def reached():
            answer = self.order(bridge, client_id)
            last.append(answer)
            return answer.status == 200 and answer.json["state"] in states and answer

        try:
            return until(reached, timeout).json
        except AssertionError:
            raise AssertionError("order %s is not %s: %s" % (client_id, states, last[-1]))
