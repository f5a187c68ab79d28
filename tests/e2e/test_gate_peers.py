"""Whose process may connect by loopback TCP (G3)."""
import ctypes
import json
import os
import socket
import sqlite3
import struct
import subprocess
import unittest

import harness
import test_gate
from harness import BRIDGE, Case, as_user, request, until

NOBODY = 65534
OTHER = 12345
ORDER = test_gate.post(headers="Connection: close\r\n")


def forbid_diagnosis():
    """In a child: NETLINK_SOCK_DIAG sockets can't be made any more (seccomp), as in some containers."""
    load, jump, ret = 0x20, 0x15, 0x06
    program = [(load, 0, 0, 0), (jump, 0, 5, 41),  # socket(
               (load, 0, 0, 16), (jump, 0, 3, socket.AF_NETLINK),
               (load, 0, 0, 32), (jump, 0, 1, 4),  # NETLINK_SOCK_DIAG)
               (ret, 0, 0, 0x00050000 | 93), (ret, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    block = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None)
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, ctypes.c_char_p(block), 0, 0) != 0:
        raise OSError("no seccomp")


class Diagnosis(unittest.TestCase):
    def run_bridge(self, *options):
        with harness.tempfile.TemporaryDirectory(prefix="bridge-peers-") as folder:
            child = subprocess.Popen([BRIDGE, "--listen", "127.0.0.1:0", "--journal", folder + "/j.db", *options],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=forbid_diagnosis)
            try:
                first = child.stdout.readline()
                child.terminate()
                _, errors = child.communicate(timeout=20)
            finally:
                child.kill()
            return first, child.returncode, errors

    @unittest.skipUnless(os.uname().machine == "x86_64", "the filter knows this machine's system calls alone")
    def test_g03_where_it_can_not_be_told_nothing_starts_but_with_allow_uid_any(self):
        first, code, errors = self.run_bridge()
        self.assertEqual((first, code), ("", 78), errors)
        self.assertIn("--allow-uid any", errors)
        first, code, errors = self.run_bridge("--allow-uid", "any")
        self.assertIn("listens on", first, errors)
        self.assertEqual(code, 0, errors)


@unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
class Users(Case):
    def send_as(self, uid, port, data, family=socket.AF_INET, read=True):
        host = "127.0.0.1" if family == socket.AF_INET else "::1"

        def work():
            with socket.create_connection((host, port), timeout=5) as connection:
                connection.sendall(test_gate.as_bytes(data))
                return repr(test_gate.read_all(connection, 5).data) if read else "sent"

        return as_user(uid, work)

    def creates(self):
        stats = self.sim_get("/sim/stats")["requests"]
        return sum(count for path, count in stats.items() if path.startswith("/v5/order/create"))

    def rows(self):
        with sqlite3.connect("file:%s?mode=ro" % self.journal, uri=True) as db:
            return db.execute("select count(*) from orders").fetchone()[0]

    def refused(self, said, uid):
        self.assertTrue(said.startswith("b'HTTP/1.1 403 "), said)
        self.assertIn("forbidden_user", said)
        self.assertIn("user %d;" % uid, said)
        self.assertIn("--allow-uid", said)
        self.assertIn("Connection: close", said)
        self.assertEqual(said.count("HTTP/1.1 "), 1, said)

    def test_g03_another_user_is_refused_and_nothing_happens(self):
        bridge = self.start()
        for family in (socket.AF_INET, socket.AF_INET6) if socket.has_ipv6 else (socket.AF_INET,):
            self.refused(self.send_as(NOBODY, bridge.port, ORDER, family), NOBODY)
            self.refused(self.send_as(OTHER, bridge.port, test_gate.LIVE * 2, family), OTHER)
            self.refused(self.send_as(OTHER, bridge.port, "GET / HTTP/1.0\r\n\r\n", family), OTHER)
        self.assertIn("another namespace", self.send_as(NOBODY, bridge.port, test_gate.LIVE))
        self.assertIn("another user uid=", bridge.stderr())
        self.assertEqual(request(bridge.port, "POST", "/orders", json.loads(test_gate.ORDER)).status, 201)
        self.assertEqual((self.creates(), self.rows()), (1, 1))

    def test_g03_one_that_sends_and_closes_early_is_refused_too(self):
        bridge = self.start()
        os.kill(bridge.child.pid, harness.signal.SIGSTOP)  # all of it is there before the bridge looks
        try:
            for _ in range(20):
                self.assertEqual(self.send_as(NOBODY, bridge.port, ORDER, read=False), "sent")
        finally:
            os.kill(bridge.child.pid, harness.signal.SIGCONT)
        for _ in range(100):
            self.send_as(OTHER, bridge.port, ORDER, read=False)
        self.assertEqual(request(bridge.port, "POST", "/orders", json.loads(test_gate.ORDER)).status, 201)
        until(lambda: request(bridge.port, "GET", "/status").json["http"]["in_flight"] == 0)
        self.assertEqual((self.creates(), self.rows()), (1, 1))

    def test_g03_strangers_do_not_use_up_the_connections(self):
        bridge = self.start()

        def hold():
            held = [socket.create_connection(("127.0.0.1", bridge.port), timeout=5) for _ in range(300)]
            ended = 0
            for connection in held:
                connection.settimeout(1 if ended < 200 else 0.01)
                try:
                    ended += connection.recv(1) == b""
                except socket.timeout:
                    pass
                except OSError:
                    ended += 1
            return str(ended)

        self.assertGreaterEqual(int(as_user(OTHER, hold)), 200)
        self.assertEqual(request(bridge.port, "GET", "/livez").status, 200)

    def test_g03_listed_users_and_any_may_call(self):
        listed = self.start("--allow-uid", str(OTHER))
        self.assertIn("200 OK", self.send_as(OTHER, listed.port, test_gate.get("/livez", "Connection: close\r\n")))
        self.refused(self.send_as(NOBODY, listed.port, test_gate.LIVE), NOBODY)
        listed.stop()
        anybody = self.start("--allow-uid", "any")
        self.assertIn("200 OK", self.send_as(NOBODY, anybody.port, test_gate.get("/livez", "Connection: close\r\n")))

    def test_g03_one_name_of_a_dual_socket_is_found_too(self):
        bridge = self.start()

        def work():
            with socket.socket(socket.AF_INET6) as connection:
                connection.settimeout(5)
                connection.connect(("::ffff:127.0.0.1", bridge.port))
                connection.sendall(test_gate.as_bytes(test_gate.get("/livez", "Connection: close\r\n")))
                return repr(test_gate.read_all(connection, 5).data)

        self.assertIn("200 OK", work())
        self.refused(as_user(OTHER, work), OTHER)


if __name__ == "__main__":
    unittest.main()
