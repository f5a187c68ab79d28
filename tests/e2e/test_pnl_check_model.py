"""GET /pnl?check=1 against a model: random executions, each the same on both sides, on one only, or not the same."""
import json
import random
import sqlite3
import time
import unittest
from collections import Counter
from fractions import Fraction

from harness import request
from test_pnl_check import DAY, HOUR, LOG, Checked

PLACES = [("linear", "BTCUSDT", "", "USDT"), ("linear", "ETHUSDT", "", "USDT"), ("linear", "BTCPERP", "", "USDC"),
          ("inverse", "BTCUSD", "", "BTC"), ("spot", "BTCUSDT", "BTC", "USDT"), ("spot", "ETHBTC", "ETH", "BTC"),
          ("option", "BTC-26DEC25-100000-C", "", "USDC")]
SEEDS = 25
LATE = 60000  # what is newer may still come


def text(value):
    sign, units = "-" if value < 0 else "", abs(value) * 10 ** 10
    assert units.denominator == 1
    return "%s%d.%010d" % (sign, units // 10 ** 10, units % 10 ** 10)


class Execution:
    def __init__(self, rng, number, at):
        self.category, self.symbol, self.base, self.coin = rng.choice(PLACES)
        self.is_funding = self.category in ("linear", "inverse") and rng.random() < 0.2
        # Some are shared, with others of the symbol too: each has an order of its own.
        self.id = "f%d" % number if self.is_funding else "x%d" % rng.choice((number, number // 2))
        self.order = "" if self.is_funding else "o%d" % number
        self.at, self.log_at = at, at + rng.choice((0, 0, 0, 5, -5, 900))
        self.qty = Fraction(rng.randint(1, 900), 100)
        self.price = self.log_price = Fraction(rng.randint(1, 10 ** 7), 100)
        self.fee = Fraction(rng.randint(-10 ** 6, 10 ** 7), 10 ** 8)
        self.fee_coin = rng.choice((self.base, self.coin, "MNT")) if self.base else self.coin
        if self.base and self.fee_coin == self.base:
            self.fee = min(abs(self.fee), self.qty / 2)  # never more than what is bought
        self.rows = list(self.make_rows(rng))
        self.state = rng.choice(("same",) * 6 + ("missing", "extra", "different", "different"))
        if self.state == "different":
            name = "fee" if self.is_funding else rng.choice(("fee", "price", "qty"))
            setattr(self, name, getattr(self, name) + Fraction(rng.randint(1, 5000), 1000))

    def make_rows(self, rng):
        """What the log says: coin, size, fee, funding."""
        if self.is_funding:
            yield self.coin, self.qty, Fraction(0), -self.fee
        elif self.base:
            pays_base = self.fee_coin == self.base
            yield self.base, self.qty - (self.fee if pays_base and rng.random() < 0.5 else 0), self.fee if pays_base else Fraction(0), None
            yield self.coin, -self.qty * self.price, self.fee if self.fee_coin == self.coin else Fraction(0), None
            if self.fee_coin == "MNT":
                yield "MNT", Fraction(0), self.fee, None
        else:
            yield self.coin, self.qty, self.fee, None

    def log(self, rng):
        for coin, qty, fee, funding in self.rows if self.state != "extra" else ():
            row = {"tradeId": self.id, "orderId": self.order, "category": self.category, "symbol": self.symbol, "currency": coin,
                   "type": "SETTLEMENT" if self.is_funding else rng.choice(("TRADE", "ADL", "LIQUIDATION")), "cashFlow": "0",
                   "transactionTime": str(self.log_at), "qty": text(qty), "tradePrice": text(self.log_price), "fee": text(fee),
                   "funding": "" if funding is None else text(funding), "size": ""}
            yield from [row] * rng.choice((1, 1, 1, 2))

    def fill(self, number):
        return (self.id, self.order, "", self.category, self.symbol, "buy", text(self.qty), text(self.price), "1", text(self.fee),
                self.fee_coin, 0, "funding" if self.is_funding else "trade", "0", self.at, number, "", "", "", number)


class Model:
    """What is expected. The rows are (category, symbol, coin)."""

    def __init__(self, executions, first, end, now):
        self.counts, self.rows = Counter(), {}
        pending = []
        for each in executions:
            at = each.log_at if each.state == "missing" else each.at
            if not first <= at < end:
                continue
            late = each.state != "same" and at >= now - LATE
            self.counts["pending" if late else {"same": "matched"}.get(each.state, each.state)] += 1
            told = [row for row in each.rows if each.state != "extra"]
            places = {each.coin} | {coin for coin, _, fee, _ in told if fee} if each.state == "missing" else {each.coin}
            if each.state != "missing" and each.fee:
                places.add(each.fee_coin)
            for coin in places:
                key = each.category, each.symbol, coin
                if late and each.state == "missing":
                    pending.append(key)
                    continue
                row = self.rows.setdefault(key, Counter())
                row["pending" if late else "compared"] += 1
                row["differs"] += each.state != "same" and not late
                row["log_fees"] += sum(fee for c, _, fee, _ in told if c == coin)
                row["log_funding"] += sum(funding or 0 for c, _, _, funding in told if c == coin)
                if each.state != "missing" and coin == each.fee_coin:
                    row["funding" if each.is_funding else "fees"] += -each.fee if each.is_funding else each.fee
        for key in pending:
            if key in self.rows:
                self.rows[key]["pending"] += 1

    def checked(self, row):
        if row["differs"]:
            return "differs"
        return "equal" if row["compared"] and not row["pending"] else None


class Random(Checked):
    def executions(self, rng, first, end, now):
        for number in range(rng.randint(1, 40)):
            at = rng.choice((rng.randint(first - 2 * HOUR, min(end + 2 * HOUR, now - 2 * LATE)),) * 8 +
                            (now - LATE // 2, first, first - 1, end - 1, end))
            yield Execution(rng, number, at if at < now - 2000 else now - 3 * LATE)

    def write(self, executions, now):
        with sqlite3.connect(self.journal) as db:
            db.execute("DELETE FROM fills")
            db.execute("UPDATE meta SET value=? WHERE key IN ('watched_from', 'options_from')", (now - 30 * DAY,))
            db.executemany(
                "INSERT INTO fills (exec_id,order_id,link,category,symbol,side,qty,price,value,fee,fee_coin,maker,kind,closed_qty,"
                "at_ms,exchange_seq,tag,client,client_id,seq) VALUES (%s)" % ",".join("?" * 20),
                [each.fill(number) for number, each in enumerate(executions) if each.state != "missing"])
        db.close()

    def answer(self, rows, query):
        """All rows come with the first window."""
        bridge = self.start()
        self.sim_do("/sim/fault", {"path": LOG, "mode": "answer", "status": 200, "count": 1, "body": json.dumps(
            {"retCode": 0, "retMsg": "OK", "result": {"list": rows, "nextPageCursor": ""}, "time": 1700000000000})})
        items, check = self.check(bridge, query)
        bridge.stop()
        return {(r["category"], r["symbol"], r["coin"]): r for r in items}, check

    def compare(self, seed):
        rng = random.Random(seed)
        now = int(time.time() * 1000)
        first = now - rng.choice((1, 3, 6)) * DAY - rng.randint(0, 999)
        end = now - rng.choice((0, 0, 5 * HOUR))
        executions = list(self.executions(rng, first, end, now))
        self.write(executions, now)
        log = [row for each in executions for row in each.log(rng)]
        others = [{"type": "TRANSFER_IN", "transactionTime": str(rng.randint(first, end - 1)), "qty": "?"} for _ in range(seed % 4)]
        log += others
        rng.shuffle(log)
        model = Model(executions, first, end, now)
        items, check = self.answer(log, "group=symbol&from=%d&to=%d" % (first, end))
        self.agrees(check, model.counts["matched"], other=len(others),
                    **{name: model.counts[name] for name in ("missing", "extra", "different", "pending")})
        self.assertEqual(set(items), set(model.rows))
        for key, row in model.rows.items():
            item = items[key]
            self.assertEqual(item["checked"], model.checked(row), item)
            for name in ("fees", "funding") + (("log_fees", "log_funding") if row["compared"] else ()):
                self.assertEqual(Fraction(item[name]), row[name], (name, item))
        return model.counts

    def test_random_executions(self):
        self.start().stop()
        total = Counter()
        for seed in range(SEEDS):
            with self.subTest(seed=seed):
                total += self.compare(seed)
        self.assertEqual(set(total), {"matched", "missing", "extra", "different", "pending"})


if __name__ == "__main__":
    unittest.main()
