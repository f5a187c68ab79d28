"""Who waits long and leaves gives back the place; who has closed only its half gets its answer."""
import json
import socket
import unittest

from guard_kit import RESTING, GuardCase, Line, once, until

WAITS_OF_READS = 512   # half of 1,024: see server/places.c
WAITS_OF_ENGINE = 1024


class Waits(GuardCase):
    def send(self, bridge, method, path, body=None):
        """A client that has asked, and does not read."""
        text = "" if body is None else json.dumps(body)
        client = socket.create_connection(("127.0.0.1", bridge.port))
        self.addCleanup(client.close)
        client.sendall(("%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n%s" % (
            method, path, "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(text) if text else "", text)).encode())
        return client

    def in_flight(self, bridge):
        return once(bridge.port, "GET", "/status").json["http"]["in_flight"]

    def answer(self, client):
        client.settimeout(30)
        got = b""
        while True:
            piece = client.recv(65536)
            if not piece:
                return got
            got += piece

    def test_reads_that_wait(self):
        bridge = self.start()
        order = self.place(bridge)
        path = "/orders/%s?wait=final&timeout=" % order["id"]
        clients = [self.send(bridge, "GET", path + "120s") for _ in range(WAITS_OF_READS)]
        until(lambda: self.in_flight(bridge) == WAITS_OF_READS)
        self.assertEqual(once(bridge.port, "GET", path + "10ms").status, 503)
        for client in clients[1:]:
            client.close()
        self.assertEqual(until(lambda: (lambda a: a.status != 503 and a)(once(bridge.port, "GET", path + "10ms")), 5).status, 200)
        until(lambda: self.in_flight(bridge) == 1, 5)  # also of those that did not ask for the place
        self.assertEqual(once(bridge.port, "DELETE", "/orders/" + order["id"]).status, 200)
        clients[0].shutdown(socket.SHUT_WR)
        self.assertIn(b'"state":"cancelled"', self.answer(clients[0]))

    def test_batches_that_wait(self):
        """Each of their orders has a place in the engine."""
        bridge = self.start()
        batch = [RESTING[("linear", "spot", "inverse")[n % 3]] for n in range(100)]
        for body in (batch[:6], batch[0]):  # the answers say what the limits are
            once(bridge.port, "POST", "/orders", body)
        first = len(self.open_there())
        clients = [self.send(bridge, "POST", "/orders?wait=final&timeout=120s", batch) for _ in range(WAITS_OF_ENGINE // 100)]
        until(lambda: len(self.open_there()) == first + 100 * len(clients), 30)
        clients += [self.send(bridge, "POST", "/orders?wait=final&timeout=120s", RESTING["linear"]) for _ in range(WAITS_OF_ENGINE % 100)]
        until(lambda: len(self.open_there()) == first + WAITS_OF_ENGINE, 30)
        refused = once(bridge.port, "POST", "/orders", RESTING["spot"])
        self.assertEqual((refused.status, refused.json["code"], refused.json["outcome"]), (503, "busy", "not_sent"), refused)
        for client in clients:
            client.close()
        until(lambda: once(bridge.port, "POST", "/orders", RESTING["spot"]).status == 201, 10)
        until(lambda: self.in_flight(bridge) == 0, 5)
        # What they asked for is there.
        with Line(bridge.port, timeout=120) as line:
            self.assertGreater(len(line.ask("DELETE", "/orders?all=true").json["items"]), 900)
        self.check_alike(bridge)

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

    def test_events_of_a_reader_that_has_closed_its_half(self):
        """As `nc -N` does once it has asked."""
        bridge = self.start()
        client = self.send(bridge, "GET", "/stream?topics=orders")
        client.shutdown(socket.SHUT_WR)
        client.settimeout(30)
        got = b""
        for _ in range(3):  # a write to one that has left fails at the second one
            order = self.place(bridge)
            while order["id"].encode() not in got:
                piece = client.recv(65536)
                self.assertTrue(piece, "cut after %r" % got)
                got += piece


if __name__ == "__main__":
    unittest.main()
