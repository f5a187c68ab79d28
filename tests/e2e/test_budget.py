"""The rate budget on limits as documented: a flood that the exchange never has to refuse, bans, headers, shared reads.

FLOOD_SECONDS=30 makes the flood that long. STRICT_TIMING=1 holds cancels to their goals, which only a release build on a quiet
machine can reach.
"""
import collections
import itertools
import os
import queue
import random
import threading
import time
import unittest

from guard_kit import (CANCEL, CREATE, RESTING, BanProxy, GuardCase, Line, SlowDisk, in_threads, once, percentile, request,
                       skewed_clock, slow_disk_library, times_ms, until)
from harness import Feed

FLOOD_S = float(os.environ.get("FLOOD_SECONDS", 6))
STRICT = os.environ.get("STRICT_TIMING") == "1"
# Cancels: a little slower than the limit, so that they never have to wait for it.
PACE_S = {"linear": 0.125, "spot": 0.065}
CONNECTIONS = 50  # of each client that places orders: more than get a turn in 5 s


class Limited(GuardCase):
    limits = True

    def check_quiet(self):
        self.assertEqual(self.refusals_there(), (0, 0), "the exchange had to refuse")

    def check_headers(self, answer, category="linear", route="order-create"):
        name = '"%s-%s"' % (route, category)
        policy, left = answer.headers["ratelimit-policy"], answer.headers["ratelimit"]
        self.assertRegex(policy, r'\A"ip";q=\d+;w=5, %s;q=\d+;w=1\Z' % name, answer)
        self.assertRegex(left, r'\A"ip";r=\d+;t=\d+, %s;r=\d+;t=\d+\Z' % name, answer)


class Flood(Limited):
    def setUp(self):
        super().setUp()
        self.told = {}                 # client id -> answer, or what was raised
        self.read = collections.Counter()
        self.placed = {"linear": queue.Queue(), "spot": queue.Queue()}
        self.stop = threading.Event()
        self.numbers = itertools.count()

    # --- the clients ---

    @staticmethod
    def step_back():
        """Clients of a flood leave the processor to the bridge: its own time is what is measured."""
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)

    def creator(self, name):
        """One connection: an order after the other; what is refused is not asked again."""
        self.step_back()
        line, dice = Line(self.bridge.port, {"X-Client": name[:9]}), random.Random(name)
        while not self.stop.is_set():
            category = "linear" if dice.random() < 0.7 else "spot"
            client_id = "%s-%d" % (name, next(self.numbers))
            try:
                answer = line.ask("POST", "/orders", dict(RESTING[category], client_id=client_id))
            except OSError as error:
                answer = error
            self.told[client_id] = answer
            if getattr(answer, "status", None) == 201:
                self.placed[category].put(client_id)
            else:
                time.sleep(dice.random() * 0.2)
        line.close()

    def reader(self, name):
        """What no memory has: each read asks for something else."""
        self.step_back()
        line, dice = Line(self.bridge.port), random.Random(name)
        while not self.stop.is_set():
            hour = dice.randrange(24, 2000)
            path = dice.choice(("/candles/BTCUSDT?interval=1m&from=-%dh&limit=100" % hour, "/candles/ETHUSDT?from=-%dh" % hour,
                                "/fees/%sUSDT" % dice.choice(("BTC", "ETH", "SOL")), "/positions?max_age=1ms",
                                "/balance?max_age=1ms", "/funding/BTCUSDT?from=-%dh" % hour, "/balance?account=fund",
                                "/trades/SOLUSDT", "/orders?state=all&limit=100"))
            self.read[line.ask("GET", path).status] += 1
        line.close()

    def cancel_paced(self, category, seconds, taken, source):
        """Cancels what `source` gives, at the pace; keeps what the bridge itself took."""
        line, end = Line(self.bridge.port), time.monotonic() + seconds
        while time.monotonic() < end:
            start = time.monotonic()
            client_id = source()
            if client_id:
                answer = line.ask("DELETE", "/orders/" + client_id)
                if answer.status != 200:
                    raise AssertionError("cancel of %s: %s" % (client_id, answer))
                if times_ms(answer):  # the private stream can be quicker than the answer
                    taken.append(times_ms(answer))
            time.sleep(max(0, PACE_S[category] - (time.monotonic() - start)))
        line.close()

    def from_flood(self, category):
        try:
            return self.placed[category].get(timeout=0.5)
        except queue.Empty:
            return None

    def one_more(self, category):
        client_id = "idle-%d" % next(self.numbers)
        answer = once(self.bridge.port, "POST", "/orders", dict(RESTING[category], client_id=client_id))
        self.told[client_id] = answer
        self.assertEqual(answer.status, 201, answer)
        time.sleep(PACE_S[category] / 2)  # right behind its create it would find everything warm
        return client_id

    def cancels(self, seconds, source):
        taken = []
        return taken, [lambda c=c: self.cancel_paced(c, seconds, taken, lambda: source(c)) for c in PACE_S]

    # --- the reckoning ---

    def check_told(self):
        """Each create is either done or honestly refused."""
        links, rows = {o["orderLinkId"] for o in self.there().values()}, self.rows()
        sent, count = self.seen_links(), collections.Counter()
        for client_id, answer in self.told.items():
            text = "%s: %s" % (client_id, answer)
            status = getattr(answer, "status", None)
            self.assertIn(status, (201, 429, 503), text)
            count[status] += 1
            if status == 201:
                self.assertIn(client_id, links, text)
                continue
            self.assertEqual(answer.json["outcome"], "not_sent", text)
            self.assertNotIn(client_id, sent, text)
            self.assertNotIn(client_id, links, text)
            if status == 429:
                self.assertEqual(answer.json["code"], "rate_limited", text)
                self.assertGreaterEqual(int(answer.headers["retry-after"]), 1, text)
                self.check_headers(answer, "spot" if "order-create-spot" in answer.headers["ratelimit"] else "linear")
            if client_id in rows:
                self.assertEqual(rows[client_id]["state"], "not_sent", text)
                count["journaled, then refused"] += 1
        self.assertGreater(count[429], 0, "there was no flood")
        self.assertLessEqual(count["journaled, then refused"], count[429] // 10, count)
        return count

    def check_times(self, idle, flood):
        (own_idle, total_idle), (own, total) = zip(*idle), zip(*flood)
        a, b = percentile(own_idle, 0.99), percentile(own, 0.99)
        print("cancel own p99: %.2f ms idle, %.2f ms flood, ratio %.2f" % (a, b, b / a))
        for name, before, after in (("own p50", own_idle, own), ("total p50", total_idle, total)):
            x, y = percentile(before, 0.5), percentile(after, 0.5)
            print("cancel %s: %.2f ms idle, %.2f ms flood, ratio %.2f" % (name, x, y, y / x))
        x, y = percentile(total_idle, 0.99), percentile(total, 0.99)
        print("cancel total p99: %.2f ms idle, %.2f ms flood, ratio %.2f" % (x, y, y / x))
        self.assertGreater(len(flood), FLOOD_S * 5)
        if STRICT:
            self.assertLessEqual(b, 1)
            self.assertLessEqual(percentile(total, 0.5), 1.5 * percentile(total_idle, 0.5))
            self.assertLessEqual(y, 1.5 * x)
        else:
            self.assertLess(percentile(total, 0.5), max(20, 10 * percentile(total_idle, 0.5)))

    def test_a_flood_is_taken_without_a_refusal_by_the_exchange(self):
        self.bridge = self.start()
        idle, works = self.cancels(FLOOD_S, self.one_more)
        in_threads(*works)
        taken, works = self.cancels(FLOOD_S, self.from_flood)
        for client in range(2):
            works += [lambda c=client: self.reader("reader-%d" % c)] * 4
            works += [lambda c=client, n=n: self.creator("creator-%d-%d" % (c, n)) for n in range(CONNECTIONS)]
        timer = threading.Timer(FLOOD_S, self.stop.set)
        timer.start()
        try:
            in_threads(*works)
        finally:
            self.stop.set()
            timer.cancel()
        self.check_quiet()
        self.check_alike(self.bridge)
        self.check_quiet()
        count = self.check_told()
        print("flood of %.0f s: creates %s, reads %s, cancels %d" % (FLOOD_S, dict(count), dict(self.read), len(taken)))
        self.check_times(idle, taken)
        self.assertEqual(self.read[429] + self.read[503] + self.read[200] + self.read[502], sum(self.read.values()), self.read)


class Turns(Limited):
    def flood_until_refused(self, bridge):
        """Places orders, many at once, until one is refused: (client id, that answer, when). The others go on."""
        refused = queue.Queue()

        def one(number):
            client_id = "turn-%d" % number
            answer = once(bridge.port, "POST", "/orders", dict(RESTING["linear"], client_id=client_id))
            if answer.status == 429:
                refused.put((client_id, answer, time.monotonic()))
            elif answer.status != 201:
                raise AssertionError(answer)

        self.threads = []
        for number in range(120):
            thread = threading.Thread(target=one, args=(number,))
            thread.start()
            self.threads.append(thread)
            time.sleep(0.005)
            if not refused.empty():
                break
        self.addCleanup(lambda: [thread.join() for thread in self.threads])
        return refused.get(timeout=10)

    def test_retry_after_is_true(self):
        bridge = self.start()
        client_id, answer, when = self.flood_until_refused(bridge)
        self.assertEqual((answer.json["outcome"], answer.json["code"]), ("not_sent", "rate_limited"), answer)
        self.check_headers(answer)
        wait_s = int(answer.headers["retry-after"])
        self.assertTrue(1 <= wait_s <= 2, answer)
        self.assertTrue(answer.json["retry"]["safe"], answer)
        self.assertTrue(0 < answer.json["retry"]["after_ms"] <= wait_s * 1000, answer)
        self.assertNotIn(client_id, self.rows())
        self.assertNotIn(client_id, self.seen_links())
        time.sleep(max(0, when + wait_s - time.monotonic()))
        answer = request(bridge.port, "POST", "/orders", dict(RESTING["linear"], client_id=client_id))
        self.assertEqual(answer.status, 201, answer)
        for thread in self.threads:
            thread.join()
        self.check_quiet()

    def test_a_refusal_comes_at_once_and_cancels_do_not_wait(self):
        bridge = self.start()
        self.place(bridge, client_id="early")
        self.flood_until_refused(bridge)
        start = time.monotonic()
        answer = request(bridge.port, "POST", "/orders", dict(RESTING["linear"], client_id="late"))
        took = time.monotonic() - start
        if answer.status == 429:  # else a place was free again meanwhile
            self.assertLess(took, 1)
        start = time.monotonic()
        answer = request(bridge.port, "DELETE", "/orders/early")
        self.assertEqual(answer.status, 200, answer)
        self.assertLess(time.monotonic() - start, 1)
        # The exit of a position goes before creates too.
        start = time.monotonic()
        answer = request(bridge.port, "POST", "/orders", {"symbol": "BTCUSDT", "side": "sell", "type": "market", "qty": "0.001",
                                                         "reduce_only": True})
        self.assertIn(answer.status, (201, 422), answer)  # there may be nothing to reduce: the exchange says so
        self.assertIn(answer.json.get("outcome"), (None, "rejected"), answer)
        self.assertLess(time.monotonic() - start, 1.5)
        self.check_quiet()

    @unittest.skipUnless(slow_disk_library(), "the library that slows the disk down is not built")
    def test_amends_that_wait_for_the_disk_are_counted(self):
        """Those whose turn will not come are refused at once, not journaled, and refused when their time is over."""
        self.sim_do("/sim/limits", {"on": False})
        ids = [self.exchange.rest("linear") for _ in range(120)]
        disk = SlowDisk(self.folder)
        bridge = self.start(env=disk.env)
        until(lambda: len(request(bridge.port, "GET", "/orders?state=open&limit=1000").json["items"]) == len(ids))
        self.sim_do("/sim/limits", {"on": True, "account": {"factor": 1}})
        disk.slow(700)
        told = []

        def amend(order_id):
            start = time.monotonic()
            answer = once(bridge.port, "PATCH", "/orders/" + order_id, {"price": "20500"})
            told.append((answer.status, time.monotonic() - start))

        in_threads(*[lambda order_id=order_id: amend(order_id) for order_id in ids])
        disk.fast()
        self.assertEqual({status for status, _ in told}, {200, 429})
        self.assertGreater(len([status for status, _ in told if status == 200]), 25, told)
        late = [took for status, took in told if status == 429 and took > 2]
        self.assertLess(len(late), 20, "beside those whose turn the wait for the disk made too late")
        self.assertEqual(self.refusals_there(), (0, 0))

    def test_writes_say_what_is_left(self):
        bridge = self.start()
        answer = request(bridge.port, "POST", "/orders", dict(RESTING["linear"], client_id="h-1"))
        self.assertEqual(answer.status, 201, answer)
        self.check_headers(answer)
        self.assertIn('"ip";q=550;w=5', answer.headers["ratelimit-policy"])
        self.assertIn('"order-create-linear";q=10;w=1', answer.headers["ratelimit-policy"])
        answer = request(bridge.port, "POST", "/orders", dict(RESTING["spot"], client_id="h-2"))
        self.check_headers(answer, "spot")
        self.assertIn('"order-create-spot";q=20;w=1', answer.headers["ratelimit-policy"])
        answer = request(bridge.port, "DELETE", "/orders/h-1")
        self.assertEqual(answer.status, 200, answer)
        self.check_headers(answer, "linear", "order-cancel")
        self.assertNotIn("ratelimit", request(bridge.port, "GET", "/orders").headers)
        budget = request(bridge.port, "GET", "/status").json["budget"]
        self.assertEqual(budget["ip_limit"], 550)
        self.assertLess(budget["ip_left"], 550)
        for route, category, limit in ((CREATE, "linear", 10), (CREATE, "spot", 20), (CANCEL, "linear", 10)):
            window = next(w for w in budget["windows"] if (w["route"], w["category"]) == (route, category))
            self.assertEqual(window["limit"], limit)

    def test_the_limit_of_the_account_is_taken_from_the_answers(self):
        """A VIP may do more, a punished one less."""
        bridge = self.start()
        self.sim_do("/sim/limits", {"account": {CREATE: {"linear": 4}}})
        self.place(bridge)  # its answer tells
        start = time.monotonic()
        in_threads(*[lambda: self.place(bridge)] * 8)
        self.assertGreater(time.monotonic() - start, 0.9)
        self.assertEqual(self.refusals_there()[1], 0)
        self.assertLessEqual(self.refusals_there()[0], 1)
        answer = request(bridge.port, "POST", "/orders", dict(RESTING["linear"]))
        self.assertIn('"order-create-linear";q=4;w=1', answer.headers["ratelimit-policy"], answer)


class Ban(Limited):
    BAN_MS = 10000  # longer than a write waits for its turn

    def banned(self, bridge):
        """A read that the exchange refuses tells the bridge."""
        self.proxy.ban()
        start = time.monotonic()
        until(lambda: request(bridge.port, "GET", "/candles/BTCUSDT?from=-%dh" % (100 + next(self.hours))).status != 200
              and request(bridge.port, "GET", "/status").json["budget"]["banned_until"])
        return start

    def setUp(self):
        super().setUp()
        self.hours = itertools.count()
        self.proxy = BanProxy(self, self.BAN_MS)

    def rest_requests(self):
        return sum(self.sim_get("/sim/stats")["requests"].values())

    def check_banned(self, bridge, feed, start):
        """All that is true while the ban lasts; returns when it was over at the latest."""
        before, tickers = self.rest_requests(), len(feed.named("ticker"))
        answers = [request(bridge.port, "POST", "/orders", dict(RESTING["linear"], client_id="ban-%d" % n)) for n in range(5)]
        answers.append(request(bridge.port, "DELETE", "/orders/before"))
        asked_s = time.monotonic() - start
        for answer in answers:
            self.assertEqual((answer.status, answer.json["outcome"], answer.json["code"]), (429, "not_sent", "rate_limited"), answer)
            self.assertTrue(1 <= int(answer.headers["retry-after"]) <= self.BAN_MS / 1000 + 2, answer)
        self.assertLess(asked_s, 2.5, "they did not come at once")
        for path in ("/balance?max_age=0s", "/positions?max_age=0s", "/positions/BTCUSDT?max_age=0s", "/balance?account=fund",
                     "/symbols?category=option&base=BTC", "/funding/BTCUSDT"):
            answer = request(bridge.port, "GET", path)
            self.assertEqual((answer.status, answer.json.get("code")), (429, "rate_limited"), (path, answer))
            self.assertTrue(1 <= int(answer.headers["retry-after"]) <= self.BAN_MS / 1000 + 2, (path, answer))
            self.assertIn('"ip";r=0', answer.headers["ratelimit"], (path, answer))
        self.assertEqual([n for n in range(5) if "ban-%d" % n in self.rows()], [])
        status = request(bridge.port, "GET", "/status").json["budget"]
        self.assertGreater(status["banned_for_ms"], 0)
        self.assertRegex(status["banned_until"], r"\A\d{4}-\d\d-\d\dT")
        metrics = request(bridge.port, "GET", "/metrics").body
        banned = [line for line in metrics.splitlines() if "ban" in line and not line.startswith("#")]
        self.assertTrue([line for line in banned if float(line.split()[-1]) > 0], banned)
        ready = request(bridge.port, "GET", "/readyz")
        self.assertEqual(ready.status, 503, ready)
        self.assertIn("ban", ready.json["detail"])
        until(lambda: len(feed.named("ticker")) > tickers + 2)
        self.assertEqual(self.rest_requests(), before, "something was sent during the ban")
        left_s = max(int(answer.headers["retry-after"]) for answer in answers)
        return start + asked_s + left_s

    def test_a_ban_stops_rest_and_nothing_else(self):
        bridge = self.start(rest_port=self.proxy.port, ws_port=self.sim.port)
        self.place(bridge, client_id="before")
        feed = Feed(bridge.port, "ticker:BTCUSDT,orders")
        self.addCleanup(feed.close)
        feed.wait(lambda e: e["event"] == "ticker")
        start = self.banned(bridge)
        over = start + self.BAN_MS / 1000 + 2
        try:
            over = self.check_banned(bridge, feed, start)
        except AssertionError:
            if time.monotonic() < start + self.BAN_MS / 1000 - 0.5:
                raise  # else a machine that is too slow has met the end of the ban
        time.sleep(max(0, over - time.monotonic()))
        answer = request(bridge.port, "POST", "/orders", dict(RESTING["linear"], client_id="ban-0"))
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(request(bridge.port, "DELETE", "/orders/before").status, 200)
        self.wait_ready(bridge)
        status = request(bridge.port, "GET", "/status").json["budget"]
        self.assertIsNone(status["banned_until"])
        self.assertLessEqual(self.refusals_there()[1], 3, "it asked again and again")
        self.check_alike(bridge)

    def test_a_bridge_that_is_started_again_and_again_is_not_banned(self):
        """The documented limit of the address holds over all starts together."""
        banned = []
        for number in range(30):
            bridge = self.start(wait=False)
            until(lambda: request(bridge.port, "GET", "/livez").status == 200)
            bridge.kill()
            bridge.child.stdout.close()
            banned.append(self.refusals_there()[1])
        self.assertEqual(banned[-1], 0, banned)

    def test_a_ban_that_says_no_time_is_taken_for_ten_minutes(self):
        bridge = self.start()
        self.sim_do("/sim/ban", {"ms": 1000})
        until(lambda: request(bridge.port, "GET", "/candles/BTCUSDT?from=-99h").status == 429)
        answer = request(bridge.port, "POST", "/orders", RESTING["linear"])
        self.assertEqual(answer.status, 429, answer)
        self.assertTrue(590 <= int(answer.headers["retry-after"]) <= 601, answer)

    def test_a_ban_is_kept_over_kill_9_and_a_clock_that_steps(self):
        """Asking within a ban makes it longer: whoever starts within one asks nothing before its end."""
        bridge = self.start(rest_port=self.proxy.port, ws_port=self.sim.port)
        start = self.banned(bridge)
        before = self.rest_requests()
        for skew_s in (0, 7200, -7200):
            bridge.kill()
            bridge.child.stdout.close()
            bridge = self.start(rest_port=self.proxy.port, ws_port=self.sim.port, wait=False, env=skewed_clock(skew_s))
            status = request(bridge.port, "GET", "/status").json["budget"]
            left_s = self.BAN_MS / 1000 - (time.monotonic() - start)
            if left_s < 1:
                break  # a slow machine: the rest says nothing
            self.assertAlmostEqual(status["banned_for_ms"] / 1000, left_s, delta=2)
            self.assertRegex(status["banned_until"], r"\A\d{4}-\d\d-\d\dT")
            self.assertIn("ban", request(bridge.port, "GET", "/readyz").json["detail"])
        time.sleep(max(0, self.BAN_MS / 1000 - 0.5 - (time.monotonic() - start)))
        asked = self.rest_requests()
        if time.monotonic() - start < self.BAN_MS / 1000:
            self.assertEqual(asked, before, "something was sent during the ban")
        bridge.stop()
        bridge = self.start(rest_port=self.proxy.port, ws_port=self.sim.port)
        self.place(bridge)
        self.assertLessEqual(self.refusals_there()[1], 3, "it asked again and again")


class Shared(Limited):
    SHARED = ("/v5/market/instruments-info", "/v5/market/tickers", "/v5/market/time")

    def upstream(self, scripts):
        """Reads at the exchange when so many scripts start together with the bridge."""
        before = self.sim_get("/sim/stats")["requests"]
        self.journal += str(scripts)
        bridge = self.start(wait=False)

        def script():
            for path in ("/symbols/BTCUSDT", "/symbols?category=spot", "/tickers?category=linear", "/ticker/spot:ETHUSDT",
                         "/price/SOLUSDT", "/status"):
                until(lambda p=path: request(bridge.port, "GET", p).status == 200)

        in_threads(*[script] * scripts)
        self.wait_ready(bridge)
        after = self.sim_get("/sim/stats")["requests"]
        bridge.stop()
        return {path: after.get(path, 0) - before.get(path, 0) for path in self.SHARED}

    def test_ten_scripts_cost_what_one_costs(self):
        for path in self.SHARED[:2]:
            self.sim_do("/sim/fault", {"path": path, "mode": "delay", "ms": 150, "count": 1000})
        one, ten = self.upstream(1), self.upstream(10)
        print("upstream reads of one script: %s, of ten: %s" % (one, ten))
        for path in self.SHARED[:2]:  # three categories, three things asked; a stream can be quicker than the read
            self.assertLessEqual(ten[path], max(one[path], 3), path)
        self.assertLessEqual(ten["/v5/market/time"], one["/v5/market/time"] + 2)  # by the clock, not by who asks
        self.check_quiet()


if __name__ == "__main__":
    unittest.main()
