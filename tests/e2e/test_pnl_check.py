"""GET /pnl?check=1: the journal's executions against the simulated exchange's transaction log."""
import calendar
import csv
import io
import json
import socket
import sqlite3
import time
import unittest
from fractions import Fraction

from guard_kit import Exchange
from harness import Case, request, until

HOUR = 3600000
DAY = 24 * HOUR
LOG = "/v5/account/transaction-log"


class Checked(Case):
    def trade(self, bridge, symbol, side, qty, **more):
        answer = request(bridge.port, "POST", "/orders?wait=filled", dict(more, symbol=symbol, side=side, qty=qty))
        self.assertEqual(answer.status, 201, answer)
        return answer.json

    def fills(self, bridge):
        return request(bridge.port, "GET", "/fills?limit=1000").json["items"]

    def settle(self, bridge):
        """Until the journal has all that the exchange executed."""
        wanted = {e["execId"] for e in self.sim_get("/sim/executions")["list"]}
        until(lambda: {f["id"] for f in self.fills(bridge)} >= wanted)
        return wanted

    def check(self, bridge, query="group=symbol"):
        answer = request(bridge.port, "GET", "/pnl?check=1&" + query, timeout=60)
        self.assertEqual(answer.status, 200, answer)
        return answer.json["items"], answer.json["check"]

    def numbers(self, check):
        return {name: check[name] for name in ("matched", "missing", "extra", "different", "pending", "other")}

    def agrees(self, check, matched, **others):
        expected = {"missing": 0, "extra": 0, "different": 0, "pending": 0, "other": 0, "matched": matched}
        self.assertEqual(self.numbers(check), dict(expected, **others), check)

    def age(self, bridge, ms, *changes):
        """Stops the bridge, makes all that was executed so much older on both sides, and changes the journal's file."""
        bridge.stop()
        self.sim_do("/sim/age", {"ms": ms})
        with sqlite3.connect(self.journal) as db:
            db.execute("UPDATE fills SET at_ms=at_ms-?", (ms,))
            db.execute("UPDATE meta SET value=value-? WHERE key='watched_from'", (ms,))
            for change in changes:
                self.assertGreater(db.execute(*change).rowcount, 0, change)
        db.close()
        return self.start()

    def asked(self):
        return self.sim_get("/sim/stats")["requests"].get(LOG, 0)


class Equal(Checked):
    def setUp(self):
        super().setUp()
        self.bridge = bridge = self.start()
        self.trade(bridge, "BTCUSDT", "buy", "0.03", tag="grid")
        self.trade(bridge, "BTCUSDT", "sell", "0.01", tag="grid")
        self.sim_do("/sim/price", {"symbol": "BTCUSDT", "price": "95000"})
        self.trade(bridge, "BTCUSDT", "sell", "0.05")  # closes, and opens the other side
        self.trade(bridge, "ETHUSDT", "buy", "0.37")
        self.trade(bridge, "inverse:BTCUSD", "sell", "1000")
        self.trade(bridge, "inverse:BTCUSD", "buy", "333")
        self.trade(bridge, "spot:BTCUSDT", "buy", "0.013")
        self.trade(bridge, "spot:BTCUSDT", "sell", "0.005")
        for symbol in ("BTCUSDT", "ETHUSDT", "BTCUSD"):
            self.sim_do("/sim/funding", {"symbol": symbol})
        self.count = len(self.settle(bridge))

    def test_all_that_was_executed_is_equal(self):
        spot = sum(1 for f in self.fills(self.bridge) if f["category"] == "spot")
        for group in ("symbol", "day", "tag"):
            with self.subTest(group=group):
                items, check = self.check(self.bridge, "group=" + group)
                self.agrees(check, self.count)
                self.assertEqual(check["entries"], self.count + spot)
                self.assertEqual(check["differences"], [])
                for row in items:
                    self.assertEqual(row["checked"], "equal", row)
                    for name in ("fees", "funding"):
                        self.assertEqual(Fraction(row["log_" + name]), Fraction(row[name]), row)
        by_symbol = {(r["category"], r["symbol"], r["coin"]): r for r in self.check(self.bridge)[0]}
        self.assertIsNone(by_symbol["spot", "BTCUSDT", "USDT"]["log_realised"])
        self.assertEqual(Fraction(by_symbol["spot", "BTCUSDT", "BTC"]["log_fees"]), Fraction("0.000013"))
        linear = by_symbol["linear", "BTCUSDT", "USDT"]
        self.assertNotEqual(Fraction(linear["log_realised"]), 0)
        self.assertLess(abs(Fraction(linear["log_realised"]) - Fraction(linear["realised"])), Fraction(1, 10 ** 6))
        inverse = by_symbol["inverse", "BTCUSD", "BTC"]
        self.assertLess(abs(Fraction(inverse["log_realised"]) - Fraction(inverse["realised"])), Fraction(2, 10 ** 8))
        self.assertNotIn("transaction log differs", self.bridge.stderr())

    def test_symbol_category_tag_and_span(self):
        spot = [f for f in self.fills(self.bridge) if f["category"] == "spot"]
        items, check = self.check(self.bridge, "group=symbol&symbol=spot:BTCUSDT")
        self.agrees(check, len(spot))
        self.assertEqual({r["category"] for r in items}, {"spot"})
        _, check = self.check(self.bridge, "category=inverse")
        self.agrees(check, sum(1 for f in self.fills(self.bridge) if f["category"] == "inverse"))
        items, check = self.check(self.bridge, "group=tag&tag=grid")
        self.agrees(check, sum(1 for f in self.fills(self.bridge) if f["tag"] == "grid"))
        self.assertEqual([(r["tag"], r["checked"]) for r in items], [("grid", "equal")])
        # A beginning between two executions: those before it are on no side.
        times = sorted({f["at"] for f in self.fills(self.bridge)})
        middle = times[len(times) // 2]
        _, check = self.check(self.bridge, "from=" + middle)
        self.agrees(check, sum(1 for f in self.fills(self.bridge) if f["at"] >= middle))
        self.assertEqual(check["from"], middle)
        _, check = self.check(self.bridge, "to=" + middle)
        self.agrees(check, sum(1 for f in self.fills(self.bridge) if f["at"] < middle))
        self.assertEqual(check["to"], middle)

    def test_the_other_forms_and_no_check(self):
        items, _ = self.check(self.bridge)
        lines = request(self.bridge.port, "GET", "/pnl.ndjson?group=symbol&check=1").body.splitlines()
        self.assertEqual([json.loads(line) for line in lines], items)
        table = list(csv.DictReader(io.StringIO(request(self.bridge.port, "GET", "/pnl.csv?group=symbol&check=1").body)))
        names = ("log_realised", "log_fees", "log_funding", "checked")
        self.assertEqual([[r[n] for n in names] for r in table], [[r[n] or "" for n in names] for r in items])
        before = self.asked()
        plain = request(self.bridge.port, "GET", "/pnl?group=symbol").json
        self.assertIsNone(plain["check"])
        self.assertEqual([dict(r, **dict.fromkeys(names)) for r in items], plain["items"])
        self.assertEqual(self.asked(), before)

    def test_metrics_count_checks(self):
        def values():
            text = request(self.bridge.port, "GET", "/metrics").body
            return [line.split()[-1] for line in text.splitlines()
                    if line.startswith(("bybit_bridge_pnl_checks_total{", "bybit_bridge_pnl_differences_total{"))]
        self.assertEqual(values(), ["0"] * 6)
        self.check(self.bridge)
        self.assertEqual(values(), ["1"] + ["0"] * 5)
        self.sim_do("/sim/fault", {"path": LOG, "mode": "answer", "status": 400, "body": "{}", "count": 1})
        self.assertEqual(request(self.bridge.port, "GET", "/pnl?check=1").status, 502)
        until(lambda: values() == ["1", "0", "1", "0", "0", "0"])  # counted once it is answered


class Different(Checked):
    def test_each_difference_is_found_and_told(self):
        bridge = self.start()
        for side in ("buy", "sell"):
            for symbol, qty in (("BTCUSDT", "0.02"), ("ETHUSDT", "0.2"), ("SOLUSDT", "2"), ("spot:BTCUSDT", "0.01")):
                self.trade(bridge, symbol, side, qty, tag=side)
        self.trade(bridge, "inverse:BTCUSD", "buy", "500", tag="buy")
        self.sim_do("/sim/funding", {"symbol": "BTCUSD"})
        count = len(self.settle(bridge))
        fills = {(f["category"], f["symbol"], f["side"], f["kind"]): f for f in self.fills(bridge)}
        gone = fills["linear", "BTCUSDT", "buy", "trade"]
        fee = fills["linear", "ETHUSDT", "buy", "trade"]
        price = fills["linear", "SOLUSDT", "sell", "trade"]
        spot = fills["spot", "BTCUSDT", "buy", "trade"]
        funding = fills["inverse", "BTCUSD", "buy", "funding"]
        bridge = self.age(
            bridge, HOUR,
            ("DELETE FROM fills WHERE exec_id=?", (gone["id"],)),
            ("UPDATE fills SET fee='0.125' WHERE exec_id=?", (fee["id"],)),
            ("UPDATE fills SET price='1.5', qty='7' WHERE exec_id=?", (price["id"],)),
            ("DELETE FROM fills WHERE exec_id=?", (spot["id"],)),
            ("UPDATE fills SET fee='0.5' WHERE exec_id=?", (funding["id"],)),
            ("INSERT INTO fills (exec_id,order_id,link,category,symbol,side,qty,price,value,fee,fee_coin,maker,kind,closed_qty,"
             "at_ms,exchange_seq,tag,client,client_id,seq) SELECT 'made-up',order_id,link,category,symbol,side,qty,price,value,"
             "fee,fee_coin,maker,kind,closed_qty,at_ms,exchange_seq,tag,client,client_id,seq FROM fills WHERE exec_id=?",
             (fills["linear", "BTCUSDT", "sell", "trade"]["id"],)))
        items, check = self.check(bridge)
        self.agrees(check, count - 5, missing=2, different=3, extra=1)
        told = {d["id"]: d for d in check["differences"]}
        self.assertEqual(len(check["differences"]), 6)
        self.assertEqual([d["at"] for d in check["differences"]], sorted(d["at"] for d in check["differences"]))
        self.assertEqual({i: (d["what"], d["fields"]) for i, d in told.items()},
                         {gone["id"]: ("missing", []), spot["id"]: ("missing", []), "made-up": ("extra", []),
                          fee["id"]: ("different", ["fee"]), price["id"]: ("different", ["qty", "price"]),
                          funding["id"]: ("different", ["funding"])})
        self.assertIsNone(told[gone["id"]]["journal"])
        self.assertEqual({n: Fraction(told[gone["id"]]["log"][n]) for n in ("qty", "price", "fee")},
                         {n: Fraction(gone[n]) for n in ("qty", "price", "fee")})
        self.assertEqual((told[gone["id"]]["order_id"], told[gone["id"]]["category"]), (gone["order_id"], "linear"))
        self.assertIsNone(told["made-up"]["log"])
        self.assertEqual((told[fee["id"]]["journal"]["fee"], Fraction(told[fee["id"]]["log"]["fee"])),
                         ("0.125", Fraction(fee["fee"])))
        self.assertEqual((Fraction(told[funding["id"]]["journal"]["funding"]), told[funding["id"]]["log"]["funding"]),
                         (Fraction(-1, 2), str(told[funding["id"]]["log"]["funding"])))
        self.assertEqual(Fraction(told[funding["id"]]["log"]["funding"]), -Fraction(funding["fee"]))
        self.assertEqual((told[spot["id"]]["log"]["coin"], Fraction(told[spot["id"]]["log"]["fee"])),
                         ("BTC", Fraction(spot["fee"])))
        by_symbol = {(r["category"], r["symbol"], r["coin"]): r for r in items}
        self.assertEqual({key for key, row in by_symbol.items() if row["checked"] != "differs"}, set())
        self.assertEqual(Fraction(by_symbol["spot", "BTCUSDT", "BTC"]["log_fees"]), Fraction(spot["fee"]))
        self.assertEqual(Fraction(by_symbol["spot", "BTCUSDT", "BTC"]["fees"]), 0)
        self.assertEqual(Fraction(by_symbol["linear", "ETHUSDT", "USDT"]["log_fees"]),
                         sum(Fraction(f["fee"]) for f in fills.values() if f["symbol"] == "ETHUSDT"))
        warnings = [line for line in bridge.stderr().splitlines() if "transaction log differs" in line]
        self.assertEqual(len(warnings), 1, warnings)
        self.assertIn("missing=2 extra=1 different=3", warnings[0])
        metrics = request(bridge.port, "GET", "/metrics").body
        for line in ('checks_total{result="differs"} 1', 'differences_total{kind="missing"} 2',
                     'differences_total{kind="extra"} 1', 'differences_total{kind="different"} 3'):
            self.assertIn("bybit_bridge_pnl_" + line, metrics)
        # The tag of what the journal lacks is that of its order.
        _, check = self.check(bridge, "group=tag&tag=buy")
        self.assertEqual((check["missing"], check["extra"], check["different"]), (2, 0, 1), check)
        _, check = self.check(bridge, "group=tag&tag=sell")
        self.assertEqual((check["missing"], check["extra"], check["different"]), (0, 1, 1), check)
        # A day that only the log has is a row, too.
        bridge.stop()
        with sqlite3.connect(self.journal) as db:
            db.execute("DELETE FROM fills")
        db.close()
        items, check = self.check(self.start(), "group=day")
        self.assertEqual(check["missing"], count)
        self.assertTrue(items and all((r["trades"], r["checked"]) == (0, "differs") for r in items), items)

    def test_the_newest_minute_is_pending(self):
        bridge = self.start()
        self.trade(bridge, "BTCUSDT", "buy", "0.01")
        count = len(self.settle(bridge))
        self.sim_do("/sim/fault", {"path": LOG, "mode": "answer", "status": 200, "count": 1, "body": json.dumps(
            {"retCode": 0, "retMsg": "OK", "result": {"list": [], "nextPageCursor": ""}, "time": int(time.time() * 1000)})})
        items, check = self.check(bridge)
        self.agrees(check, 0, pending=count)
        self.assertEqual([(r["checked"], r["log_fees"]) for r in items], [(None, None)])
        self.assertNotIn("transaction log differs", bridge.stderr())

    def test_what_is_from_before_the_journal_is_not_missing(self):
        bridge = self.start()
        self.trade(bridge, "BTCUSDT", "buy", "0.01")
        old = self.settle(bridge)
        self.sim_do("/sim/price", {"symbol": "BTCUSDT", "price": "95000"})
        bridge.stop()
        self.sim_do("/sim/age", {"ms": 26 * HOUR})
        self.journal += ".second"  # it begins now; 20 times faster, its first scan reaches 72 minutes back
        bridge = self.start()
        self.trade(bridge, "BTCUSDT", "sell", "0.01")
        until(lambda: len(self.sim_get("/sim/executions")["list"]) > len(old) and self.fills(bridge))
        new = {e["execId"] for e in self.sim_get("/sim/executions")["list"]} - old
        until(lambda: {f["id"] for f in self.fills(bridge)} >= new)
        items, check = self.check(bridge, "group=symbol&from=-3d")
        self.agrees(check, len(new))
        begin = time.time() - 72 * 60
        told = calendar.timegm(time.strptime(check["from"][:19], "%Y-%m-%dT%H:%M:%S"))
        self.assertLess(abs(told - begin), 60)
        # It closed what has no known cost: what the log says of that is shown, and can't be compared.
        self.assertEqual((items[0]["checked"], items[0]["unmatched"]), (None, len(new)))
        self.assertNotEqual(Fraction(items[0]["log_realised"]), 0)
        _, check = self.check(bridge, "from=-3d&to=-2d")
        self.assertEqual((check["from"], check["to"], check["entries"]), (None, None, 0))


class Scanned(Checked):
    def test_orders_that_turned_the_position_while_the_bridge_was_away(self):
        bridge = self.start()
        self.trade(bridge, "BTCUSDT", "buy", "0.01")
        self.settle(bridge)
        bridge.stop()
        exchange = Exchange(self.sim.port)
        for side, qty, price in (("Sell", "1.7", 99000), ("Buy", "2.9", 98300), ("Sell", "3.3", 99700), ("Buy", "0.5", 99000)):
            exchange.call("POST", "/v5/order/create", {"category": "linear", "symbol": "BTCUSDT", "side": side,
                                                       "orderType": "Market", "qty": qty})
            self.sim_do("/sim/price", {"symbol": "BTCUSDT", "price": str(price)})
        executions = self.sim_get("/sim/executions")["list"]
        # Several of one order at one moment, of which some close and some open.
        self.assertGreater(len(executions), 4 * len({e["seq"] for e in executions}) / 2)
        bridge = self.start()
        self.settle(bridge)
        items, check = self.check(bridge)
        self.agrees(check, len(executions))
        self.assertEqual((items[0]["checked"], items[0]["unmatched"]), ("equal", 0), items)
        self.assertGreater(abs(Fraction(items[0]["realised"])), 100)
        self.assertLess(abs(Fraction(items[0]["realised"]) - Fraction(items[0]["log_realised"])), Fraction(1, 1000))


class Pages(Checked):
    def test_many_pages_and_windows(self):
        bridge = self.start()
        for n in range(30):  # two entries each
            self.trade(bridge, "spot:BTCUSDT", "buy" if n % 2 else "sell", "0.01")
        self.settle(bridge)
        bridge = self.age(bridge, 16 * DAY)
        self.trade(bridge, "BTCUSDT", "buy", "0.01")
        self.trade(bridge, "spot:BTCUSDT", "buy", "0.01")
        count = len(self.settle(bridge))
        before = self.asked()
        items, check = self.check(bridge, "group=day")
        self.agrees(check, count)
        self.assertEqual({r["checked"] for r in items}, {"equal"})
        self.assertGreaterEqual(len({r["day"] for r in items}), 2)
        # Three windows, the first of at least two pages; a last page may be empty.
        self.assertGreaterEqual(self.asked() - before, 4)
        self.assertLessEqual(self.asked() - before, 6)

    def test_who_leaves_ends_it(self):
        bridge = self.start()
        self.trade(bridge, "BTCUSDT", "buy", "0.01")
        self.settle(bridge)
        bridge = self.age(bridge, 300 * DAY)
        self.sim_do("/sim/fault", {"path": LOG, "mode": "delay", "ms": 300, "count": 1000})
        before = self.asked()
        with socket.create_connection(("127.0.0.1", bridge.port)) as client:
            client.sendall(b"GET /pnl?check=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            until(lambda: self.asked() >= before + 2)
        time.sleep(1)
        after = self.asked()
        time.sleep(2)
        self.assertLessEqual(self.asked(), after + 1)
        self.assertLess(after - before, 20)  # of 43
        self.sim_do("/sim/fault", {"path": LOG, "mode": "none"})
        _, check = self.check(bridge)
        self.agrees(check, 1)


class Upstream(Checked):
    def setUp(self):
        super().setUp()
        self.bridge = self.start()
        self.trade(self.bridge, "BTCUSDT", "buy", "0.01")
        self.count = len(self.settle(self.bridge))

    def answer_with(self, rows, cursor="", count=1):
        self.sim_do("/sim/fault", {"path": LOG, "mode": "answer", "status": 200, "count": count, "body": json.dumps(
            {"retCode": 0, "retMsg": "OK", "result": {"list": rows, "nextPageCursor": cursor}, "time": 1700000000000})})

    def fails(self, status, code):
        answer = request(self.bridge.port, "GET", "/pnl?check=1", timeout=40)
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)
        return answer.json

    def test_a_failing_exchange(self):
        self.sim_do("/sim/fault", {"path": LOG, "mode": "answer", "status": 502, "body": "<html>", "count": 9})
        self.assertIn("502", self.fails(502, "upstream_failed")["detail"])
        self.sim_do("/sim/fault", {"path": LOG, "mode": "none"})
        self.sim_do("/sim/fault", {"path": LOG, "mode": "answer", "status": 200, "count": 1,
                                   "body": '{"retCode":10005,"retMsg":"Permission denied","result":{}}'})
        self.assertEqual(self.fails(502, "upstream_failed")["upstream"]["ret_code"], 10005)
        _, check = self.check(self.bridge)
        self.agrees(check, self.count)

    def test_rows_that_nobody_wants(self):
        at = str(int(time.time() * 1000) - 120000)
        trade = {"transactionTime": at, "type": "TRADE", "category": "linear", "symbol": "BTCUSDT", "currency": "USDT"}
        for row, word in ((dict(trade, fee="1e9."), "fee"), (dict(trade, qty="9" * 40), "qty"), (dict(trade, symbol=7.5), None),
                          (dict(trade, transactionTime=None), "transactionTime"), (dict(trade, tradeId=["x"]), "tradeId"),
                          (dict(trade, cashFlow="9" * 36), "too large"), ("row", "row"), (dict(trade, symbol=""), "symbol")):
            self.answer_with([row])
            if word:
                with self.subTest(row=row):
                    self.assertIn(word, self.fails(502, "upstream_failed")["detail"])
            else:  # a number is a text, too: an execution of another symbol
                self.assertEqual(self.check(self.bridge)[1]["missing"], 1)
        self.answer_with([dict(trade, type="SOMETHING", qty={}, fee="much"), dict(trade, category="spread"),
                          {"transactionTime": at, "type": "TRANSFER_IN"}])
        _, check = self.check(self.bridge)
        self.agrees(check, 0, pending=self.count, other=3)
        self.answer_with([], cursor="again", count=50)
        self.assertIn("circles", self.fails(502, "upstream_failed")["detail"])

    def test_a_stop_ends_it(self):
        self.sim_do("/sim/fault", {"path": LOG, "mode": "hang", "count": 1})
        before = self.asked()
        with socket.create_connection(("127.0.0.1", self.bridge.port)) as client:
            client.sendall(b"GET /pnl?check=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            until(lambda: self.asked() > before)
            self.bridge.stop()


if __name__ == "__main__":
    unittest.main()
