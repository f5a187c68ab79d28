"""An account that has no options, to which the exchange says so with 404 and no JSON: it trades the rest, and a kill of it
is whole."""
import time
import unittest

from fault_proxy import FaultProxy
from guard_kit import GuardCase, request, until

PAGE = b"<html><head><title>404 Not Found</title></head></html>"
ANSWER = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(PAGE), PAGE)


class NoOptions(FaultProxy):
    said = 0

    def _exchange(self, client, upstream, request, back, fault):
        if b"category=option" not in request and b'"category":"option"' not in request:
            return super()._exchange(client, upstream, request, back, fault)
        self.said += 1
        client.sendall(ANSWER)
        return back


class WithoutOptions(GuardCase):
    def test_it_is_ready_and_a_kill_is_whole(self):
        proxy = NoOptions(self.sim.port)
        self.addCleanup(proxy.close)
        begin = time.monotonic()
        bridge = self.start(rest_port=proxy.port, ws_port=self.sim.port)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertGreater(proxy.said, 0)
        self.place(bridge, client_id="rests")
        self.assertEqual(len(self.open_there()), 1)
        answer = request(bridge.port, "POST", "/guard/kill?timeout=15s")
        self.assertEqual(answer.status, 200, answer)
        until(lambda: self.guard(bridge)["clear"], 15)
        scopes = {(s["category"], s["state"]) for s in self.guard(bridge)["scopes"]}
        self.assertIn(("option", "failed"), scopes)
        self.assertEqual(self.open_there(), {})


if __name__ == "__main__":
    unittest.main()
