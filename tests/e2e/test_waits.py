"""Who waits long and has closed only its half of the connection gets its answer."""
import json
import socket
import unittest

from guard_kit import RESTING, GuardCase, once, until


class Waits(GuardCase):
    def send(self, bridge, method, path, body=None):
        """A client that has asked, and does not read."""
        text = "" if body is None else json.dumps(body)
        client = socket.create_connection(("127.0.0.1", bridge.port))
        self.addCleanup(client.close)
        client.sendall(("%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n%s" % (
            method, path, "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(text) if text else "", text)).encode())
        return client

    def answer(self, client):
        client.settimeout(30)
        got = b""
        while True:
            piece = client.recv(65536)
            if not piece:
                return got
            got += piece

    def test_answers_of_those_that_have_closed_their_half(self):
        """Also of several that come together."""
        bridge = self.start()
        clients = []
        for _ in range(8):
            clients.append(self.send(bridge, "POST", "/orders?wait=final&timeout=120s", RESTING["linear"]))
            clients[-1].shutdown(socket.SHUT_WR)
        until(lambda: len(self.open_there()) == len(clients))
        self.assertEqual(once(bridge.port, "DELETE", "/orders?all=true").status, 207)
        for client in clients:
            self.assertIn(b'"state":"cancelled"', self.answer(client))


if __name__ == "__main__":
    unittest.main()
