"""The guard: what it refuses the exchange never sees, what it allows is journaled before it is sent, and no cap is passed.

GUARD_SEED repeats a run, GUARD_ROUNDS=200 and GUARD_RACES=1000 make it long.
"""
import collections
import itertools
import os
import random
import shutil
import sqlite3
import threading
import time
import unittest
from decimal import ROUND_DOWN, Decimal

from fault_proxy import FaultProxy
from guard_kit import CREATE, RESTING, GuardCase, Line, in_threads, once, request, skewed_clock, until
from harness import Feed

ROUNDS = int(os.environ.get("GUARD_ROUNDS", 12))
RACES = int(os.environ.get("GUARD_RACES", 1000))
ORDERS_A_ROUND = 12
LIMITS = ("max_order_notional", "max_open_notional", "max_orders_per_minute", "symbols", "categories", "max_leverage",
          "reduce_only_mode")
LEVERAGE = 10  # of each position at the exchange, when nobody sets another
# (symbol, tick, step in qty, qty from, to): sizes of some ten to a thousand dollars
MARKETS = {
    "linear": (("BTCUSDT", "0.1", "0.001", 1, 8), ("ETHUSDT", "0.01", "0.01", 1, 25), ("SOLUSDT", "0.01", "0.1", 1, 40)),
    "spot": (("BTCUSDT", "0.1", "0.000100", 1, 80), ("ETHUSDT", "0.01", "0.01", 1, 25)),
    "inverse": (("BTCUSD", "0.1", "1", 10, 700),),
}


def name(category, symbol):
    return symbol if category == "linear" else "%s:%s" % (category, symbol)


class Rules:
    """Random rules, and what is certain about an order under them."""

    def __init__(self, dice):
        def maybe(value):
            return value if dice.random() < 0.35 else None

        markets = [(c, m[0]) for c in MARKETS for m in MARKETS[c]]
        self.limits = {
            "max_order_notional": maybe(str(dice.randrange(20, 600))),
            "max_open_notional": maybe(str(dice.randrange(200, 3000))),
            "max_orders_per_minute": maybe(dice.randrange(0, 400)),
            "symbols": maybe([name(*m) for m in dice.sample(markets, dice.randrange(1, len(markets)))]),
            "categories": maybe(dice.sample(sorted(MARKETS), dice.randrange(1, 3))),
            "max_leverage": maybe(dice.choice(("5", "10", "25"))),
            "reduce_only_mode": True if dice.random() < 0.15 else None,
        }

    def refusals(self, order, counts):
        """(limits that must refuse it, limits that may): `counts` has open_notional and orders_last_minute."""
        must, may = set(), set()
        contract = order["category"] != "spot"
        leaves = contract and order["fields"].get("reduce_only")
        limit = self.limits

        def compare(which, value, cap):
            """Market orders are valued at a price of the moment."""
            if value > cap * (1 if order["exact"] else Decimal("1.03")):
                must.add(which)
            elif value > cap * (1 if order["exact"] else Decimal("0.97")):
                may.add(which)

        if limit["symbols"] is not None and name(order["category"], order["symbol"]) not in limit["symbols"]:
            must.add("symbols")
        if limit["categories"] is not None and order["category"] not in limit["categories"]:
            must.add("categories")
        if limit["max_orders_per_minute"] is not None and counts["orders_last_minute"] >= limit["max_orders_per_minute"]:
            must.add("max_orders_per_minute")
        if leaves:
            return must, may
        if limit["reduce_only_mode"]:
            must.add("reduce_only_mode")
        if limit["max_order_notional"] is not None:
            compare("max_order_notional", order["value"], Decimal(limit["max_order_notional"]))
        if limit["max_leverage"] is not None and contract and Decimal(limit["max_leverage"]) < LEVERAGE:
            must.add("max_leverage")
        if limit["max_open_notional"] is not None:
            cap, value = Decimal(limit["max_open_notional"]), order["value"] + counts["open_notional"]
            if value > cap * Decimal("1.05"):
                must.add("max_open_notional")
            elif value > cap * Decimal("0.95"):
                may.add("max_open_notional")
        return must, may


class Random(GuardCase):
    """Property: over random rules and valid orders of each category and kind."""

    speed = 20

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("GUARD_SEED", random.randrange(1 << 30)))
        self.dice = random.Random(self.seed)
        self.numbers = itertools.count()

    def order(self, bridge):
        dice = self.dice
        category = dice.choice(sorted(MARKETS))
        symbol, tick, step, low, high = dice.choice(MARKETS[category])
        side, kind = dice.choice(("buy", "sell")), dice.choice(("limit", "limit", "market"))
        mid = Decimal(request(bridge.port, "GET", "/price/%s?of=last" % name(category, symbol)).body.strip())
        qty = Decimal(step) * dice.randrange(low, high)
        fields = {"symbol": name(category, symbol), "side": side, "type": kind, "qty": str(qty),
                  "client_id": "p-%d" % next(self.numbers)}
        factor = Decimal(dice.randrange(60, 95) if side == "buy" else dice.randrange(105, 150)) / 100
        price = (mid * factor).quantize(Decimal(tick), ROUND_DOWN)
        if kind == "limit":
            fields.update(price=str(price), tif=dice.choice(("gtc", "post_only")))
        elif category == "spot" and side == "buy" and dice.random() < 0.5:
            del fields["qty"]
            fields["quote_qty"] = str(dice.randrange(20, 600))
        if category != "spot" and dice.random() < 0.2:
            fields["reduce_only"] = True
        value = qty if category == "inverse" else qty * (price if kind == "limit" else mid)
        if "quote_qty" in fields:
            value = Decimal(fields["quote_qty"])
        return {"category": category, "symbol": symbol, "fields": fields, "value": value,
                "exact": kind == "limit" or category == "inverse" or "quote_qty" in fields}

    def one(self, bridge, rules, client_rules):
        """Places one order; what the guard said: a limit's name, or None."""
        order, headers = self.order(bridge), {}
        must, may = rules.refusals(order, self.counts(bridge))
        if self.dice.random() < 0.5:
            headers["X-Client"] = "bot"
            if client_rules:
                own = self.counts(bridge, "bot") if any(client_rules.limits.values()) else {"open_notional": 0, "orders_last_minute": 0}
                more = client_rules.refusals(order, own)
                must, may = must | more[0], may | more[1]
        answer = request(bridge.port, "POST", "/orders", order["fields"], headers)
        code = answer.json.get("code") or ""
        text = "seed %d, %s, %s, %s must %s may %s: %s" % (
            self.seed, rules.limits, client_rules and client_rules.limits, order, must, may, answer)
        if not code.startswith("guard_"):
            self.assertIn(answer.status, (201, 202, 422), text)  # 422: the exchange refuses it
            self.assertEqual(must, set(), text)
            if answer.status == 422:
                self.assertEqual(answer.json["outcome"], "rejected", text)
            return order["fields"]["client_id"], None
        self.assertEqual((answer.status, answer.json["outcome"]), (422, "not_sent"), text)
        self.assertIn(code[len("guard_"):], must | may, text)
        said = answer.json["guard"]
        self.assertEqual(said["limit"], code[len("guard_"):], text)
        self.assertIn(said["client"], (None, "bot"), text)
        return order["fields"]["client_id"], code[len("guard_"):]

    def delete_one(self, bridge, links):
        """Whatever the rules are, an order can be cancelled."""
        link = self.dice.choice(links)
        answer = request(bridge.port, "DELETE", "/orders/" + link)
        self.assertIn(answer.status, (200, 422), answer)
        self.assertFalse((answer.json.get("code") or "").startswith("guard_"), answer)

    def test_refused_is_not_seen_and_allowed_is_journaled_before_it_is_sent(self):
        bridge = self.start()
        print("GUARD_SEED=%d" % self.seed)
        counted, told = collections.Counter(), {}
        for _ in range(ROUNDS):
            rules = Rules(self.dice)
            client_rules = Rules(self.dice) if self.dice.random() < 0.5 else None
            self.patch(bridge, dict(rules.limits, clients={"bot": client_rules.limits if client_rules else None}))
            for _ in range(ORDERS_A_ROUND):
                link, limit = self.one(bridge, rules, client_rules)
                told[link] = limit
                counted[limit or "allowed"] += 1
                if self.dice.random() < 0.3 and None in told.values():
                    self.delete_one(bridge, [k for k, v in told.items() if v is None])
        self.patch(bridge, {"symbols": [], "categories": [], "reduce_only_mode": True, "max_orders_per_minute": 0})
        answer = request(bridge.port, "DELETE", "/orders?all=true")
        self.assertIn(answer.status, (200, 207), answer)
        self.assertEqual([item for item in answer.json["items"] if item["status"] != 200], [])
        until(lambda: not self.open_there())
        seen, rows = {r["orderLinkId"]: r for r in self.seen(CREATE)}, self.rows()
        for link, limit in told.items():
            text = "seed %d, %s: %s" % (self.seed, link, limit)
            if limit:
                self.assertNotIn(link, seen, text)
                self.assertNotIn(link, rows, text)
            else:
                self.assertIn(link, seen, text)
                self.assertLessEqual(rows[link]["created_ms"], seen[link]["at_ms"], text)
        print("orders by what the guard said: %s" % dict(counted))
        self.check_alike(bridge)

    def journal_as_left(self):
        """The orders in the files as a killed bridge left them; they are not touched."""
        copy = os.path.join(self.folder, "copy")
        shutil.copytree(os.path.dirname(self.journal), copy)
        with sqlite3.connect(os.path.join(copy, os.path.basename(self.journal))) as db:
            links = {row[0] for row in db.execute("select link from orders")}
        shutil.rmtree(copy)
        return links

    def test_what_the_exchange_saw_is_in_the_journal_of_a_killed_bridge(self):
        for round_number in range(4):
            bridge = self.start()
            if round_number == 0:
                self.patch(bridge, {"max_order_notional": "100"})
            allowed, refused = set(), set()

            def load(worker, bridge=bridge, round_number=round_number, allowed=allowed, refused=refused):
                for number in itertools.count():
                    link, small = "k%d-%d-%d" % (round_number, worker, number), number % 2
                    (allowed if small else refused).add(link)
                    try:
                        answer = once(bridge.port, "POST", "/orders", dict(
                            RESTING["spot"], client_id=link, qty="0.001" if small else "0.01",
                            price="20000" if small else "19000"))
                    except OSError:
                        return
                    if not small:
                        self.assertEqual(answer.json["code"], "guard_max_order_notional", answer)
                    else:
                        request(bridge.port, "DELETE", "/orders/" + link) if number % 4 == 1 else None

            workers = [threading.Thread(target=self.until_dead, args=(load, n)) for n in range(4)]
            before = len(self.seen_links())
            for worker in workers:
                worker.start()
            until(lambda before=before: len(self.seen_links()) > before + 8)
            time.sleep(self.dice.random() * 0.2)
            bridge.kill()
            for worker in workers:
                worker.join()
            bridge.child.stdout.close()
            self.assertEqual([link for link in sorted(self.seen_links() - self.journal_as_left())], [])
            self.assertEqual(refused & self.seen_links(), set())
            self.assertEqual(refused & self.journal_as_left(), set())
        bridge = self.start()
        until(lambda: not request(bridge.port, "GET", "/orders?state=unknown").json["items"], 60)
        self.check_open_notional(bridge)

    @staticmethod
    def until_dead(load, worker):
        try:
            load(worker)
        except OSError:
            pass

    def check_open_notional(self, bridge):
        """As the exchange has it: nothing is filled in these tests, so open orders are all."""
        there = sum(Decimal(o["price"]) * (Decimal(o["qty"]) - Decimal(o["cumExecQty"])) if o["category"] != "inverse"
                    else Decimal(o["qty"]) for o in self.open_there().values())
        try:
            until(lambda: self.counts(bridge)["open_notional"] == there)
        except AssertionError:
            raise AssertionError("open notional: %s, at the exchange %s" % (self.counts(bridge), there))


class Race(GuardCase):
    def test_two_clients_race_for_one_place(self):
        """Each round the cap fits exactly one of two orders that come at once."""
        bridge = self.start()
        self.patch(bridge, {"max_open_notional": "20"})
        barrier, answers, won = threading.Barrier(2, timeout=60), {}, collections.Counter()

        def client(who):
            line = Line(bridge.port)
            for number in range(RACES):
                barrier.wait()
                answers[who] = line.ask("POST", "/orders", dict(RESTING["linear"], client_id="r%d-%d" % (who, number)))
                barrier.wait()
                if who == 0:
                    self.judge(bridge, number, answers, won)
            line.close()

        def guarded(who):
            try:
                client(who)
            except BaseException:
                barrier.abort()
                raise

        in_threads(lambda: guarded(0), lambda: guarded(1))
        print("races: %d, won by %s" % (RACES, dict(won)))
        self.assertEqual(len(self.there()), RACES)
        most = self.most_open()
        self.assertEqual(most, 1, "so many were open at once")

    def judge(self, bridge, number, answers, won):
        done = [who for who in (0, 1) if answers[who].status == 201]
        self.assertEqual(len(done), 1, answers)
        won[done[0]] += 1
        problem = answers[1 - done[0]].json
        self.assertEqual((problem["code"], problem["outcome"]), ("guard_max_open_notional", "not_sent"), problem)
        self.assertEqual(Decimal(problem["guard"]["value"]), 40, problem)
        answer = once(bridge.port, "DELETE", "/orders/r%d-%d?wait=final" % (done[0], number))
        self.assertEqual((answer.status, answer.json["state"]), (200, "cancelled"), answer)

    def most_open(self):
        """The most orders that were open at the exchange at one time."""
        steps = []
        for order in self.there().values():
            steps += [(int(order["createdTime"]), 1), (int(order["updatedTime"]), -1)]
        most = now = 0
        for _, step in sorted(steps):  # in one ms the cancel goes first
            now += step
            most = max(most, now)
        return most

    def test_orders_a_minute_are_counted_over_both_and_over_kill_9(self):
        bridge = self.start()
        self.patch(bridge, {"max_orders_per_minute": 40})
        counted, lock = collections.Counter(), threading.Lock()

        def client(who, bridge, count):
            line = Line(bridge.port)
            for number in range(count):
                answer = line.ask("POST", "/orders", dict(RESTING["linear"], client_id="m%s-%d" % (who, number)))
                with lock:
                    counted[answer.json.get("code") or answer.status] += 1
                if answer.status != 201:
                    self.assertGreater(answer.json["retry"]["after_ms"], 20000, answer)
            line.close()

        start = time.monotonic()
        in_threads(lambda: client("a", bridge, 60), lambda: client("b", bridge, 60))
        self.assertEqual(counted, {201: 40, "guard_max_orders_per_minute": 80})
        before = self.counts(bridge)
        bridge.kill()
        bridge.child.stdout.close()
        bridge = self.start()
        after = self.counts(bridge)
        client("c", bridge, 5)
        if time.monotonic() - start < 55:
            self.assertEqual((before["orders_last_minute"], after["orders_last_minute"]), (40, 40))
            self.assertEqual(before["open_notional"], after["open_notional"])
            self.assertEqual(counted, {201: 40, "guard_max_orders_per_minute": 85})
        self.assertEqual(len(self.there()), 40)


class Limits(GuardCase):
    def problem(self, bridge, limit, value, allowed, headers=None, **fields):
        """A refusal names limit, value and what is allowed; the text too."""
        problem = self.refused(bridge, limit, headers, **fields)
        said = problem["guard"]
        self.assertEqual(said["limit"], limit, problem)
        self.assertIn(limit, problem["detail"], problem)
        for member, wanted in (("value", value), ("allowed", allowed)):
            if wanted is not None:
                self.assertEqual(Decimal(said[member]), Decimal(wanted), problem)
        return said

    def test_each_limit_refuses_once_and_says_why(self):
        bridge = self.start()
        feed = Feed(bridge.port, "orders,guard")
        self.addCleanup(feed.close)
        cases = (
            ({"max_order_notional": "19.99"}, "max_order_notional", "20", "19.99"),
            ({"max_open_notional": "19.99"}, "max_open_notional", "20", "19.99"),
            ({"max_orders_per_minute": 0}, "max_orders_per_minute", None, "0"),
            ({"symbols": ["ETHUSDT", "spot:BTCUSDT"]}, "symbols", None, None),
            ({"categories": ["spot"]}, "categories", None, None),
            ({"max_leverage": "9.5"}, "max_leverage", str(LEVERAGE), "9.5"),
            ({"reduce_only_mode": True}, "reduce_only_mode", None, None),
        )
        for number, (rules, limit, value, allowed) in enumerate(cases):
            with self.subTest(limit=limit):
                self.patch(bridge, rules)
                feed.wait(lambda e, n=number: len(feed.named("guard")) > n)
                said = self.problem(bridge, limit, value, allowed, client_id="l-%d" % number)
                if limit in ("max_order_notional", "max_open_notional"):
                    self.assertEqual((Decimal(said["price"]), said["price_source"]), (20000, "limit_price"))
                self.patch(bridge, dict.fromkeys(rules))
                self.place(bridge, client_id="l-%d" % number)  # the same key: nothing was kept of the refusal
                self.assertEqual(request(bridge.port, "DELETE", "/orders/l-%d?wait=final" % number).status, 200)
        changes = [e["data"]["change"] for e in feed.named("guard") if "id" in e]  # the first one is the state at the start
        self.assertEqual(set(changes), {"limits"})

    def test_a_limit_holds_at_its_edge_and_by_position(self):
        bridge = self.start()
        self.patch(bridge, {"max_order_notional": "20", "max_open_notional": "60"})
        for number in range(3):
            self.place(bridge, client_id="e-%d" % number)
        self.problem(bridge, "max_open_notional", "80", "60")
        self.assertEqual(request(bridge.port, "DELETE", "/orders/e-1?wait=final").status, 200)
        self.place(bridge, client_id="e-4")
        # A fill moves from order to position, and still counts.
        self.patch(bridge, {"max_order_notional": None, "max_open_notional": "300"})
        answer = request(bridge.port, "POST", "/orders?wait=filled", {"symbol": "BTCUSDT", "side": "buy", "type": "market",
                                                                     "qty": "0.002"})
        self.assertEqual(answer.status, 201, answer)
        self.problem(bridge, "max_open_notional", None, "300", price="60000")
        counts = self.counts(bridge)
        self.assertTrue(60 + 150 < counts["open_notional"] < 60 + 230, counts)
        # The exit is not blocked by it, and frees it again.
        self.patch(bridge, {"max_open_notional": "1", "reduce_only_mode": True, "max_order_notional": "1", "max_leverage": "1"})
        answer = request(bridge.port, "POST", "/orders?wait=filled", {"symbol": "BTCUSDT", "side": "sell", "type": "market",
                                                                     "qty": "0.002", "reduce_only": True})
        self.assertEqual(answer.status, 201, answer)
        until(lambda: self.counts(bridge)["open_notional"] == 60)

    def test_counters_are_right_again_after_kill_9(self):
        bridge = self.start()
        self.patch(bridge, {"max_open_notional": "5000", "clients": {"bot": {"max_open_notional": "4000"}}})
        for number, category in enumerate(("linear", "spot", "inverse", "linear")):
            self.place(bridge, category, client_id="c-%d" % number, headers={"X-Client": "bot"} if number % 2 else None)
        self.exchange.rest("linear")
        answer = request(bridge.port, "POST", "/orders?wait=filled", {"symbol": "ETHUSDT", "side": "sell", "type": "market",
                                                                     "qty": "0.05"})
        self.assertEqual(answer.status, 201, answer)
        # 2 x 20 linear, 20 spot, 10 inverse, 21 of another program, and a position of about 160
        until(lambda: 91 + 151 < self.counts(bridge)["open_notional"] < 91 + 171)
        self.assertEqual(self.counts(bridge, "bot")["open_notional"], 40)
        before = self.counts(bridge), self.counts(bridge, "bot")
        bridge.kill()
        bridge.child.stdout.close()
        bridge = self.start()

        def alike():
            after = self.counts(bridge), self.counts(bridge, "bot")
            return all(abs(a["open_notional"] - b["open_notional"]) < 5 and a["orders_last_minute"] == b["orders_last_minute"]
                       for a, b in zip(after, before))

        try:
            until(alike)
        except AssertionError:
            raise AssertionError("%s, before %s, %s" % ([self.counts(bridge), self.counts(bridge, "bot")], before,
                                                        bridge.stderr()[-2000:]))
        self.assertEqual(self.guard(bridge)["limits"]["max_open_notional"], "5000")

    def test_orders_of_the_last_minute_are_counted_over_kill_9_and_a_clock_that_steps(self):
        bridge = self.start(env=skewed_clock(-3600))
        start = time.monotonic()
        self.patch(bridge, {"max_orders_per_minute": 6, "clients": {"bot": {"max_orders_per_minute": 5}}})
        made = 0
        for skew_s in (0, 7200, -86400, -86400):
            self.place(bridge, headers={"X-Client": "bot"})
            made += 1
            bridge.kill()
            bridge.child.stdout.close()
            bridge = self.start(env=skewed_clock(skew_s))
            counts = self.guard(bridge)["counts"]  # their notional may not be known yet
            if time.monotonic() - start < 50:
                self.assertEqual(counts["orders_last_minute"], made, skew_s)
                self.assertEqual(counts["clients"]["bot"]["orders_last_minute"], made, skew_s)

    def test_rules_survive_kill_9_and_null_lifts_one(self):
        bridge = self.start()
        self.patch(bridge, {"max_order_notional": "10", "symbols": ["BTCUSDT"], "clients": {"bot": {"categories": ["linear"]}}})
        bridge.kill()
        bridge.child.stdout.close()
        bridge = self.start()
        self.problem(bridge, "max_order_notional", "20", "10")
        self.patch(bridge, {"max_order_notional": None})
        self.place(bridge)
        self.problem(bridge, "symbols", None, None, symbol="spot:BTCUSDT", headers={"X-Client": "bot"})
        self.patch(bridge, {"symbols": None})
        self.problem(bridge, "categories", None, None, symbol="spot:BTCUSDT", headers={"X-Client": "bot"})
        self.place(bridge, "spot")
        self.patch(bridge, {"clients": {"bot": None}})
        self.place(bridge, "spot", headers={"X-Client": "bot"})

    def test_a_repeat_is_answered_though_it_would_be_refused(self):
        bridge = self.start()
        self.place(bridge, client_id="once")
        self.assertEqual(request(bridge.port, "DELETE", "/orders/once?wait=final").status, 200)
        self.patch(bridge, {"max_order_notional": "10"})
        for _ in range(2):
            answer = request(bridge.port, "POST", "/orders", dict(RESTING["linear"], client_id="once"))
            self.assertEqual((answer.status, answer.headers.get("idempotent-replayed")), (200, "true"), answer)
            bridge.stop()
            bridge = self.start()
        self.problem(bridge, "max_order_notional", "20", "10", client_id="twice")

    def test_a_patch_that_is_wrong_changes_nothing(self):
        bridge = self.start()
        self.patch(bridge, {"max_order_notional": "10"})
        before = self.guard(bridge)["limits"]
        for wrong in ({"max_order_notionall": "1"}, {"max_order_notional": "-1"}, {"max_order_notional": "much"},
                      {"symbols": "BTCUSDT"}, {"symbols": ["no such"]}, {"categories": ["futures"]}, {"max_leverage": "0"},
                      {"reduce_only_mode": "perhaps"}, {"max_orders_per_minute": 1.5}, {"clients": {"a b": {}}},
                      {"clients": {"bot": {"clients": {}}}}, {"max_open_notional": "5", "categories": [1]}, {"killed": False}):
            answer = request(bridge.port, "PATCH", "/guard", wrong)
            self.assertIn(answer.status, (400, 422), (wrong, answer))
            self.assertEqual(self.guard(bridge)["limits"], before, wrong)

    def test_a_named_client_passes_both(self):
        bridge = self.start()
        self.patch(bridge, {"max_order_notional": "50", "clients": {"bot": {"max_order_notional": "15"}}})
        bot, other = {"X-Client": "bot"}, {"X-Client": "other"}
        self.place(bridge)
        self.place(bridge, headers=other)
        said = self.problem(bridge, "max_order_notional", "20", "15", headers=bot)
        self.assertEqual(said["client"], "bot")
        said = self.problem(bridge, "max_order_notional", "60", "50", headers=other, qty="0.003")
        self.assertIsNone(said["client"])
        self.patch(bridge, {"max_order_notional": "12", "clients": {"bot": {"max_order_notional": "15"}}})
        self.problem(bridge, "max_order_notional", "14", "12", headers=bot, price="14000")

    def test_the_configuration_is_a_ceiling(self):
        bridge = self.start("--guard-max-order-notional", "100", "--guard-symbols", "BTCUSDT,spot:BTCUSDT")
        self.problem(bridge, "max_order_notional", "120", "100", qty="0.006")
        answer = self.patch(bridge, {"max_order_notional": "101"}, 422)
        self.assertEqual(answer.json["code"], "guard_ceiling", answer)
        self.assertEqual(self.patch(bridge, {"symbols": ["ETHUSDT"]}, 422).json["code"], "guard_ceiling")
        self.patch(bridge, {"max_order_notional": "30", "symbols": ["BTCUSDT"]})
        self.problem(bridge, "max_order_notional", "40", "30", qty="0.002")
        self.problem(bridge, "symbols", None, None, symbol="spot:BTCUSDT")
        self.patch(bridge, {"max_order_notional": None, "symbols": None})  # back to the ceiling
        self.place(bridge, "spot")
        self.place(bridge, qty="0.005")
        self.problem(bridge, "max_order_notional", "120", "100", qty="0.006")
        self.patch(bridge, {"max_order_notional": "90"})
        bridge.stop()
        bridge = self.start("--guard-max-order-notional", "50")  # a tighter one holds too
        self.problem(bridge, "max_order_notional", "60", "50", qty="0.003")
        bridge.stop()
        bridge = self.start()
        self.problem(bridge, "max_order_notional", "100", "90", qty="0.005")


class Values(GuardCase):
    """What market orders are worth, and at which leverage."""

    MARKET = {"symbol": "SOLUSDT", "side": "buy", "type": "market", "qty": "10", "price": None}
    BOOK = "/v5/market/orderbook"

    def market(self, bridge, limit="max_order_notional", **fields):
        fields = {k: v for k, v in dict(self.MARKET, **fields).items() if v is not None}
        answer = request(bridge.port, "POST", "/orders", fields)
        self.assertEqual((answer.status, answer.json.get("code")), (422, "guard_" + limit), answer)
        return answer.json

    def reads(self, path):
        return self.sim_get("/sim/stats")["requests"].get(path, 0)

    def test_without_a_book_it_is_read_once(self):
        self.sim_do("/sim/pause", {"paused": True})
        bridge = self.start()
        self.patch(bridge, {"max_order_notional": "1000"})
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "public", "sticky": True})  # else a book may come in time
        before = self.reads(self.BOOK)
        said = self.market(bridge)["guard"]
        self.assertEqual(self.reads(self.BOOK), before + 1)
        self.assertEqual((said["price_source"], said["limit"]), ("rest_book", "max_order_notional"), said)
        price = Decimal(request(bridge.port, "GET", "/price/SOLUSDT?of=ask").body.strip())
        self.assertTrue(price <= Decimal(said["price"]) < price * Decimal("1.05"), (price, said))
        self.assertEqual(Decimal(said["value"]), 10 * Decimal(said["price"]))
        answer = request(bridge.port, "POST", "/orders", {"symbol": "SOLUSDT", "side": "buy", "type": "market", "qty": "1"})
        self.assertEqual(answer.status, 201, answer)
        self.sim_do("/sim/stream", {"mode": "unmute", "kind": "public"})
        until(lambda: request(bridge.port, "GET", "/book/SOLUSDT").json.get("state") == "synced")
        self.sim_do("/sim/pause", {"paused": False})
        said = until(lambda: (lambda g: g["price_source"] == "local_book" and g)(self.market(bridge)["guard"]))
        self.assertTrue(0 <= said["price_age_ms"] <= 1000, said)

    def test_a_burst_that_needs_the_book_leaves_room_for_others(self):
        slow = threading.Event()
        proxy = FaultProxy(self.sim.port, lambda method, path: ("delay", 1000) if self.BOOK in path and slow.is_set() else None)
        self.addCleanup(proxy.close)
        bridge = self.start(rest_port=proxy.port)
        self.patch(bridge, {"max_order_notional": "1000000"})
        self.place(bridge)  # its answer tells the rate limit, which is none here
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "public", "sticky": True})
        slow.set()
        told = collections.Counter()
        order = {"symbol": "ETHUSDT", "side": "buy", "type": "market", "qty": "0.01"}

        def create():
            answer = once(bridge.port, "POST", "/orders", order)
            told[answer.status, answer.json.get("code")] += 1

        def read():
            time.sleep(0.3)
            for days in range(1, 11):
                answer = once(bridge.port, "GET", "/funding/BTCUSDT?limit=5&from=-%dd" % days)
                self.assertEqual(answer.status, 200, answer)

        in_threads(*[create] * 400, read)
        self.assertLessEqual(set(told), {(201, None), (503, "busy"), (429, "rate_limited")}, told)
        self.assertGreaterEqual(told[201, None], 100, told)
        slow.clear()
        self.assertEqual(once(bridge.port, "POST", "/orders", order).status, 201)

    def test_without_any_book_it_is_refused(self):
        bridge = self.start()
        self.patch(bridge, {"max_order_notional": "100000"})
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "public", "sticky": True})
        self.sim_do("/sim/fault", {"path": self.BOOK, "mode": "answer", "status": 500, "body": "no", "count": 100})
        problem = self.market(bridge, qty="1", client_id="blind")
        self.assertEqual(problem["outcome"], "not_sent")
        self.assertIsNone(problem["guard"]["value"], problem)
        self.assertNotIn("blind", self.rows())
        self.assertNotIn("blind", self.seen_links())
        self.sim_do("/sim/fault", {"path": self.BOOK, "mode": "none", "count": 0})
        self.sim_do("/sim/stream", {"mode": "unmute", "kind": "public"})
        answer = until(lambda: (lambda a: a.status == 201 and a)(request(
            bridge.port, "POST", "/orders", {"symbol": "SOLUSDT", "side": "buy", "type": "market", "qty": "1", "client_id": "blind"})))
        self.assertEqual(answer.json["client_id"], "blind")

    def test_leverage_as_the_exchange_has_it(self):
        def leverage(symbol, value):
            self.exchange.call("POST", "/v5/position/set-leverage", {
                "category": "linear", "symbol": symbol, "buyLeverage": value, "sellLeverage": value})

        leverage("ETHUSDT", "20")
        bridge = self.start()
        self.patch(bridge, {"max_leverage": "10"})
        self.place(bridge)
        eth = {"symbol": "ETHUSDT", "qty": "0.01", "price": "1000"}
        said = self.refused(bridge, "max_leverage", **eth)["guard"]
        self.assertEqual((Decimal(said["value"]), Decimal(said["allowed"])), (20, 10), said)
        self.place(bridge, "spot")  # has none
        leverage("ETHUSDT", "5")
        until(lambda: request(bridge.port, "POST", "/orders", dict(RESTING["linear"], **eth)).status == 201, 20)
        leverage("BTCUSDT", "50")
        until(lambda: request(bridge.port, "POST", "/orders", RESTING["linear"]).status == 422, 20)


if __name__ == "__main__":
    unittest.main()
