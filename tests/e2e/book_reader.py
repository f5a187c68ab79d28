"""Rebuilds one book from /stream, as a trading program would, quickly enough for a flood."""
import json
import socket
import threading


def key(price):
    """Prices of one symbol have the same number of decimals: they sort as these numbers."""
    return int(price.replace(".", ""))


def written(bids, asks):
    """A book as GET /sim/books writes it, from two lists of levels, best first."""
    return "|".join(",".join("%s:%s" % tuple(level) for level in side) for side in (bids, asks))


class BookReader:
    """Keeps the book at each `u` that is a multiple of `every`, and whatever the feed did that it must not."""

    def __init__(self, port, topic, depth, every):
        self.depth, self.every = depth, every
        self.sides = ({}, {})  # of bids and asks: (price, size) by key
        self.points = {}       # the book by (u, seq)
        self.u = self.seq = 0
        self.known = False     # false: from a gap until the next snapshot
        self.deltas = self.snapshots = 0
        self.gaps = 0     # of the bridge's own link
        self.dropped = 0  # because this reader was too slow
        self.wrong = []
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.sendall(("GET /stream?topics=%s HTTP/1.0\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n"
                             % topic).encode())
        self.file = self.socket.makefile("rb", 1 << 16)
        status = self.file.readline()
        if b" 200 " not in status:
            raise AssertionError("stream: %s" % status)
        while self.file.readline() not in (b"\r\n", b""):
            pass
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            for line in self.file:
                if len(line) > 2:
                    self._take(json.loads(line))
        except (OSError, ValueError):
            pass

    def _take(self, event):
        name, data = event["event"], event["data"]
        if name == "gap":
            self.gaps += data["from"] is not None
            self.dropped += data.get("dropped", 0)
            self.known = False
        elif name == "book":
            if data["type"] == "snapshot":
                self._replace(data)
            else:
                self._change(data)
            self.u, self.seq = data["u"], data["seq"]
            if self.u % self.every == 0:
                self.points[self.u, self.seq] = self.book()

    def _replace(self, data):
        self.snapshots += 1
        self.known = True
        self.sides = tuple({key(level[0]): level for level in data[side]} for side in ("bids", "asks"))

    def _change(self, data):
        self.deltas += 1
        if not self.known:
            self.wrong.append("delta u=%s without a snapshot" % data["u"])
        elif data["u"] != self.u + 1:
            self.wrong.append("delta u=%s after u=%s" % (data["u"], self.u))
        for side, changes, worst in ((self.sides[0], data["bids"], min), (self.sides[1], data["asks"], max)):
            for level in changes:
                if level[1] == "0":
                    side.pop(key(level[0]), None)
                else:
                    side[key(level[0])] = level
            while len(side) > self.depth:
                del side[worst(side)]

    def book(self):
        bids, asks = self.sides
        return written([bids[k] for k in sorted(bids, reverse=True)], [asks[k] for k in sorted(asks)])

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(10)
        self.file.close()
        self.socket.close()
