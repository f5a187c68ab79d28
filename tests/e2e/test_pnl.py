"""GET /pnl against a model of its own (fractions, no bridge code), and GET /orders/{id}/timeline."""
import csv
import io
import json
import random
import sqlite3
import time
import unittest
from collections import defaultdict
from fractions import Fraction

from harness import Case, request, until

UNIT = 10 ** 18
DAY = 86400000
COINS = {("linear", "BTCUSDT"): ("BTC", "USDT"), ("linear", "ETHUSDT"): ("ETH", "USDT"),
         ("inverse", "BTCUSD"): ("BTC", "BTC"), ("spot", "BTCUSDT"): ("BTC", "USDT")}


def cut(value):
    """Toward zero to 18 decimals, exact."""
    units = abs(value) * UNIT
    units = units.numerator // units.denominator
    return Fraction(units if value >= 0 else -units, UNIT)


class Model:
    """Average cost, as openapi.yaml words it. Positions hold (size, cost) with a sign."""

    def __init__(self, key):
        self.key, self.positions = key, defaultdict(lambda: [Fraction(0), Fraction(0)])
        self.rows = defaultdict(lambda: defaultdict(Fraction))

    def value(self, fill, qty):
        return cut(qty / fill["price"] if fill["category"] == "inverse" else qty * fill["price"])

    def close(self, fill, book, qty):
        size, cost = abs(book[0]), book[1]
        share = cost if qty == size else cut(cost * qty / size)
        gain = (self.value(fill, qty) - share) * (1 if book[0] > 0 else -1)
        book[0] -= qty if book[0] > 0 else -qty
        book[1] -= share
        return -gain if fill["category"] == "inverse" else gain

    def trade(self, fill, row):
        qty, sign = fill["qty"], 1 if fill["side"] == "buy" else -1
        book = self.positions[fill["category"], fill["symbol"], fill["position_idx"]]
        row["volume"] += self.value(fill, qty)
        row["trades"] += 1
        opened, unmatched = qty, Fraction(0)
        if fill["category"] == "spot":
            arrives = qty - fill["fee"] if fill["fee_coin"] == "BTC" else qty
            if sign > 0:
                opened = arrives
            else:
                opened, sold = Fraction(0), min(qty, book[0])
                if sold:
                    row["realised"] += self.close(fill, book, sold)
                unmatched = qty - sold
        else:
            against = abs(book[0]) if book[0] * sign < 0 else Fraction(0)
            matched = min(fill["closed_qty"], against)
            if matched:
                row["realised"] += self.close(fill, book, matched)
            unmatched, opened = fill["closed_qty"] - matched, qty - fill["closed_qty"]
        if opened:
            book[0] += sign * opened
            book[1] += self.value(fill, opened)
        row["unmatched"] += 1 if unmatched else 0
        row["unmatched_qty"] += unmatched

    def add(self, fill, counts=True):
        coin = COINS[fill["category"], fill["symbol"]][1]
        row = defaultdict(Fraction)
        if fill["kind"] == "trade":
            self.trade(fill, row)
        if not counts:
            return
        total = self.rows[self.key(fill) + (coin,)]
        for name, value in row.items():
            total[name] += value
        paid = self.rows[self.key(fill) + (fill["fee_coin"],)]
        if fill["kind"] == "funding":
            paid["funding"] -= fill["fee"]
        else:
            paid["fees"] += fill["fee"]


KEYS = {
    "day": lambda fill: (time.strftime("%Y-%m-%d", time.gmtime(fill["at_ms"] // 1000)), None, None, None),
    "symbol": lambda fill: (None, fill["category"], fill["symbol"], None),
    "tag": lambda fill: (None, None, None, fill["tag"] or None),
}


def make_fills(seed, count, start_ms):
    """Executions as the exchange would report them: closed_qty by the true position, which may be older than the journal."""
    rng = random.Random(seed)
    true = {}
    fills = []
    at_ms = start_ms
    for number in range(count):
        category, symbol = rng.choice(list(COINS))
        idx = rng.choice((0, 0, 1, 2)) if (category, symbol) == ("linear", "ETHUSDT") else 0
        place = (category, symbol, idx)
        if place not in true:
            true[place] = Fraction(rng.choice((0, 0, 5))) * (-1 if idx == 2 else 1)
        at_ms += rng.choice((0, 1, 700, 3600000))
        qty = Fraction(rng.randint(1, 4000), 1000) if category != "inverse" else Fraction(rng.randint(1, 5000))
        side = rng.choice(("buy", "sell"))
        sign = 1 if side == "buy" else -1
        position = true[place]
        closed = min(abs(position), qty) if position * sign < 0 else Fraction(0)
        if idx and closed:
            qty = closed  # in hedge mode nothing is closed beyond the position
        elif idx and (sign > 0) != (idx == 1):
            side, sign = ("buy", 1) if idx == 1 else ("sell", -1)
            closed = Fraction(0)
        kind = "funding" if category != "spot" and rng.random() < 0.05 else "trade"
        fee = Fraction(rng.randint(-3000, 30000), 10 ** 7)
        base, coin = COINS[category, symbol]
        fee_coin = base if category == "spot" and side == "buy" else coin
        if fee_coin == base:
            fee = min(fee, qty / 2)  # never more than what is bought
        if kind == "trade" and category != "spot":
            true[place] += sign * qty
        fills.append({"category": category, "symbol": symbol, "position_idx": idx, "side": side, "qty": qty,
                      "price": Fraction(rng.randint(2000000, 3000000), 100), "fee": fee, "fee_coin": fee_coin, "kind": kind,
                      "closed_qty": closed, "at_ms": at_ms, "tag": rng.choice(("", "a", "b")), "number": number})
    return fills


def text(value):
    """A fraction whose denominator is a power of ten."""
    sign, units = "-" if value < 0 else "", abs(value) * 10 ** 10
    assert units.denominator == 1
    digits = str(units.numerator).rjust(11, "0")
    return sign + digits[:-10] + "." + digits[-10:]


def insert(path, fills, rng):
    """Into the file of a bridge that does not run; some of the rows of one millisecond out of order."""
    rows = list(fills)
    for i in range(len(rows) - 1):
        if rows[i]["at_ms"] == rows[i + 1]["at_ms"] and rng.random() < 0.5:
            rows[i], rows[i + 1] = rows[i + 1], rows[i]
    with sqlite3.connect(path) as db:
        for idx in (0, 1, 2):
            row = {"link": "", "order_id": "o-%d" % idx, "client_id": "", "category": "linear", "symbol": "ETHUSDT",
                   "side": "buy", "type": "market", "tif": "ioc", "state": "closed", "status": "Filled", "fees": "",
                   "reject_reason": "", "cancel_reason": "", "ret_msg": "", "tag": "", "client": "", "body_hash": b"\0" * 32,
                   "position_idx": idx, "external": 1, "final": 1, "settled": 1, "attempt": 1}
            for name in ("ret_code", "qty_in_quote", "trigger_direction", "reduce_only", "close_on_trigger", "client_key",
                         "cancel_wanted", "created_ms", "updated_ms", "exchange_ms", "deadline_ms", "signed_ms", "seq"):
                row[name] = 0
            db.execute("INSERT INTO orders (%s) VALUES (%s)" % (",".join(row), ",".join("?" * len(row))), tuple(row.values()))
        db.executemany(
            "INSERT INTO fills (exec_id,order_id,link,category,symbol,side,qty,price,value,fee,fee_coin,maker,kind,closed_qty,"
            "at_ms,exchange_seq,tag,client,client_id,seq) VALUES (?,?,'',?,?,?,?,?,NULL,?,?,0,?,?,?,?,?,'','',0)",
            [("e-%d" % f["number"], "o-%d" % f["position_idx"], f["category"], f["symbol"], f["side"], text(f["qty"]),
              text(f["price"]), text(f["fee"]), f["fee_coin"], f["kind"],
              None if f["category"] == "spot" else text(f["closed_qty"]), f["at_ms"], f["number"], f["tag"]) for f in rows])
    db.close()


class Pnl(Case):
    def rows(self, bridge, query):
        answer = request(bridge.port, "GET", "/pnl" + query)
        self.assertEqual(answer.status, 200, answer)
        self.assertIsNone(answer.json["next"])
        return answer.json["items"]

    def compare(self, model, rows):
        got = {(r["day"], r["category"], r["symbol"], r["tag"], r["coin"]): r for r in rows}
        self.assertEqual(len(got), len(rows))
        # A row of a fee alone is there only when something was paid.
        expected = {key: sums for key, sums in model.rows.items() if any(sums.values()) or key in got}
        self.assertEqual(set(got), set(expected))
        for key, sums in expected.items():
            row = got[key]
            for name in ("realised", "fees", "funding", "volume", "trades", "unmatched"):
                self.assertEqual(Fraction(row[name]), sums[name], "%s of %s: %s" % (name, key, row))
            self.assertEqual(Fraction(row["net"]), sums["realised"] - sums["fees"] + sums["funding"])
            if row["unmatched_qty"] is not None:
                self.assertEqual(Fraction(row["unmatched_qty"]), sums["unmatched_qty"])
            self.assertEqual(row["skipped"], 0)

    def test_random_executions_give_what_a_model_of_fractions_gives(self):
        self.start().stop()
        seed = random.randrange(10 ** 9)
        print("pnl: seed %d" % seed)
        start_ms = 1700000000000
        fills = make_fills(seed, 3000, start_ms)
        insert(self.journal, fills, random.Random(seed))
        bridge = self.start()
        for group, key in KEYS.items():
            with self.subTest(seed=seed, group=group):
                model = Model(key)
                for fill in fills:
                    model.add(fill)
                self.compare(model, self.rows(bridge, "?group=" + group))
        middle = fills[1000]["at_ms"]
        end = fills[2500]["at_ms"]
        with self.subTest(seed=seed, span=True):
            model = Model(KEYS["symbol"])
            for fill in fills:
                if fill["at_ms"] < end:
                    model.add(fill, fill["at_ms"] >= middle and fill["tag"] == "a")
            self.compare(model, self.rows(bridge, "?group=symbol&tag=a&from=%d&to=%d" % (middle, end)))
        with self.subTest(seed=seed, symbol=True):
            model = Model(KEYS["day"])
            for fill in fills:
                if (fill["category"], fill["symbol"]) == ("spot", "BTCUSDT"):
                    model.add(fill)
            rows = self.rows(bridge, "?symbol=spot:BTCUSDT")
            self.compare(model, rows)
            self.assertEqual([r["day"] for r in rows], sorted(r["day"] for r in rows))
        with self.subTest(seed=seed, forms=True):
            items = self.rows(bridge, "?group=symbol")
            lines = request(bridge.port, "GET", "/pnl.ndjson?group=symbol").body.splitlines()
            self.assertEqual([json.loads(line) for line in lines], items)
            table = list(csv.DictReader(io.StringIO(request(bridge.port, "GET", "/pnl.csv?group=symbol").body)))
            self.assertEqual([r["realised"] for r in table], [r["realised"] for r in items])

    def test_more_rows_than_one_answer_has_are_refused(self):
        self.start().stop()
        fill = make_fills(1, 1, 1700000000000)[0]
        insert(self.journal, [dict(fill, number=i, tag="t%d" % i) for i in range(20001)], random.Random(1))
        bridge = self.start()
        answer = request(bridge.port, "GET", "/pnl?group=tag")
        self.assertEqual((answer.status, answer.json["code"]), (422, "too_many_fills"), answer)
        self.assertLessEqual(len(self.rows(bridge, "?group=day")), 2)
        self.assertLessEqual(len(self.rows(bridge, "?group=tag&tag=t7")), 2)

    def test_a_round_trip_at_the_simulated_exchange(self):
        bridge = self.start()
        for number, side in enumerate(("buy", "buy", "sell")):
            answer = request(bridge.port, "POST", "/orders?wait=filled",
                             {"symbol": "BTCUSDT", "side": side, "qty": "0.02" if side == "sell" else "0.01",
                              "client_id": "p-%d" % number, "tag": side})
            self.assertEqual(answer.status, 201, answer)
        until(lambda: len(request(bridge.port, "GET", "/fills").json["items"]) >= 3 and
              sum(Fraction(f["qty"]) for f in request(bridge.port, "GET", "/fills").json["items"]) == Fraction("0.04"))
        fills = request(bridge.port, "GET", "/fills").json["items"]
        flow = sum(Fraction(f["value"]) * (1 if f["side"] == "sell" else -1) for f in fills)
        fees = sum(Fraction(f["fee"]) for f in fills)
        rows = self.rows(bridge, "?group=symbol&from=-1d")
        self.assertEqual(len(rows), 1, rows)
        self.assertEqual((Fraction(rows[0]["realised"]), Fraction(rows[0]["fees"])), (flow, fees))
        self.assertEqual((rows[0]["unmatched"], rows[0]["coin"], rows[0]["trades"]), (0, "USDT", len(fills)))
        by_tag = {r["tag"]: r for r in self.rows(bridge, "?group=tag")}
        self.assertEqual((Fraction(by_tag["buy"]["realised"]), Fraction(by_tag["sell"]["realised"])), (0, flow))

    def test_what_cannot_be_read_is_refused(self):
        bridge = self.start()
        for query in ("group=week", "from=soon", "symbol=BTC/USDT", "tag=a%20b", "limit=1"):
            answer = request(bridge.port, "GET", "/pnl?" + query)
            self.assertEqual(answer.status, 400, answer)
        self.assertEqual(self.rows(bridge, ""), [])


class Timeline(Case):
    def steps(self, bridge, client_id, query=""):
        answer = request(bridge.port, "GET", "/orders/%s/timeline%s" % (client_id, query))
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def paged(self, bridge, order_id, limit):
        """All rows, page after page: none has more than was asked for."""
        rows, path = [], "/orders/%s/timeline?limit=%d" % (order_id, limit)
        while path:
            answer = request(bridge.port, "GET", path)
            self.assertEqual(answer.status, 200, answer)
            self.assertLessEqual(len(answer.json["items"]), limit, answer)
            rows, path = rows + answer.json["items"], answer.json["next"]
        return rows

    def test_pages_hold_what_was_asked_for_while_something_is_in_flight(self):
        """An order that was not sent at first, then was, and whose amend and cancel are both lost: rows that are no events
        come once, in their places, whatever the page."""
        bridge = self.start()
        body = {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01", "price": "20000", "type": "limit", "client_id": "twice"}
        self.sim_do("/sim/fault", {"path": "/v5/order/create", "mode": "answer", "count": 1,
                                   "body": {"retCode": 10002, "retMsg": "not now", "result": {}, "retExtInfo": {}, "time": 0}})
        self.assertEqual(request(bridge.port, "POST", "/orders", body).status, 503)
        until(lambda: request(bridge.port, "POST", "/orders", body).status in (200, 201))
        self.wait_state(bridge, "twice", "open")
        for path in ("/v5/order/amend", "/v5/order/cancel", "/v5/order/realtime", "/v5/order/history"):
            self.sim_do("/sim/fault", {"path": path, "mode": "drop_before", "count": 1000000})
        self.assertEqual(request(bridge.port, "PATCH", "/orders/twice", {"price": "20001"}).status, 202)
        self.assertEqual(request(bridge.port, "DELETE", "/orders/twice").status, 202)
        items = self.steps(bridge, "twice")["items"]
        names = [i["step"] for i in items]
        self.assertEqual((names[0], names[-2:]), ("intent", ["amend", "cancel_wanted"]))
        self.assertEqual(names[names.index("not_sent") + 1], "sent")
        for limit in range(1, len(items) + 1):
            self.assertEqual(self.paged(bridge, "twice", limit), items)

    def test_each_step_of_an_order_with_its_clocks(self):
        bridge = self.start()
        request(bridge.port, "POST", "/orders", {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01", "price": "20000",
                                                 "type": "limit", "client_id": "resting", "tag": "t"})
        self.wait_state(bridge, "resting", "open")
        request(bridge.port, "POST", "/orders?wait=filled", {"symbol": "BTCUSDT", "side": "buy", "qty": "0.01",
                                                             "client_id": "taken"})
        self.wait_state(bridge, "taken", "filled")
        request(bridge.port, "DELETE", "/orders/resting?wait=final")
        self.wait_state(bridge, "resting", "cancelled")
        items = until(lambda: [i for i in self.steps(bridge, "resting")["items"] if i["step"] == "cancelled"] and
                      self.steps(bridge, "resting")["items"])
        names = [i["step"] for i in items]
        self.assertEqual(names[:2], ["intent", "sent"])
        self.assertEqual(names[-1], "cancelled")
        self.assertIn("open", names)
        self.assertNotIn("fill", names)
        self.assertIsNone(items[1]["at"])
        numbers = [i["seq"] for i in items if i["seq"]]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertTrue(items[-1]["at"] and items[-1]["exchange_at"])
        taken = until(lambda: {"fill", "filled"} <= {i["step"] for i in self.steps(bridge, "taken")["items"]} and
                      self.steps(bridge, "taken")["items"])
        fill = [i for i in taken if i["step"] == "fill"][0]
        self.assertIn("buy 0.01", fill["detail"])
        self.assertIn("taker", fill["detail"])
        # By the exchange's id, a page at a time, as CSV: the same.
        order_id = self.order(bridge, "resting").json["id"]
        self.assertEqual(self.paged(bridge, order_id, 1), items)
        table = list(csv.DictReader(io.StringIO(request(bridge.port, "GET", "/orders/resting/timeline.csv").body)))
        self.assertEqual([row["step"] for row in table], names)
        bridge.stop()
        self.assertEqual(self.steps(self.start(), "resting")["items"], items)

    def test_an_order_that_is_not_there(self):
        bridge = self.start()
        answer = request(bridge.port, "GET", "/orders/nobody/timeline")
        self.assertEqual((answer.status, answer.json["code"]), (404, "order_not_found"))
        for cursor in ("x", "1-2", "1-2-", "1-2-3-", "1-2-17179869183", "1-2-999999999999999999", "1-2-9999999999999999999"):
            answer = request(bridge.port, "GET", "/orders/nobody/timeline?after=" + cursor)
            self.assertEqual((cursor, answer.status), (cursor, 400))


if __name__ == "__main__":
    unittest.main()
