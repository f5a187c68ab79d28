"""Clients of the feed are killed and resumed at random, and so is the bridge, while orders and fills flow: what each client
got is the journal, in order, each event once.

Clients of four kinds: server-sent events, NDJSON, a stream of one tag, and a long poll of /events. FEED_KILLS=1000
BRIDGE_KILLS=50 for the long form.
"""
import http.client
import json
import os
import random
import socket
import sqlite3
import struct
import threading
import time
import unittest

from guard_kit import GuardCase, Line
from harness import until

FEED_KILLS = int(os.environ.get("FEED_KILLS", 60))
BRIDGE_KILLS = int(os.environ.get("BRIDGE_KILLS", 4))
PAUSE_S = 0.12  # between kills, on average
TAGS = ("grid", "other", None)
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close that is an RST


class Client:
    """Reads and keeps what it has read whole; goes on behind it, whatever happens to its connection."""

    def __init__(self, port, seed):
        self.port, self.dice = port, random.Random(seed)
        self.got = []      # (number, event, data as it came)
        self.after = "earliest"
        self.failure = None
        self.sock = None
        self.resumes = 0
        self.ending = threading.Event()
        self.stall_s = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ending.is_set() and not self.failure:
            try:
                self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=30)
                if self.after != "earliest":
                    self.resumes += 1
                self.live()
            except (OSError, ValueError, http.client.HTTPException):
                time.sleep(0.02)
            finally:
                if self.sock:
                    self.sock.close()

    def kill(self):
        """As a crash would, wherever it is; sometimes after a while in which it reads nothing."""
        sock = self.sock
        if sock is None:
            return
        if self.dice.random() < 0.2:
            self.stall_s = 0.3
        try:
            if self.dice.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def receive(self):
        if self.stall_s:
            time.sleep(self.stall_s)
            self.stall_s = 0
        data = self.sock.recv(self.dice.choice((1, 100, 5000, 100000)))
        if not data:
            raise OSError("the end")
        return data

    def take(self, identity, event, data):
        if event == "reset":
            self.failure = "reset behind %s: %.200s" % (self.after, data)
        if identity is None:
            return
        self.after = identity
        if event not in ("hello", "heartbeat", "reset"):
            self.got.append((int(identity.split("-")[1]), event, data))

    def number(self):
        return int(self.after.split("-")[1]) if "-" in self.after else -1

    def close(self):
        self.ending.set()
        self.kill()
        self.thread.join(35)


class Stream(Client):
    query, header = "topics=orders,fills", "Last-Event-ID"
    accept, separator = "text/event-stream", b"\n\n"

    def live(self):
        """Over HTTP/1.0, which has no chunks. The id as a browser says it, or in the query."""
        by_header = "-" in self.after and self.dice.random() < 0.5
        place = "" if by_header else "&after=" + self.after
        self.sock.sendall(("GET /stream?%s%s HTTP/1.0\r\nHost: localhost\r\nAccept: %s\r\n%s\r\n" % (
            self.query, place, self.accept, "Last-Event-ID: %s\r\n" % self.after if by_header else "")).encode())
        text = b""
        while b"\r\n\r\n" not in text:
            text += self.receive()
        head, _, text = text.partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise OSError(head)
        while not self.ending.is_set():
            *whole, text = text.split(self.separator)
            for piece in whole:
                self.read(piece)
            text += self.receive()

    def read(self, piece):
        fields = dict(line.split(b": ", 1) for line in piece.split(b"\n") if b": " in line)
        identity = fields.get(b"id")
        self.take(identity and identity.decode(), fields.get(b"event", b"heartbeat").decode(), fields.get(b"data", b""))


class Lines(Stream):
    accept, separator = "application/x-ndjson", b"\n"

    def read(self, piece):
        line = json.loads(piece)
        self.take(line["id"], line["event"], piece[piece.index(b'"data":') + 7:-1])


class Tagged(Stream):
    query = "topics=orders,fills&tag=grid"


class Poll(Client):
    """Follows `next`, or asks again behind the last event that it has."""

    wait_s = 2

    def live(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.sock = self.sock
        while not self.ending.is_set():
            connection.request("GET", "/events?after=%s&wait=%ds&limit=%d" % (self.after, self.wait_s, self.dice.choice((1, 7, 1000))))
            reply = connection.getresponse()
            body = reply.read()
            if reply.status == 410:
                self.failure = body
            if reply.status != 200:
                raise OSError(body)
            answer = json.loads(body)
            for item in answer["items"]:
                self.take(item["id"], item["event"], item["data"])
            if answer["next"] is None:
                self.failure = "no next, behind %s" % self.after
            self.after = answer["next"].split("after=")[1].split("&")[0]


class Chaos(GuardCase):
    limits = False

    def flow(self, number, seed):
        """Orders that fill, and orders that rest and are cancelled, with tags and without; over the deaths of the bridge."""
        dice, line, count = random.Random(seed), Line(self.port), 0
        while not self.stop.is_set():
            count += 1
            body = {"client_id": "f%d-%d" % (number, count), "symbol": dice.choice(("BTCUSDT", "ETHUSDT")), "side": dice.choice(("buy", "sell")),
                    "qty": "0.01", "tag": dice.choice(TAGS)}
            resting = dice.random() < 0.4
            body.update({"type": "limit", "side": "buy", "qty": "0.02", "price": "1000"} if resting else {"type": "market"})
            try:
                line.ask("POST", "/orders", {k: v for k, v in body.items() if v is not None})
                if resting:
                    line.ask("DELETE", "/orders/" + body["client_id"])
                time.sleep(0.01)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        line.close()

    def restart(self):
        self.bridge.kill()
        self.bridge.child.stdout.close()
        os.unlink(self.bridge.stderr_path)
        self.bridge = self.start("--listen", "127.0.0.1:%d" % self.port, wait=False)

    def kills(self, dice):
        for count in range(FEED_KILLS):
            time.sleep(dice.random() * 2 * PAUSE_S)
            dice.choice(self.clients).kill()
            if (count + 1) * BRIDGE_KILLS // FEED_KILLS > count * BRIDGE_KILLS // FEED_KILLS:
                self.restart()

    def check(self, client, journal):
        wanted = [row for row in journal if not isinstance(client, Tagged) or json.loads(row[2])["tag"] == "grid"]
        if isinstance(client, Poll):
            wanted = [(number, event, json.loads(data)) for number, event, data in wanted]
        numbers = [row[0] for row in client.got]
        self.assertEqual(numbers, [row[0] for row in wanted], type(client).__name__)
        self.assertEqual(client.got, wanted)

    def test_what_each_client_got_is_the_journal(self):
        seed = int(os.environ.get("FEED_SEED", time.time_ns() % 1000000))
        dice = random.Random(seed)
        began = time.monotonic()
        self.bridge = self.start()
        self.port, self.stop = self.bridge.port, threading.Event()
        self.clients = [kind(self.port, seed + n) for n, kind in enumerate((Stream, Lines, Tagged, Poll, Stream, Poll))]
        flows = [threading.Thread(target=self.flow, args=(n, seed - n)) for n in range(2)]
        for flow in flows:
            flow.start()
        try:
            self.kills(dice)
        finally:
            self.stop.set()
            for flow in flows:
                flow.join()
        self.wait_ready(self.bridge)
        self.finish()
        self.bridge.stop()
        with sqlite3.connect(self.journal) as db:
            journal = [(seq, event, data.encode()) for seq, event, data in db.execute("SELECT seq, event, json FROM events ORDER BY seq")]
        self.assertEqual([row[0] for row in journal], list(range(1, len(journal) + 1)))
        for client in self.clients:
            self.check(client, journal)
        print("clients killed: %d, resumed: %d, bridges killed: %d, events: %d, fills: %d, %.0f s, seed: %d" % (
            FEED_KILLS, sum(client.resumes for client in self.clients), BRIDGE_KILLS, len(journal),
            sum(row[1] == "fill" for row in journal), time.monotonic() - began, seed))
        self.assertGreater(len(journal), 5 * FEED_KILLS)

    def finish(self):
        """All clients come to the newest event; those of a tag to the newest one of it."""
        def last(query=""):
            with Line(self.port) as line:
                items = line.ask("GET", "/events?limit=1" + query).json["items"]
            return int(items[0]["id"].split("-")[1])

        def settled():
            before = last()
            time.sleep(0.5)
            return last() == before

        until(settled, 30)
        ends = {True: last("&tag=grid"), False: last()}
        until(lambda: all(client.failure or client.number() >= ends[isinstance(client, Tagged)] for client in self.clients), 30)
        for client in self.clients:
            client.close()
            self.assertIsNone(client.failure, type(client).__name__)


if __name__ == "__main__":
    unittest.main()
