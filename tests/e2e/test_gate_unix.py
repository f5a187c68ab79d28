"""The unix socket (G2): the gate's whole table over it, and its file."""
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import time
import unittest

import test_gate
from harness import BRIDGE, Process, as_user, request, until

NOBODY = 65534


def ask(path):
    """What a client gets there, as text."""
    with test_gate.unix_connect(path) as connection:
        connection.sendall(test_gate.as_bytes(test_gate.LIVE))
        return repr(connection.recv(100))


class UnixGate(test_gate.Gate):
    """Each test of Gate; its requests come by the unix socket."""

    def connect(self, timeout=5.0):
        return test_gate.unix_connect(self.unix_socket, timeout)

    @property
    def CURL(self):
        return ["--unix-socket", self.unix_socket]

    def test_it_is_served_under_the_name_that_curl_sends(self):
        done = subprocess.run(["curl", "-sS", "--unix-socket", self.unix_socket, "http://localhost/livez"],
                              capture_output=True, text=True, timeout=20)
        self.assertEqual(done.stdout, "ok\n", done)
        done = subprocess.run(["curl", "-sS", "--unix-socket", self.unix_socket, "http://evil.example/livez"],
                              capture_output=True, text=True, timeout=20)
        self.assertIn("misdirected", done.stdout)

    def test_g17_a_first_line_that_drips_is_cut_though_others_idle(self):
        idle = self.connect(20)
        self.addCleanup(idle.close)
        drips = self.connect(20)
        self.addCleanup(drips.close)
        began = time.monotonic()
        ended = False
        while not ended and time.monotonic() - began < 9:
            try:
                drips.sendall(b"G")
                drips.settimeout(0.5)
                ended = drips.recv(100) == b""
            except socket.timeout:
                pass
            except OSError:
                ended = True
        self.assertTrue(ended and 4 < time.monotonic() - began < 7.5, time.monotonic() - began)
        idle.sendall(test_gate.as_bytes(test_gate.LIVE))
        self.assertIn(b" 200 ", idle.recv(4096))


class SocketFile(unittest.TestCase):
    """What stands at the path before, while and after."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bridge-unix-")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.path = os.path.join(self.folder, "run", "bridge.sock")

    def start(self, *options):
        bridge = Process(["--listen", "127.0.0.1:0", "--unix-socket", self.path, "--journal",
                          os.path.join(self.folder, "%d.db" % time.monotonic_ns()), *options])
        self.addCleanup(lambda: bridge.child.poll() is None and bridge.stop())
        return bridge

    def refuse(self, *words):
        done = subprocess.run([BRIDGE, "--listen", "127.0.0.1:0", "--unix-socket", self.path, "--journal",
                               os.path.join(self.folder, "refused.db")],
                              capture_output=True, text=True, timeout=30, env={"HOME": self.folder, "PATH": os.environ["PATH"]})
        self.assertEqual(done.returncode, 78, done)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stderr.count("\nbybit-bridge: ") + done.stderr.startswith("bybit-bridge: "), 1, done)

    def live(self):
        connection = test_gate.unix_connect(self.path)
        try:
            connection.sendall(test_gate.as_bytes(test_gate.get("/livez", "Connection: close\r\n")))
            return test_gate.read_all(connection, 5).status
        finally:
            connection.close()

    def test_g02_it_is_made_for_us_alone_and_goes_with_us(self):
        old = os.umask(0)
        try:
            bridge = self.start()
        finally:
            os.umask(old)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.path)).st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertTrue(stat.S_ISSOCK(os.stat(self.path).st_mode))
        self.assertEqual(self.live(), 200)
        bridge.stop()
        self.assertFalse(os.path.lexists(self.path))

    def test_g02_a_crashed_ones_file_is_replaced_and_a_live_one_is_not(self):
        bridge = self.start()
        self.refuse("another process listens", self.path)
        self.assertEqual(self.live(), 200)
        bridge.kill()
        self.assertTrue(os.path.lexists(self.path))
        bridge = self.start()
        self.assertEqual(self.live(), 200)
        os.unlink(self.path)
        other = socket.socket(socket.AF_UNIX)
        self.addCleanup(other.close)
        other.bind(self.path)
        bridge.stop()
        self.assertTrue(os.path.lexists(self.path), "the file of another was removed")

    def test_g02_unsafe_places_are_refused_with_what_to_do(self):
        run = os.path.dirname(self.path)
        for mode in (0o755, 0o710, 0o701, 0o777):
            os.mkdir(run)
            os.chmod(run, mode)
            self.refuse("chmod 700")
            os.rmdir(run)
        os.mkdir(run, 0o700)
        with open(self.path, "w", encoding="ascii"):
            pass
        self.refuse("not a socket")
        os.unlink(self.path)
        os.symlink("elsewhere", self.path)
        self.refuse("not a socket")
        self.assertFalse(os.path.exists(os.path.join(run, "elsewhere")))
        os.unlink(self.path)
        os.rmdir(run)
        real = os.path.join(self.folder, "real")
        os.mkdir(real, 0o700)
        os.symlink(real, run)
        self.refuse("symbolic link")
        self.assertEqual(os.listdir(real), [])
        self.path = os.path.join(self.folder, "no", "such", "bridge.sock")
        self.refuse("cannot make folder")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_g02_another_user_is_closed_without_a_word(self):
        bridge = self.start()
        self.assertEqual(as_user(NOBODY, lambda: ask(self.path)), "PermissionError")
        os.chmod(os.path.dirname(self.path), 0o755)
        os.chmod(self.path, 0o666)
        said = as_user(NOBODY, lambda: ask(self.path))
        self.assertIn(said, ("b''", "ConnectionResetError", "BrokenPipeError"))
        self.assertEqual(self.live(), 200)
        until(lambda: "another user uid=%d" % NOBODY in bridge.stderr())
        bridge.stop()
        os.chmod(os.path.dirname(self.path), 0o700)
        self.start("--allow-uid", str(NOBODY))
        os.chmod(os.path.dirname(self.path), 0o755)
        os.chmod(self.path, 0o666)
        self.assertIn("200 OK", as_user(NOBODY, lambda: ask(self.path)))

    def test_g16_a_request_by_the_socket_is_fast_while_two_thousand_connections_idle(self):
        bridge = self.start()
        idle = [test_gate.raw_connect(bridge.port) for _ in range(1000)]
        idle += [test_gate.unix_connect(self.path) for _ in range(1000)]
        try:
            until(lambda: request(bridge.port, "GET", "/status").json["http"]["connections"] > 2000)
            fastest = 10
            for _ in range(5):
                began = time.monotonic()
                self.assertEqual(self.live(), 200)
                fastest = min(fastest, time.monotonic() - began)
            self.assertLess(fastest, 0.5 if test_gate.SLOW_BUILD else 0.05)
        finally:
            for connection in idle:
                connection.close()


if __name__ == "__main__":
    unittest.main()
