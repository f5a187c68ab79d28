"""The network between bridge and exchange fails in every way that fault_proxy.py knows, while clients place orders.

In the end both sides have the same orders and fills, each create left at most once, and what clients were told was true.
FAULT_SECONDS=600 makes the mixed run that long; FAULT_SEED repeats one.
"""
import collections
import http.client
import os
import random
import sqlite3
import threading
import time
import unittest

from fault_proxy import REQUEST_MODES, STREAM_MODES, FaultProxy
from harness import Case, request, until

CREATE, CANCEL = "/v5/order/create", "/v5/order/cancel"
READS = ("/v5/order/realtime", "/v5/order/history", "/v5/execution/list", "/v5/market/time")
NUMBERS = {"delay": 40, "cut_request": 200, "cut_answer": 100, "garbage": 300, "html": 502, "twice_late": 3, "drip": 0.2}
FINAL = ("closed", "rejected", "not_sent", "never_accepted")


class Faults(Case):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("FAULT_SEED", random.randrange(1 << 30)))
        self.random = random.Random(self.seed)
        self.lock = threading.Lock()
        self.told = {}   # client id -> what its POST was answered, None: no answer
        self.counter = 0
        self.proxy = FaultProxy(self.sim.port)
        self.addCleanup(self.proxy.close)

    def start(self, *options):
        return super().start(*options, rest_port=self.proxy.port)

    # --- clients ---

    def place(self, bridge, prefix="f", market=True, cancel=False):
        """One order by POST /orders, and what the client was told."""
        with self.lock:
            self.counter += 1
            number = self.counter
        link = "%s-%d" % (prefix, number)
        body = {"symbol": "BTCUSDT", "side": "buy" if number % 2 else "sell", "qty": "0.001", "client_id": link}
        if market:
            body["type"] = "market"
        else:
            body.update(type="limit", side="buy", price="1000%d" % (number % 10))
        try:
            answer = request(bridge.port, "POST", "/orders", body)
            told = (answer.status, answer.json.get("state") or answer.json.get("outcome") or answer.json.get("code"),
                    answer.json.get("id"))
        except (OSError, http.client.HTTPException, ValueError):
            told = None
        with self.lock:
            self.told[link] = told
        if cancel and told:
            try:
                request(bridge.port, "DELETE", "/orders/" + link)
            except (OSError, http.client.HTTPException):
                pass
        return told

    def many(self, count, work, threads=4):
        """work(number) for 0 <= number < count, from several threads."""
        numbers = iter(range(count))
        failures = []

        def run():
            try:
                while True:
                    with self.lock:
                        number = next(numbers, None)
                    if number is None:
                        return
                    work(number)
            except BaseException as failure:  # for the main thread to show
                failures.append(failure)

        workers = [threading.Thread(target=run) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if failures:
            raise failures[0]

    # --- the reckoning ---

    def here(self):
        with sqlite3.connect("file:%s?mode=ro" % self.journal, uri=True) as db:
            orders = {row[0]: row[1:] for row in db.execute("select link, state, order_id, filled_qty, client_id from orders")}
            fills = [row for row in db.execute("select order_id, exec_id from fills")]
        return orders, fills

    def differences(self):
        there = {o["orderLinkId"]: o for o in self.sim_get("/sim/orders")["list"]}
        executions = [(e["orderId"], e["execId"]) for e in self.sim_get("/sim/executions")["list"]]
        orders, fills = self.here()
        found = collections.defaultdict(list)
        for link, theirs in there.items():
            ours = orders.get(link)
            if not ours:
                found["lost order"].append(link)
            elif ours[0] == "unknown":
                found["unknown"].append(link)
            elif ours[1] != theirs["orderId"]:
                found["other order id"].append((link, ours, theirs["orderId"]))
            elif theirs["orderStatus"] in ("New", "PartiallyFilled"):
                if ours[0] != "live":
                    found["open there"].append((link, ours))
            elif ours[0] != "closed":
                found["closed there"].append((link, ours))
            elif float(ours[2] or 0) != float(theirs["cumExecQty"]):
                found["other quantity"].append((link, ours))
        for link, ours in orders.items():
            if link not in there and ours[0] not in ("not_sent", "never_accepted", "rejected"):
                found["unknown" if ours[0] == "unknown" else "not there"].append((link, ours))
        if len(fills) != len(set(fills)):
            found["fill twice"] = fills
        lost = set(executions) - set(fills)
        if lost:
            found["lost fill"] = sorted(lost)
        if set(fills) - set(executions):
            found["invented fill"] = sorted(set(fills) - set(executions))
        return found

    def check(self, bridge):
        """Within 30 s after the faults both sides are alike."""
        self.proxy.choose = lambda method, path: None
        self.proxy.drop_all()
        deadline = time.monotonic() + 30
        while True:
            found = self.differences()
            if not found or time.monotonic() > deadline:
                break
            time.sleep(0.3)
        text = "seed %d, faults %s\n%s\n%s" % (self.seed, self.proxy.done, dict(found), bridge.stderr()[-6000:])
        self.assertFalse(found, text)
        times = collections.Counter(self.proxy.links)
        stats = self.sim_get("/sim/stats")
        self.assertEqual([link for link, count in times.items() if count > 1], [], text)
        self.assertEqual(stats["duplicates_refused"], 0, text)
        there = {o["orderLinkId"]: o for o in self.sim_get("/sim/orders")["list"]}
        self.assertEqual(stats["creates_accepted"], len(there), text)
        self.check_told(there)
        self.wait_ready(bridge)
        orders, fills = self.here()
        with sqlite3.connect("file:%s?mode=ro" % self.journal, uri=True) as db:
            numbers = [row[0] for row in db.execute("select seq from events order by seq")]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        print("faults: orders: %d, at the exchange: %d, fills: %d, lost: 0, doubled: 0, unknown: 0 (%s)"
              % (len(orders), len(there), len(fills), self.summary()))

    def summary(self):
        return ", ".join("%s %d" % item for item in sorted(self.proxy.done.items()))

    def check_told(self, there):
        orders, _ = self.here()
        by_client = {row[3] or link: (link, row) for link, row in orders.items()}
        for client_id, told in self.told.items():
            link, _ = by_client.get(client_id, (client_id, None))
            if not told:
                continue
            text = "%s was told %s, there: %s" % (client_id, told, there.get(link))
            self.assertIn(told[0], (201, 202, 422, 429, 502, 503), text)
            if told[0] == 201:
                self.assertIn(link, there, text)
                self.assertIn(told[2], (None, "", there[link]["orderId"]), text)
            elif told[0] != 202:
                self.assertNotIn(link, there, text)

    # --- runs ---

    def test_each_fault_of_a_request(self):
        bridge = self.start()
        for mode in REQUEST_MODES:
            # 5 times this fault, with a clean order behind each: it may meet a broken connection.
            turns = [(mode, NUMBERS.get(mode, 0)), None] * 5
            self.proxy.choose = lambda method, path: turns.pop() if path == CREATE and turns else None
            self.many(10, lambda number: self.place(bridge, mode.replace("_", "-")))
        for mode in REQUEST_MODES:
            turns = [(mode, NUMBERS.get(mode, 0)), None] * 2
            self.proxy.choose = lambda method, path: turns.pop() if path == CANCEL and turns else None
            self.many(4, lambda number: self.place(bridge, "c-" + mode.replace("_", "-"), market=False, cancel=True))
        self.check(bridge)

    def test_cut_at_each_16th_byte(self):
        bridge = self.start()
        cuts = [("cut_request", n) for n in range(0, 640, 16)] + [("cut_answer", n) for n in range(0, 480, 16)]
        self.proxy.choose = lambda method, path: cuts.pop() if path == CREATE and cuts else None
        self.many(len(cuts), lambda number: self.place(bridge, "cut"))
        self.check(bridge)

    def test_private_stream_breaks(self):
        bridge = self.start()
        mode = [None]
        self.proxy.choose = lambda method, path: mode[0] if method in ("STREAM", "UPGRADE") and "private" in path else None
        for fault in [(m, 1500) for m in STREAM_MODES] + [("mute_upgrade", 0), ("rst_before", 0)]:
            before = self.proxy.done.get(fault[0], 0)
            mode[0] = fault
            self.proxy.drop_all(with_reset=len(fault[0]) % 2 == 0)
            try:
                until(lambda: self.proxy.done.get(fault[0], 0) > before)
            except AssertionError:
                raise AssertionError("%s\n%s" % (fault, bridge.stderr()[-3000:]))
            self.many(8, lambda number: self.place(bridge, fault[0].replace("_", "-"), market=number % 4 != 0,
                                                   cancel=number % 8 == 0))
        self.check(bridge)

    def test_mixed_with_kills(self):
        seconds = float(os.environ.get("FAULT_SECONDS", 12))
        dice = self.random

        def choose(method, path):
            with self.lock:
                if method == "UPGRADE":
                    return dice.choice([("mute_upgrade", 0), ("rst_before", 0)]) if dice.random() < 0.1 else None
                if method == "STREAM":
                    return (dice.choice(STREAM_MODES), dice.randrange(200, 60000)) if dice.random() < 0.7 else None
                if dice.random() > (0.3 if path in (CREATE, CANCEL) else 0.1 if path in READS else 0):
                    return None
                mode = dice.choice(REQUEST_MODES)
                number = {"delay": dice.randrange(400), "cut_request": dice.randrange(650), "cut_answer": dice.randrange(500),
                          "html": dice.choice([400, 404, 500, 502, 503, 504])}.get(mode, NUMBERS.get(mode, 0))
                return mode, number

        end = time.monotonic() + seconds
        kills = 0
        while time.monotonic() < end:
            self.proxy.choose = choose
            bridge = Case.start(self, rest_port=self.proxy.port, wait=False)
            stop = threading.Event()

            def load(worker, bridge=bridge, stop=stop):
                mine = random.Random(self.seed + worker + kills * 100)
                while not stop.is_set():
                    told = self.place(bridge, "m%d" % worker, market=mine.random() < 0.7, cancel=mine.random() < 0.8)
                    if not told:
                        return
                    if told[0] == 503:
                        time.sleep(0.02)

            workers = [threading.Thread(target=load, args=(n,)) for n in range(4)]
            for worker in workers:
                worker.start()
            time.sleep(min(max(end - time.monotonic(), 0.5), 2 + dice.random() * 3))
            bridge.kill()
            bridge.child.stdout.close()
            kills += 1
            stop.set()
            for worker in workers:
                worker.join()
        self.proxy.choose = lambda method, path: None
        bridge = self.start()
        self.check(bridge)
        print("kills: %d, seed: %d, told: %s" % (kills, self.seed, dict(collections.Counter(
            t and "%d %s" % t[:2] for t in self.told.values()))))


if __name__ == "__main__":
    unittest.main()
