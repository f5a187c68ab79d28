"""The bridge against the exchange through TLS: chain and name are verified, or nothing leaves."""
import os
import socket
import ssl
import subprocess
import threading
import unittest
import warnings

from harness import Case, Feed, request, until


class TlsFront:
    """Ends TLS on a free port and passes the bytes on to the simulated exchange."""

    def __init__(self, cert, key, upstream, version=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        if version:
            warnings.simplefilter("ignore", DeprecationWarning)  # an old version is what this is about
            self.context.minimum_version = version
            self.context.maximum_version = version
            self.context.set_ciphers("ALL:@SECLEVEL=0")
        self.upstream = upstream
        self.bytes_in = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            inner = self.context.wrap_socket(client, server_side=True)
        except (ssl.SSLError, OSError):
            client.close()
            return
        outer = socket.create_connection(("127.0.0.1", self.upstream))
        outer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._pump, args=(outer, inner, False), daemon=True).start()
        self._pump(inner, outer, True)

    def _pump(self, source, sink, count):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                if count:
                    self.bytes_in += len(data)
                sink.sendall(data)
        except (OSError, ssl.SSLError):
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def close(self):
        self.listener.close()


class Tls(Case):
    def make_certificate(self, name, san, days="1"):
        cert = os.path.join(self.folder, name + ".pem")
        key = os.path.join(self.folder, name + ".key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days",
                        days, "-subj", "/CN=test", "-addext", "subjectAltName=" + san], check=True, capture_output=True)
        return cert, key

    def front(self, *args, **kwargs):
        front = TlsFront(*args, **kwargs)
        self.addCleanup(front.close)
        return front

    def test_orders_and_streams_through_tls(self):
        cert, key = self.make_certificate("good", "IP:127.0.0.1")
        front = self.front(cert, key, self.sim.port)
        bridge = self.start("--ca-file", cert, rest_port=front.port, scheme=("https", "wss"))
        feed = Feed(bridge.port, "orders,fills,ticker:BTCUSDT")
        self.addCleanup(feed.close)
        answer = request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.01&type=market&client_id=tls")
        self.assertEqual(answer.status, 201, answer)
        feed.wait(lambda e: e["event"] == "fill")
        feed.wait(lambda e: e["event"] == "ticker")
        self.wait_state(bridge, "tls", "filled")

    def test_wrong_name_and_unknown_issuer_send_nothing(self):
        good, key = self.make_certificate("name", "DNS:other.example")
        other, _ = self.make_certificate("other", "IP:127.0.0.1")
        mine, mine_key = self.make_certificate("mine", "IP:127.0.0.1")
        for cert, cert_key, ca, version in ((good, key, good, None), (mine, mine_key, other, None),
                                            (mine, mine_key, mine, ssl.TLSVersion.TLSv1_1)):
            with self.subTest(cert=cert, ca=ca, version=version):
                front = self.front(cert, cert_key, self.sim.port, version)
                bridge = self.start("--ca-file", ca, rest_port=front.port, scheme=("https", "wss"), wait=False)
                until(lambda: "clock cannot be read" in bridge.stderr())
                self.assertEqual(request(bridge.port, "GET", "/readyz").status, 503)
                answer = request(bridge.port, "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=0.01&type=market")
                self.assertEqual(answer.status, 503, answer)
                self.assertEqual(front.bytes_in, 0)
                bridge.stop()


if __name__ == "__main__":
    unittest.main()
