"""The bridge dies at each named place (base/crash.h), is started again, and everything is as it was told.

Each place is tried, every other one the first time it is passed, the others a later time, several at once, each against an
exchange of its own. The names come from the executable: a new place that nothing here passes fails.
CRASH_TIMES=10 tries the first ten times of each, CRASH_ONLY=regex some places (the first time and a later one), CRASH_JOBS=n so
many at once.
"""
import collections
import concurrent.futures
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
import unittest
from decimal import Decimal

import harness
from guard_kit import CANCEL, CREATE, RESTING, GuardCase, Line, once, until
from harness import KEY, SECRET, Feed

CLIENTS = 6
PAUSE_MS = 40
ROUNDS = 8        # so many times the whole of what it can do, then it must have died
LATER = 8
LATER_RARE = 2    # of what one round passes once
LATER_THIRD = 2   # of what clients do with each third order
LATER_START = 4   # of pages that are read at a start
RARE = re.compile(r"retry_|guard_|patch_|kill_|arm_|cancel_all_|checkpoint_|private_|find_")
THIRD = re.compile(r"amend_|batch_|cancels_")
ONCE = re.compile(r"run_begun|restored|stop_")  # once in a life: the other time is in a life that has a past
AT_START = re.compile(r"run_begun|restored|page_")
AMEND, BATCH = "/v5/order/amend", "/v5/order/create-batch"
MARKET = {"symbol": "BTCUSDT", "side": "buy", "type": "market", "qty": "0.001"}
NOT_SENT = ("not_sent", "never_accepted", "rejected")


def names():
    """The places that the executable knows; None: a build without them."""
    run = subprocess.run([harness.BRIDGE, "--version"], env=dict(os.environ, CRASH_AT="list"), capture_output=True, text=True,
                         timeout=30)
    if run.returncode == 0:
        return None
    return run.stderr.partition("one of:")[2].split()


class Part:
    """The answer to one order of several, as if it had been asked for alone."""

    def __init__(self, item):
        self.status = item["status"]
        self.json = item["order"] or item["problem"]
        self.body = json.dumps(item)


class Client:
    """Places orders and cancels some, alone and together, and amends some, until its bridge is gone. Keeps what it was told."""

    def __init__(self, number, port):
        self.number, self.port = number, port
        self.posts = {}    # client id -> [body, answers; None: none came]
        self.deletes = {}  # client id -> answers, likewise
        self.patches = {}  # client id -> [change, answers]; each is asked for once
        self.amends = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def ask(self, line, answers, *what):
        answers.append(None)
        answers[-1] = line.ask(*what)
        return answers[-1]

    def place(self, line, client_id, body):
        """True: it is there. What was not sent is tried again, by the same name."""
        answers = self.posts.setdefault(client_id, [body, []])[1]
        for _ in range(50):
            if self.ask(line, answers, "POST", "/orders", body).status in (200, 201, 202):
                return True
            if self.stop.wait(0.02):
                break
        return False

    def place_together(self, line, count):
        """Three that rest, in one request."""
        tag = "t%d-%d" % (self.number, count)
        batch = [dict(RESTING["linear"], qty="0.002", client_id="b%d-%d-%d" % (self.number, count, item), tag=tag) for item in range(3)]
        for body in batch:
            self.posts[body["client_id"]] = [body, [None]]
        answer = line.ask("POST", "/orders", batch)
        if answer.status != 207:
            for body in batch:
                self.posts[body["client_id"]][1][-1] = answer
            return
        for body, item in zip(batch, answer.json["items"]):
            self.posts[body["client_id"]][1][-1] = Part(item)
        self.amend(line, batch[count % 3]["client_id"])
        if count % 2 == 0:
            self.cancel_together(line, tag, batch)

    def cancel_together(self, line, tag, batch):
        """What is still open of them."""
        for body in batch:
            self.deletes[body["client_id"]] = [None]
        answer = line.ask("DELETE", "/orders?tag=" + tag)
        for item in answer.json["items"] if answer.status == 207 else ():
            if item["order"]:
                self.deletes[item["order"]["client_id"]][-1] = Part(item)

    def amend(self, line, client_id):
        """Once: to a price that no other amend asks for."""
        self.amends += 1
        change = {"price": "%d" % (20001 + self.amends), "qty": "0.003"}
        self.ask(line, self.patches.setdefault(client_id, [change, []])[1], "PATCH", "/orders/" + client_id, change)

    def run(self):
        line = Line(self.port)
        count = 0
        try:
            while not self.stop.is_set():
                count += 1
                if count % 3 == 0:
                    self.place_together(line, count)
                client_id = "c%d-%d" % (self.number, count)
                category = ("linear", "spot", "inverse")[count % 3]
                body = dict(MARKET if count % 3 == 0 else RESTING[category], client_id=client_id)
                if self.place(line, client_id, body) and count % 3 == 1:
                    self.ask(line, self.deletes.setdefault(client_id, []), "DELETE", "/orders/" + client_id)
        except (OSError, http.client.HTTPException):
            pass
        line.close()


class Run(GuardCase):
    """One death: `go` is the test, made by run_one()."""

    speed = 20
    point, number, with_past = "", 1, False
    clients, events = (), 0

    # --- the lives ---

    def live_first(self):
        """A life that leaves open orders, and fills that happened when it was over."""
        bridge = self.start()
        for number in range(6):
            body = dict(RESTING[("linear", "spot", "inverse")[number % 3]], client_id="past-%d" % number)
            if number % 3 == 0:
                body["price"] = "%.1f" % (float(once(bridge.port, "GET", "/price/BTCUSDT").body) - 200)
            self.assertEqual(once(bridge.port, "POST", "/orders", body).status, 201)
        self.end(bridge)
        self.sim_do("/sim/price", {"symbol": "BTCUSDT", "price": "%.1f" % (float(body["price"]) if number % 3 == 0 else 25000)})

    def end(self, bridge, kill=True):
        if kill:
            bridge.kill()
        bridge.child.stdout.close()
        os.unlink(bridge.stderr_path)

    def die_at_start(self):
        """True: it did, before it could say its port."""
        args = ["--env", "sim", "--rest-url", "http://127.0.0.1:%d" % self.sim.port, "--ws-url", "ws://127.0.0.1:%d" % self.sim.port,
                "--listen", "127.0.0.1:0", "--journal", self.journal, "--no-limits", "--speed", str(self.speed)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BYBIT_")}
        environment.update(BYBIT_API_KEY=KEY, BYBIT_API_SECRET=SECRET, CRASH_AT=self.crash_at())
        run = subprocess.run([harness.BRIDGE, *args], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             timeout=30, check=False)
        self.assertEqual(run.returncode, -signal.SIGKILL, run.stderr)

    def crash_at(self):
        """The later times, other threads go on for a moment: what was let out too early reaches someone."""
        return "%s:%d%s" % (self.point, self.number, ":%d" % PAUSE_MS if self.number > 1 or self.with_past else "")

    def is_dead(self, bridge):
        return bridge.child.poll() is not None

    def note(self, list_of, *what):
        """Asks, and keeps (what was asked, its answer; None: none came)."""
        list_of.append([what, None])
        list_of[-1][1] = once(self.port, *what)
        return list_of[-1][1]

    def one_round(self, number):
        """Each thing once that the clients do not do by themselves."""
        self.sim_do("/sim/fault", {"path": CREATE, "mode": "answer", "count": 2,
                                   "body": {"retCode": -1, "retMsg": "refused for now", "result": {}, "time": 1}})
        self.note(self.guards, "PATCH", "/guard", {"max_orders_per_minute": 5000 + number})
        time.sleep(0.15)
        self.sim_do("/sim/fault", {"path": CREATE, "mode": "none"})
        self.exchange.rest("linear", link="ext-%d" % number)
        self.sim_do("/sim/stream", {"mode": "cut", "kind": "private"})
        self.note(self.guards, "POST", "/guard/kill?timeout=3s", {"reason": "round %d" % number})
        self.note(self.guards, "POST", "/guard/arm", {"reason": "round %d" % number})

    def work(self, bridge):
        """Until it is dead."""
        try:
            for number in range(max(ROUNDS, self.number + 2)):
                if self.point.startswith("stop_"):
                    time.sleep(0.3)
                    bridge.child.send_signal(signal.SIGTERM)
                    break
                if self.point.startswith("checkpoint_"):
                    for client in self.clients:
                        client.stop.set()
                    time.sleep(4)
                self.one_round(number)
        except (OSError, http.client.HTTPException):
            pass
        try:  # the clients go on, without a kill in their way
            bridge.child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            pass
        for client in self.clients:
            client.stop.set()
        for client in self.clients:
            client.thread.join()
        try:
            bridge.child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            raise AssertionError("%s is not passed so often" % self.crash_at())
        self.assertEqual(bridge.child.returncode, -signal.SIGKILL, bridge.stderr()[-3000:])

    def live_and_die(self):
        try:
            bridge = self.start(env={"CRASH_AT": self.crash_at()}, wait=False)
        except AssertionError as failure:
            # So early that it had not yet said its port: on a slow machine.
            self.assertEqual(getattr(failure, "status", None), -signal.SIGKILL, failure)
            return
        self.port = bridge.port
        try:
            self.feed = Feed(bridge.port, "orders,fills,guard")
        except (OSError, http.client.HTTPException):
            pass  # dead already
        try:
            until(lambda: self.is_dead(bridge) or once(bridge.port, "GET", "/readyz").status == 200)
        except (OSError, http.client.HTTPException):
            pass
        if not self.is_dead(bridge):
            self.clients = [Client(number, bridge.port) for number in range(CLIENTS)]
        self.work(bridge)
        if self.feed:
            self.feed.ended.wait(5)
            self.feed.connection.close()
        bridge.check_left()
        self.end(bridge, kill=False)

    # --- what must be true then ---

    def check_guard(self, guard):
        """What was answered is kept; what was under way may be, or not."""
        killed, limits = {False}, {None}
        for (_, path, body), answer in self.guards:
            done = answer is not None and answer.status == 200
            if path == "/guard":
                value = body["max_orders_per_minute"]
                limits = {value} if done else limits | {value}
            else:
                wanted = "kill" in path
                # An answer that says "not durable" promises nothing of a later life.
                done = done and answer.json.get("durable") is not False
                killed = {wanted} if done else killed | {wanted}
        self.assertIn(guard["killed"], killed, self.guards)
        self.assertIn(guard["limits"]["max_orders_per_minute"], limits, self.guards)

    def check_events(self):
        """Each event that was shown is in the journal, as it was."""
        with sqlite3.connect("file:%s?mode=ro" % self.journal, uri=True) as db:
            kept = {row[0]: json.loads(row[1]) for row in db.execute("select seq, json from events")}
        self.assertEqual(sorted(kept), list(range(1, len(kept) + 1)))
        for event in self.feed.events if self.feed else []:
            if "id" not in event or event["event"] in ("hello", "snapshot"):
                continue
            seq = int(event["id"].split("-")[1])
            if event["event"] in ("order", "fill"):
                self.assertEqual(kept.get(seq), event["data"])
                self.events += 1

    def check_told(self):
        there = {o["orderLinkId"]: o for o in self.there().values()}
        rows = self.rows()
        for client in self.clients:
            for link, (_, answers) in client.posts.items():
                text = "%s was told %s; there: %s; here: %s" % (link, [a and "%d %.250s" % (a.status, a.json.get("detail") or a.body)
                                                                     for a in answers], there.get(link), rows.get(link))
                statuses = [answer and answer.status for answer in answers]
                for answer in answers:
                    if answer and answer.status in (200, 201):
                        self.assertIn(link, there, text)
                        self.assertEqual(answer.json["id"], there[link]["orderId"], text)
                    elif answer and answer.status != 202:
                        self.assertIn(answer.status, (409, 422, 429, 503), text)
                if not {None, 200, 201, 202, 409} & set(statuses):
                    self.assertNotIn(link, there, text)
            for link, answers in client.deletes.items():
                for answer in answers:
                    if answer and answer.status == 200 and answer.json["state"] == "cancelled":
                        self.assertEqual(there[link]["orderStatus"], "Cancelled", (answer, there[link]))

    def check_once(self):
        """No create came twice, whatever was tried again; one that the exchange would not look at (a fault) does not count."""
        posts = {link: answers for client in self.clients for link, (_, answers) in client.posts.items()}
        creates = self.seen(CREATE) + self.seen(BATCH)
        decided = collections.Counter(create["orderLinkId"] for create in creates if "code" in create)
        seen = collections.Counter(create["orderLinkId"] for create in creates)
        self.assertEqual({k: v for k, v in decided.items() if v > 1}, {})
        # One that was refused for now may be sent again, when the client says so.
        self.assertEqual({k: v for k, v in seen.items() if k in posts and v > len(posts[k])}, {})
        self.assertEqual(self.sim_get("/sim/stats")["duplicates_refused"], 0)

    def check_amends(self):
        """Each came at most once, and what is there is here; one that was answered as made is made, one as refused is not."""
        came = collections.Counter(amend["orderId"] for amend in self.seen(AMEND))
        self.assertEqual({k: v for k, v in came.items() if v > 1}, {})
        there, rows = {o["orderLinkId"] or o["orderId"]: o for o in self.there().values()}, self.rows()
        for name, order in there.items():
            if order["orderType"] == "Limit":
                self.assertEqual([Decimal(rows[name][n]) for n in ("qty", "price")], [Decimal(order[n]) for n in ("qty", "price")], name)
        self.assertEqual([name for name, row in rows.items() if row["amend"]], [])
        for client in self.clients:
            for link, (change, answers) in client.patches.items():
                made = link in there and Decimal(there[link]["price"]) == Decimal(change["price"])
                text = (link, change, answers, there.get(link))
                if answers[-1] and answers[-1].status == 200:
                    self.assertTrue(made, text)
                elif answers[-1] and answers[-1].status != 202:
                    self.assertFalse(made, text)

    def try_again(self, bridge):
        """Half of those that got no answer ask again, as clients do."""
        for client in self.clients:
            for number, (link, (body, answers)) in enumerate(client.posts.items()):
                if answers[-1] is None and number % 2 == 0:
                    answers.append(once(bridge.port, "POST", "/orders", body))
                    self.assertIn(answers[-1].status, (200, 201, 202, 422, 503), (link, answers))

    def go(self):
        self.clients, self.guards, self.feed, self.events = [], [], None, 0
        if self.with_past:
            self.live_first()
        self.sim_do("/sim/fault", {"path": CANCEL, "mode": "delay", "ms": 20, "count": 1000000})
        if AT_START.match(self.point):
            self.die_at_start()
        else:
            self.live_and_die()
        self.sim_do("/sim/fault", {"path": CREATE, "mode": "none"})
        bridge = self.start()
        self.check_guard(self.guard_of(bridge))
        self.try_again(bridge)
        until(lambda: once(bridge.port, "GET", "/orders?state=unknown").json["items"] == [], 60, 0.2)
        self.check_alike(bridge)
        until(lambda: not any(row["amend"] for row in self.rows().values()), 60, 0.2)
        self.check_once()
        self.check_amends()
        self.check_told()
        self.check_events()
        self.assertEqual(once(bridge.port, "GET", "/readyz").status, 200)
        bridge.stop()

    def guard_of(self, bridge):
        answer = once(bridge.port, "GET", "/guard").json
        return dict(answer, **(answer["kill"] or {}))


def run_one(point, number, with_past):
    """In a process of its own: (name, orders, answers, events that were shown, seconds, what failed)."""
    run = Run("go")
    run.point, run.number, run.with_past = point, number, with_past
    result = unittest.TestResult()
    began = time.monotonic()
    run.run(result)
    failed = [text for _, text in result.failures + result.errors]
    told = [answers for client in run.clients for _, answers in client.posts.values()]
    answers = sum(answer is not None for one in told for answer in one)
    name = "%s:%d%s" % (point, number, " with a past" if with_past else "")
    return name, (len(told), answers, run.events), time.monotonic() - began, failed


def deaths(points):
    """(place, which time, with a life before) of all that is tried."""
    most = int(os.environ.get("CRASH_TIMES", 0))
    for place, point in enumerate(points):
        if ONCE.match(point):
            yield point, 1, False
            yield point, 1, True
            continue
        later = (LATER_RARE if RARE.match(point) else LATER_THIRD if THIRD.match(point) else LATER_START if AT_START.match(point)
                 else LATER)
        both = (1, later) if os.environ.get("CRASH_ONLY") else (later,) if place % 2 else (1,)
        for number in range(1, most + 1) if most else both:
            yield point, number, AT_START.match(point) is not None and number > 1


class Crash(unittest.TestCase):
    def test_a_wrong_name_or_count_is_refused(self):
        if names() is None:
            self.skipTest("a build without crash points")
        for wrong in ("no_such_place:1", "create_send", "create_send:", "create_send:0", "create_send:x", "create_send:1x", "create_send:1:", "create_send:1:-1", "create_send:1:5x",
                      "create_send:1:5000", ""):
            run = subprocess.run([harness.BRIDGE, "--env", "sim"], env=dict(os.environ, CRASH_AT=wrong), capture_output=True, text=True,
                                 timeout=30, check=False)
            self.assertEqual(run.returncode, 78, (wrong, run.stderr))
            self.assertIn("CRASH_AT", run.stderr)

    def test_each_place(self):
        points = names()
        if points is None:
            self.skipTest("a build without crash points")
        self.assertGreater(len(points), 40)
        only = re.compile(os.environ.get("CRASH_ONLY", ""))
        jobs = int(os.environ.get("CRASH_JOBS", 2 * os.cpu_count()))
        failures, runs, sums = [], 0, (0, 0, 0)
        with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
            waiting = [pool.submit(run_one, *death) for death in deaths(points) if only.search(death[0])]
            for done in concurrent.futures.as_completed(waiting):
                name, counts, seconds, failed = done.result()
                runs, sums = runs + 1, [a + b for a, b in zip(sums, counts)]
                if os.environ.get("CRASH_ONLY") or failed or seconds > 15:
                    print("%s: %.1f s, %d orders%s" % (name, seconds, counts[0], " FAILED" if failed else ""))
                failures += ["%s: %s" % (name, text[-3000:]) for text in failed]
        self.assertEqual(failures, [], "\n".join(failures))
        print("crash points: %d places, %d deaths, answers: %d, events shown: %d, orders: %d, lost: 0, doubled: 0, unknown: 0"
              % (len(points), runs, sums[1], sums[2], sums[0]))


if __name__ == "__main__":
    unittest.main()
