"""A TCP proxy between bridge and simulated exchange that breaks connections in all the ways we could think of.

It reads whole HTTP requests, asks `choose(method, path)` for a fault, and carries it out. After a WebSocket upgrade it
copies bytes both ways; `choose("STREAM", path)` names what happens to the connection later.

A fault is a tuple (mode, number). "before": the exchange sees nothing; "after": it has acted, the answer is lost.
"""
import re
import socket
import struct
import threading
import time

REQUEST_MODES = ("drop_before", "drop_after", "rst_before", "rst_after", "half_close_before", "half_close_after", "delay",
                 "black_hole_before", "black_hole_after", "cut_request", "cut_answer", "garbage", "html", "twice",
                 "twice_late", "drip")
STREAM_MODES = ("cut", "rst", "half_close", "mute", "drip", "garbage")
HOLE_S = 20
CHUNK = 65536


class Closed(Exception):
    pass


def reset(sock):
    """Closes with RST. The kernel waits for a thread that still reads: so that one is woken first."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    sock.close()


def read_message(sock, left):
    """One HTTP request or answer: its bytes, and what was read beyond them."""
    data = left
    while b"\r\n\r\n" not in data:
        more = sock.recv(CHUNK)
        if not more:
            raise Closed()
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
    wanted = int(length.group(1)) if length else 0
    while len(body) < wanted:
        more = sock.recv(CHUNK)
        if not more:
            raise Closed()
        body += more
    return head + b"\r\n\r\n" + body[:wanted], body[wanted:]


class FaultProxy:
    def __init__(self, target_port, choose=None):
        self.target_port = target_port
        self.choose = choose or (lambda method, path: None)
        self.lock = threading.Lock()
        self.links = []  # order links of all creates that came from the bridge, whole or not
        self.cancels = {}  # order id -> when its first cancel came, by time.monotonic()
        self.done = {}   # mode -> how often
        self.sockets = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()
        self.drop_all()

    def drop_all(self, with_reset=False):
        """Every connection that is open now."""
        with self.lock:
            sockets = list(self.sockets)
        for sock in sockets:
            try:
                if with_reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _fault(self, method, path):
        fault = self.choose(method, path)
        if fault:
            with self.lock:
                self.done[fault[0]] = self.done.get(fault[0], 0) + 1
        return fault or ("none", 0)

    def _note(self, request):
        link = re.search(rb'"orderLinkId":"([^"]*)"', request)
        if request.startswith(b"POST /v5/order/create ") and link:
            with self.lock:
                self.links.append(link.group(1).decode())
        order_id = re.search(rb'"orderId":"([^"]*)"', request)
        if request.startswith(b"POST /v5/order/cancel ") and order_id:
            with self.lock:
                self.cancels.setdefault(order_id.group(1).decode(), time.monotonic())

    def _serve(self, client):
        upstream = None
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            upstream = socket.create_connection(("127.0.0.1", self.target_port), timeout=HOLE_S)
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.settimeout(300)
            with self.lock:
                self.sockets.update((client, upstream))
            left, back = b"", b""
            while True:
                request, left = read_message(client, left)
                method, path = request.split(b" ", 2)[:2]
                method, path = method.decode(), path.decode().partition("?")[0]
                self._note(request)
                if b"upgrade: websocket" in request.lower():
                    self._socket(client, upstream, request, path)
                    return
                back = self._exchange(client, upstream, request, back, self._fault(method, path))
        except (Closed, OSError, ValueError):
            pass
        finally:
            for sock in (client, upstream):
                if sock:
                    with self.lock:
                        self.sockets.discard(sock)
                    sock.close()

    @staticmethod
    def _hole(client):
        """Answers nothing until the other side gives up."""
        end = time.monotonic() + HOLE_S
        client.settimeout(1)
        while time.monotonic() < end:
            try:
                if not client.recv(CHUNK):
                    return
            except socket.timeout:
                continue

    def _exchange(self, client, upstream, request, back, fault):
        mode, number = fault
        if mode in ("drop_before", "rst_before", "half_close_before", "black_hole_before", "cut_request"):
            if mode == "cut_request":
                upstream.sendall(request[:number])
            elif mode == "rst_before":
                reset(client)
            elif mode == "half_close_before":
                client.shutdown(socket.SHUT_WR)
                self._hole(client)
            elif mode == "black_hole_before":
                self._hole(client)
            raise Closed()
        if mode == "delay":
            time.sleep(number / 1000)
        upstream.sendall(request)
        answer, back = read_message(upstream, back)
        if mode == "drop_after":
            raise Closed()
        if mode == "rst_after":
            reset(client)
            raise Closed()
        if mode == "half_close_after":
            client.shutdown(socket.SHUT_WR)
            self._hole(client)
            raise Closed()
        if mode == "black_hole_after":
            self._hole(client)
            raise Closed()
        if mode == "cut_answer":
            client.sendall(answer[:number])
            raise Closed()
        if mode == "garbage":
            answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            answer += bytes((i * 37 + 11) % 256 for i in range(int(number)))
            client.sendall(answer)
            raise Closed()
        if mode == "html":
            body = b"<html><body>502 Bad Gateway</body></html>"
            answer = b"HTTP/1.1 %d Bad\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (number, len(body), body)
        if mode == "twice":
            answer += answer
        if mode == "drip":
            for at in range(len(answer)):
                client.sendall(answer[at:at + 1])
                time.sleep(number / 1000)
            return back
        client.sendall(answer)
        if mode == "twice_late":
            time.sleep(number / 1000)
            client.sendall(answer)
        return back

    def _socket(self, client, upstream, request, path):
        mode, number = self._fault("UPGRADE", path)
        if mode == "mute_upgrade":
            self._hole(client)
            return
        if mode == "rst_before":
            reset(client)
            return
        upstream.sendall(request)
        life = self._fault("STREAM", path)
        threading.Thread(target=self._copy, args=(client, upstream, ("none", 0)), daemon=True).start()
        self._copy(upstream, client, life)

    def _copy(self, source, sink, life):
        """`life`: (mode, after how many bytes)."""
        mode, left = life
        count = 0
        try:
            while True:
                data = source.recv(CHUNK)
                if not data:
                    break
                count += len(data)
                if mode == "none" or count <= left:
                    sink.sendall(data)
                elif mode == "drip":
                    for at in range(len(data)):
                        sink.sendall(data[at:at + 1])
                elif mode == "mute":
                    continue
                elif mode == "garbage":
                    sink.sendall(bytes(b ^ 0x55 for b in data))
                elif mode == "half_close":
                    sink.sendall(data[:len(data) // 2])
                    sink.shutdown(socket.SHUT_WR)
                    mode = "mute"
                else:
                    sink.sendall(data[:len(data) // 2])
                    if mode == "rst":
                        sink.shutdown(socket.SHUT_RDWR)
                        reset(sink)
                    break
        except OSError:
            pass
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
