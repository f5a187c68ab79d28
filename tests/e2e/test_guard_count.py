"""What the guard counts as open is what the exchange has: after random trading of all kinds, by the bridge and by others,
over broken streams and kill -9; and never less than that while the bridge trades.

The market stands, so that prices explain no difference. GUARD_SEED repeats a run, GUARD_COUNT_ROUNDS=100 makes it long.
"""
import collections
import itertools
import os
import random
import threading
import time
import unittest
from decimal import Decimal

from guard_kit import CANCEL, CREATE, GuardCase, Line, in_threads

ROUNDS = int(os.environ.get("GUARD_COUNT_ROUNDS", 3))
STEPS = 14
TRADE_S = 2 if ROUNDS <= 3 else 20
NEAR = Decimal("0.5")  # USD: what is rounded on the way
HEAL_S = 30  # far longer than the second read of positions after a gap, and shorter than the audit that would hide a fault
# (symbol, tick, step in qty); ETHUSDT is in hedge mode
MARKETS = {
    "linear": (("BTCUSDT", "0.1", "0.001"), ("ETHUSDT", "0.01", "0.01"), ("SOLUSDT", "0.01", "0.1")),
    "spot": (("BTCUSDT", "0.1", "0.0001"), ("ETHUSDT", "0.01", "0.01")),
    "inverse": (("BTCUSD", "0.1", "1"),),
}
TICKS = {(category, symbol): Decimal(tick) for category, markets in MARKETS.items() for symbol, tick, _ in markets}
CLIENTS = ("bot", "cat", None)


class Truth:
    """What the exchange has, in USD: all of it, and the orders of each client. What of it a book has valued is known as a range."""

    def __init__(self, case):
        self.orders = {i: o for i, o in case.open_there().items()}
        self.positions = case.positions_there()
        self.low = sum(size * mark for size, mark in self.positions.values())
        self.high = self.low
        self.of_client = collections.defaultdict(Decimal)
        for order in self.orders.values():
            low, high = self.value(order, case.tops)
            self.low, self.high = self.low + low, self.high + high
            self.of_client[case.clients.get(order["orderLinkId"])] += low

    @staticmethod
    def value(order, tops):
        left = Decimal(order["qty"]) - Decimal(order["cumExecQty"])
        trigger = Decimal(order["triggerPrice"] or 0)
        waits = order["orderStatus"] == "Untriggered"
        if order["category"] != "spot" and order["reduceOnly"]:
            return 0, 0
        if order["category"] == "inverse" or order["marketUnit"] == "quoteCoin":
            return left, left
        if order["orderType"] == "Limit" and order["side"] == "Buy":
            return left * Decimal(order["price"]), left * Decimal(order["price"])
        own = left * max(Decimal(order["price"] or 0), trigger if waits else 0)
        return own, max(own, left * tops[order["category"], order["symbol"]]) if waits else own

    def same(self, other):
        terms = ("qty", "price", "cumExecQty", "orderStatus")
        return self.positions == other.positions and self.orders.keys() == other.orders.keys() and all(
            order[t] == other.orders[i][t] for i, order in self.orders.items() for t in terms)


class Count(GuardCase):
    speed = 20

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("GUARD_SEED", random.randrange(1 << 30)))
        self.dice = random.Random(self.seed)
        print("GUARD_SEED=%d" % self.seed)
        self.numbers = itertools.count()
        self.clients = {}  # by link
        self.tops = collections.defaultdict(Decimal)  # the highest price of each market so far
        self.steps = []
        self.sim_do("/sim/pause", {"paused": True})
        self.exchange.call("POST", "/v5/position/switch-mode", {"category": "linear", "symbol": "ETHUSDT", "mode": 3})
        self.bridge = self.start()
        self.patch(self.bridge, {"max_order_notional": "100000000", "max_open_notional": "1000000000", "clients": {
            name: {"max_open_notional": "100000000"} for name in CLIENTS if name}})

    # --- what is there ---

    def positions_there(self):
        found = {}
        for category, more in (("linear", {"settleCoin": "USDT"}), ("inverse", {})):
            for p in self.exchange.call("GET", "/v5/position/list", dict(more, category=category, limit=200))["list"]:
                if Decimal(p["size"]) > 0:
                    mark = 1 if category == "inverse" else Decimal(p["markPrice"])
                    found[category, p["symbol"], p["positionIdx"]] = (Decimal(p["size"]), mark)
        return found

    def best(self, category, symbol):
        ticker = self.exchange.call("GET", "/v5/market/tickers", {"category": category, "symbol": symbol})["list"][0]
        last = Decimal(ticker["lastPrice"])
        bid, ask = Decimal(ticker["bid1Price"] or last), Decimal(ticker["ask1Price"] or last)
        self.tops[category, symbol] = max(self.tops[category, symbol], ask * Decimal("1.01"))
        return bid, ask

    def opens(self, ours=False):
        """In an order that a seed gives again."""
        found = [o for o in self.open_there().values() if not ours or o["orderLinkId"] in self.clients]
        return sorted(found, key=lambda o: (o["orderLinkId"] or "~", o["createdTime"], o["qty"]))

    # --- steps ---

    def ask(self, method, path, body=None, client=None):
        with Line(self.bridge.port, {"X-Client": client} if client else None) as line:
            return line.ask(method, path, body)

    def order(self, dice=None, exits=True):
        """An order of 20 to 400 USD, as our API takes it."""
        dice = dice or self.dice
        category = dice.choice(("linear", "linear", "linear", "spot", "inverse"))
        symbol, tick, step = dice.choice(MARKETS[category])
        bid, _ = self.best(category, symbol)
        side, usd = dice.choice(("buy", "sell")), dice.randrange(20, 400)
        kind = dice.choice(("rest", "rest", "market", "cross", "ioc", "stop", "stop_market"))
        qty = Decimal(usd) if category == "inverse" else max((usd / bid).quantize(Decimal(step)), Decimal(step))
        out = {"symbol": symbol if category == "linear" else category + ":" + symbol, "side": side, "qty": str(qty),
               "type": "market" if "market" in kind else "limit", "client_id": "c%d" % next(self.numbers)}

        def price(factor):
            return str((bid * Decimal(factor)).quantize(Decimal(tick)))

        if kind in ("rest", "stop"):
            out["price"] = price(dice.choice(("0.8", "0.97") if side == "buy" else ("1.03", "1.3")))
        elif kind in ("cross", "ioc"):
            out.update(price=price("1.01" if side == "buy" else "0.99"), tif="ioc" if kind == "ioc" else "gtc")
        if kind.startswith("stop"):
            out["trigger_price"] = price(dice.choice(("0.9", "0.95", "1.05", "1.1")))
        if symbol == "ETHUSDT" and category == "linear":
            out["position_idx"] = 1 if side == "buy" else 2
        elif exits and category != "spot" and dice.random() < 0.15:
            out["reduce_only"] = True
        if category == "spot" and kind == "market" and side == "buy" and dice.random() < 0.5:
            del out["qty"]
            out["quote_qty"] = str(usd)
        return out

    def create(self):
        order, client = self.order(), self.dice.choice(CLIENTS)
        self.clients[order["client_id"]] = client
        return order, self.ask("POST", "/orders", order, client)

    def create_batch(self):
        orders, client = [self.order() for _ in range(self.dice.randrange(2, 6))], self.dice.choice(CLIENTS)
        self.clients.update((order["client_id"], client) for order in orders)
        return orders, self.ask("POST", "/orders", orders, client)

    def meet(self):
        """Two of our own orders trade with each other: what was flat is flat again."""
        category = self.dice.choice(("linear", "inverse"))
        symbol, tick, step = MARKETS[category][0]
        bid, ask = self.best(category, symbol)
        sides, answers = ["buy", "sell"], []
        self.dice.shuffle(sides)
        for side in sides:
            order = {"symbol": symbol if category == "linear" else category + ":" + symbol, "side": side, "type": "limit",
                     "price": str(((bid + ask) / 2).quantize(Decimal(tick))), "client_id": "c%d" % next(self.numbers),
                     "qty": "50" if category == "inverse" else step}
            self.clients[order["client_id"]] = None
            answers.append((order, self.ask("POST", "/orders", order)))
        return answers

    def terms(self, order):
        """Other terms for an order at the exchange: (qty, price), one of them None."""
        tick = TICKS[order["category"], order["symbol"]]
        if order["orderType"] == "Market" or self.dice.random() < 0.5:
            return str(Decimal(order["qty"]) * self.dice.choice((2, 3))), None
        factor = Decimal(self.dice.choice(("0.97", "0.99", "1.01", "1.03")))
        return None, str((Decimal(order["price"]) * factor).quantize(tick))

    def amend(self):
        orders = self.opens(ours=True)
        if not orders:
            return None
        order = self.dice.choice(orders)
        qty, price = self.terms(order)
        return order["orderLinkId"], self.ask("PATCH", "/orders/" + order["orderLinkId"], {"qty": qty} if qty else {"price": price})

    def other_amends(self):
        orders = self.opens()
        if not orders:
            return None
        order = self.dice.choice(orders)
        qty, price = self.terms(order)
        fields = {"category": order["category"], "symbol": order["symbol"], "orderId": order["orderId"]}
        fields.update({"qty": qty} if qty else {"price": price})
        return fields, self.exchange.call("POST", "/v5/order/amend", fields)

    def cancel(self):
        orders = self.opens(ours=True)
        if not orders:
            return None
        link = self.dice.choice(orders)["orderLinkId"]
        return link, self.ask("DELETE", "/orders/" + link)

    def other_cancels(self):
        orders = [o for o in self.opens() if o["category"] != "spot" or o["orderStatus"] != "Untriggered"]
        if not orders:
            return None
        order = self.dice.choice(orders)
        return order["orderLinkId"], self.exchange.call("POST", CANCEL, {
            "category": order["category"], "symbol": order["symbol"], "orderId": order["orderId"]})

    def other_creates(self):
        order = self.order()
        category, _, symbol = order["symbol"].rpartition(":")
        category = category or "linear"
        fields = {"category": category, "symbol": symbol, "side": order["side"].capitalize(), "orderType": order["type"].capitalize(),
                  "qty": order.get("qty") or order["quote_qty"], "reduceOnly": order.get("reduce_only", False),
                  "positionIdx": order.get("position_idx", 0), "timeInForce": order.get("tif", "gtc").upper()}
        if "price" in order:
            fields["price"] = order["price"]
        if category == "spot":
            del fields["reduceOnly"], fields["positionIdx"]
            if fields["orderType"] == "Market":
                fields.update(timeInForce="IOC", marketUnit="quoteCoin" if "quote_qty" in order else "baseCoin")
        if "trigger_price" in order:
            bid, _ = self.best(category, symbol)
            fields["triggerPrice"] = order["trigger_price"]
            fields.update({"orderFilter": "StopOrder"} if category == "spot" else
                          {"triggerDirection": 1 if Decimal(order["trigger_price"]) > bid else 2})
        return fields, self.exchange.call("POST", CREATE, fields)

    def close(self):
        places = sorted(self.positions_there())
        if not places:
            return None
        category, symbol, _ = self.dice.choice(places)
        return symbol, self.ask("DELETE", "/positions/" + (symbol if category == "linear" else category + ":" + symbol)
                                + self.dice.choice(("", "?percent=50")))

    def move(self):
        symbol = self.dice.choice(("BTCUSDT", "ETHUSDT", "SOLUSDT"))
        bid, _ = self.best("linear", symbol)
        price = (bid * Decimal(self.dice.choice(("0.96", "0.99", "1.01", "1.04")))).quantize(TICKS["linear", symbol])
        self.sim_do("/sim/price", {"symbol": symbol, "price": str(price)})
        for category, markets in MARKETS.items():
            for market in markets:
                self.best(category, market[0])
        return symbol, price

    def cut(self):
        self.sim_do("/sim/stream", {"mode": "cut", "kind": "private"})
        return None

    def crash(self):
        self.bridge.kill()
        self.bridge.child.stdout.close()
        self.bridge = self.start()
        return None

    STEPS = (create, create, create, create, create_batch, meet, amend, amend, other_amends, other_amends, cancel, other_cancels,
             other_creates, other_creates, close, move)

    def step(self, step):
        try:
            done = step(self)
        except AssertionError as refused:  # by the exchange, of another program
            done = str(refused)
        self.steps.append("%s %s" % (step.__name__, done))

    # --- comparing ---

    def far(self, truth):
        """Why the count is not the exchange's; None: it is."""
        guard = self.guard(self.bridge)["counts"]
        if guard["open_notional"] is None:
            return "not known"
        if not truth.low - NEAR <= Decimal(guard["open_notional"]) <= truth.high + NEAR:
            return "%s, at the exchange %s to %s" % (guard["open_notional"], truth.low, truth.high)
        return None

    def compare(self):
        deadline = time.monotonic() + HEAL_S
        while True:
            truth = Truth(self)
            why = self.far(truth)
            if not why:
                return
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        orders = ["%s %s" % ([o[k] for k in ("category", "symbol", "side", "orderType", "orderLinkId", "orderStatus", "qty", "price",
                                             "triggerPrice", "cumExecQty")], [str(v) for v in Truth.value(o, self.tops)])
                  for o in truth.orders.values()]
        raise AssertionError("GUARD_SEED=%d: %s\n%s" % (self.seed, why, "\n".join(
            self.steps + orders + [str(p) for p in truth.positions.items()] + [self.bridge.stderr()[-2000:]])))

    def test_it_is_what_the_exchange_has(self):
        for number in range(ROUNDS):
            self.steps.append("round %d" % number)
            steps = [self.dice.choice(self.STEPS) for _ in range(STEPS)]
            if number % 3 == 1:
                steps[self.dice.randrange(STEPS)] = Count.crash
            if number % 3 == 2:
                steps[self.dice.randrange(STEPS)] = Count.cut
            for step in steps:
                self.step(step)
            self.compare()
            if number % 5 == 4:
                self.ask("DELETE", "/orders?all=true")
                self.compare()

    # --- while it trades ---

    def trade(self, client, dice, end):
        """Of this client: creates, amends and cancels, one after the other."""
        mine = collections.deque(maxlen=20)
        with Line(self.bridge.port, {"X-Client": client} if client else None) as line:
            while time.monotonic() < end:
                order = self.order(dice, exits=False)
                self.clients[order["client_id"]] = client
                if line.ask("POST", "/orders", order).status == 201 and "price" in order:
                    mine.append(order)
                time.sleep(dice.random() * 0.2)
                if not mine:
                    continue
                chosen = dice.choice(mine)
                if dice.random() < 0.5:
                    line.ask("PATCH", "/orders/" + chosen["client_id"], {"qty": str(Decimal(chosen["qty"]) * dice.choice((2, 3)))})
                elif dice.random() < 0.5:
                    line.ask("DELETE", "/orders/" + chosen["client_id"])

    def watch(self, end, compared):
        """The exchange, the guard, the exchange: where nothing has changed in between, the guard has no less."""
        with Line(self.bridge.port) as line:
            while time.monotonic() < end:
                before = Truth(self)
                counts = line.ask("GET", "/guard").json["counts"]
                if counts["open_notional"] is None or not before.same(Truth(self)):
                    continue
                text = "GUARD_SEED=%d: %s, at the exchange %s, %s" % (self.seed, counts, before.low, dict(before.of_client))
                self.assertGreaterEqual(Decimal(counts["open_notional"]), before.low - NEAR, text)
                for client in filter(None, CLIENTS):
                    own = Decimal(counts["clients"][client]["open_notional"])
                    self.assertGreaterEqual(own, before.of_client[client] - NEAR, text)
                compared.append(before.low)

    def trade_and_watch(self):
        compared, end = [], time.monotonic() + TRADE_S
        works = [lambda c=client, d=random.Random(self.dice.random()): self.trade(c, d, end) for client in CLIENTS]
        in_threads(lambda: self.watch(end, compared), *works)
        print("compared %d times, up to %s USD" % (len(compared), max(compared, default=0)))

    def test_it_is_never_less_while_orders_are_in_flight(self):
        """The exchange has done each thing long before it answers; at first its stream tells, then nothing does."""
        for path in (CREATE, "/v5/order/amend", CANCEL):
            self.sim_do("/sim/fault", {"path": path, "mode": "delay", "ms": 150, "count": 100000})
        self.trade_and_watch()
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "private"})
        self.trade_and_watch()
        self.sim_do("/sim/stream", {"mode": "cut", "kind": "private"})
        self.compare()


if __name__ == "__main__":
    unittest.main()
