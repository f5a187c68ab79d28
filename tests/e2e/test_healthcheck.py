"""`bybit-bridge healthcheck`: one line and a true exit status, whoever answers."""
import os
import socket
import subprocess
import threading
import time
import unittest

from harness import BRIDGE, Case, Process, request, until

READY, NOT_READY, UNREACHABLE = 0, 1, 2
TOKEN = "token-canary-0123456789abcdef"
HAS_IPV6 = os.path.exists("/proc/net/if_inet6")


def healthcheck(*options, env=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BYBIT_")}
    environment.update(env or {})
    begin = time.monotonic()
    done = subprocess.run([BRIDGE, "healthcheck", *options], capture_output=True, timeout=30, env=environment, text=True)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - begin


def reply(status, body, length=None, more=""):
    length = len(body) if length is None else length
    return ("HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %s\r\n%s\r\n%s" % (status, length, more, body)).encode()


class Impostor:
    """Listens where a bridge should, and does `answer(connection)` to whoever comes."""

    def __init__(self, answer, family=socket.AF_INET, address=("127.0.0.1", 0)):
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.bind(address)
        self.socket.listen(8)
        self.answer, self.heads = answer, []
        self.address = self.socket.getsockname()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                try:
                    head = b""
                    while b"\r\n\r\n" not in head:
                        more = connection.recv(4096)
                        if not more:
                            break
                        head += more
                    self.heads.append(head.decode())
                    self.answer(connection)
                except OSError:
                    pass

    def close(self):
        self.socket.close()


class Healthcheck(Case):
    def impostor(self, answer, **where):
        impostor = Impostor(answer if callable(answer) else lambda connection: connection.sendall(answer), **where)
        self.addCleanup(impostor.close)
        return impostor

    def check(self, expected, said, *options, env=None):
        code, out, err, took = healthcheck(*options, env=env)
        self.assertEqual(code, expected, (out, err))
        self.assertRegex(out, r"\A[ -~]{1,767}\n\Z")
        self.assertIn(said, out)
        self.assertEqual(err, "")
        self.assertLess(took, 6)
        return out

    def test_ready_by_flag_environment_and_file(self):
        bridge = self.start()
        where = "127.0.0.1:%d" % bridge.port
        self.check(READY, "ready\n", "--listen", where)
        if HAS_IPV6:
            self.check(READY, "ready\n", "--listen=[::1]:%d" % bridge.port)
        self.check(READY, "ready\n", env={"BYBIT_BRIDGE_LISTEN": where})
        path = os.path.join(self.folder, "bridge.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write("listen = %s\n" % where)
        self.check(READY, "ready\n", "--config", path)

    def test_the_keys_are_not_asked_for(self):
        bridge = self.start()
        env = {"BYBIT_API_KEY": "k", "BYBIT_API_SECRET_FILE": "/nonexistent", "BYBIT_API_PRIVATE_KEY_PATH": "/nonexistent",
               "CREDENTIALS_DIRECTORY": "/nonexistent"}
        self.check(READY, "ready\n", "--listen", "127.0.0.1:%d" % bridge.port, env=env)

    def test_not_ready_gives_the_bridges_reason(self):
        bridge = self.start()
        self.sim.stop()
        until(lambda: request(bridge.port, "GET", "/readyz").status == 503, 30)
        said = self.check(NOT_READY, "not ready: ", "--listen", "127.0.0.1:%d" % bridge.port)
        self.assertGreater(len(said), len("not ready: ") + 5)

    def test_nobody_there(self):
        free = socket.socket()
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        self.check(UNREACHABLE, "127.0.0.1:%d" % port, "--listen", "127.0.0.1:%d" % port)
        self.check(UNREACHABLE, "/nonexistent/bridge.sock", "--unix-socket", "/nonexistent/bridge.sock")
        self.check(UNREACHABLE, "--listen 127.0.0.1:8787", "--listen", "127.0.0.1:0")
        self.check(UNREACHABLE, "--listen 127.0.0.1:8787", "--listen", "127.0.0.999:80", env=self.token_env())

    def test_wrong_options_are_no_verdict(self):
        self.assertEqual(healthcheck("--lisen", "x")[0], 64)
        self.assertEqual(healthcheck("--config", "/nonexistent")[0], 78)
        code, out, _, _ = healthcheck("--help")
        self.assertEqual(code, 0)
        self.assertIn("2 unreachable", out)

    def token_env(self, **files):
        env = {}
        for name in files or {"token": TOKEN}:
            path = os.path.join(self.folder, name)
            with open(path, "w", encoding="ascii") as file:
                file.write((files or {"token": TOKEN})[name] + "\n")
            os.chmod(path, 0o600)
            env["BYBIT_BRIDGE_%s_FILE" % name.upper()] = path
        return env

    def test_the_request_that_is_sent(self):
        impostor = self.impostor(reply("200 OK", "ready\n"))
        where = "127.0.0.1:%d" % impostor.address[1]
        self.check(READY, "ready\n", "--listen", where)
        self.check(READY, "ready\n", "--listen", where, env=self.token_env())
        self.check(READY, "ready\n", "--listen", where, env=self.token_env(token=TOKEN, read_token="read-" + TOKEN))
        self.check(READY, "ready\n", "--listen", where, env=self.token_env(admin_token="admin-" + TOKEN))
        for head, bearer in zip(impostor.heads, (None, TOKEN, "read-" + TOKEN, "admin-" + TOKEN)):
            lines = head.split("\r\n")
            self.assertEqual(lines[0], "GET /readyz HTTP/1.1")
            self.assertEqual([line for line in lines if line.lower().startswith("host:")], ["Host: localhost"])
            self.assertEqual([line for line in lines if line.startswith("Auth")],
                             ["Authorization: Bearer " + bearer] if bearer else [])
        code, out, err, _ = healthcheck("--listen", where, env=self.token_env(token="canary-canary-c\r\nX-Evil: 1"))
        self.assertEqual((code, out), (78, ""), err)
        self.assertIn("a token is one line", err)
        self.assertNotIn("canary", err)
        self.assertEqual(len(impostor.heads), 4)

    def test_a_bridge_with_token_and_unix_socket(self):
        folder = os.path.join(self.folder, "socket")
        os.mkdir(folder, 0o700)
        env = {**self.token_env(), "BYBIT_BRIDGE_UNIX_SOCKET": os.path.join(folder, "bridge.sock")}
        bridge = self.start("--listen", "0.0.0.0:0", env=env, wait=False)
        env["BYBIT_BRIDGE_LISTEN"] = "0.0.0.0:%d" % bridge.port
        until(lambda: healthcheck(env=env)[0] == READY)
        self.check(READY, "ready\n", "--listen", env["BYBIT_BRIDGE_LISTEN"], env=env)
        self.check(NOT_READY, "not ready: ", "--listen", "127.0.0.1:%d" % bridge.port)
        other = self.token_env(read_token="another-" + TOKEN)
        self.check(NOT_READY, "not ready: ", env={**env, **other})

    def test_wildcard_addresses_are_asked_by_loopback(self):
        for host, family in (("0.0.0.0", socket.AF_INET), ("[::]", socket.AF_INET6))[:1 + HAS_IPV6]:
            impostor = self.impostor(reply("200 OK", "ready\n"), family=family, address=(host.strip("[]"), 0))
            self.check(READY, "ready\n", "--listen", "%s:%d" % (host, impostor.address[1]), env=self.token_env())

    def test_unix_socket_first_unless_the_command_line_names_an_address(self):
        path = os.path.join(self.folder, "bridge.sock")
        local = self.impostor(reply("200 OK", "ready\n"), family=socket.AF_UNIX, address=path)
        tcp = self.impostor(reply("200 OK", "ready\n"))
        env = {"BYBIT_BRIDGE_UNIX_SOCKET": path, "BYBIT_BRIDGE_LISTEN": "127.0.0.1:%d" % tcp.address[1]}
        self.check(READY, "ready\n", env=env)
        self.assertEqual((len(local.heads), len(tcp.heads)), (1, 0))
        self.check(READY, "ready\n", "--listen", env["BYBIT_BRIDGE_LISTEN"], env=env)
        self.assertEqual((len(local.heads), len(tcp.heads)), (1, 1))
        self.check(READY, "ready\n", "--unix-socket", path)
        self.assertEqual((len(local.heads), len(tcp.heads)), (2, 1))

    def test_answers_that_no_bridge_gives(self):
        problem = '{"code":"not_ready","detail":"the clock"}'
        hostile = [
            b"", b"\0", b"\xff" * 5000, b"HTTP/1.1", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\n\r\nready\n", b"SSH-2.0-OpenSSH_9.2\r\n",
            b"ready\n", b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nready\n", reply("200 OK", "ready\n", length=7),
            reply("200 OK", "ready\n", length=-6), reply("200 OK", "ready\n", length="6, 6"), reply("200 OK", "ready\n", length=""),
            reply("200 OK", "ready\n", more="Content-Length: 6\r\n"), reply("200 OK", "ready\n", more="Transfer-Encoding: chunked\r\n"),
            reply("200 OK", "ready\n", length="99999999999999999999999999"), reply("200 OK", "<html>"), reply("204 No", ""),
            reply("200 OK", "ready\0\n"), reply("302 Found", "ready\n", more="Location: http://127.0.0.1/\r\n"),
            reply("2000 OK", "ready\n"), reply("-20 OK", "ready\n"), reply("200 OK", problem), reply("503 No", "{}"),
            reply("503 No", "[" * 10000), reply("503 No", '{"detail":"x"}'), reply("503 No", '{"code":1,"detail":"x"}'),
            reply("503 No", '{"code":"a","detail":["x"]}'), reply("503 No", '{"code":"a","detail":"%s"}' % ("x" * 2000)),
        ]
        for answer in hostile:
            impostor = self.impostor(answer)
            where = "127.0.0.1:%d" % impostor.address[1]
            with self.subTest(answer=answer[:60]):
                self.check(UNREACHABLE, where, "--listen", where)
            impostor.close()

    def test_a_reason_is_shown_printable(self):
        body = '{"code":"not_ready","detail":"a\\u001b[31m\\n\\u20ac%s%n"}'
        impostor = self.impostor(reply("503 No", body))
        self.check(NOT_READY, "not ready: a?[31m????%s%n\n", "--listen", "127.0.0.1:%d" % impostor.address[1])

    def test_slow_silent_and_endless_answers_end_in_time(self):
        stopped = threading.Event()
        self.addCleanup(stopped.set)

        def endless(connection):
            while not stopped.is_set():
                connection.sendall(b"x" * 65536)

        def drip(connection):
            for byte in reply("200 OK", "ready\n"):
                connection.sendall(bytes([byte]))
                if stopped.wait(0.25):
                    return

        def open_end(connection):
            connection.sendall(reply("200 OK", "ready\n"))
            stopped.wait(20)

        for answer, said in ((endless, "more than"), (drip, "3000 ms"), (open_end, "3000 ms"), (lambda c: stopped.wait(20), "3000 ms")):
            impostor = self.impostor(answer)
            self.check(UNREACHABLE, said, "--listen", "127.0.0.1:%d" % impostor.address[1])


class Embedded(Case):
    with_sim = False

    def test_a_stopped_bridge_is_unreachable(self):
        bridge = Process(["--listen", "127.0.0.1:0"], {"XDG_STATE_HOME": self.folder})
        self.addCleanup(self._stop, bridge)
        self.wait_ready(bridge)
        where = "127.0.0.1:%d" % bridge.port
        self.assertEqual(healthcheck("--listen", where)[0], READY)
        bridge.stop()
        code, out, _, _ = healthcheck("--listen", where)
        self.assertEqual((code, out), (UNREACHABLE, "cannot ask %s for GET /readyz: Connection refused\n" % where))


if __name__ == "__main__":
    unittest.main()
