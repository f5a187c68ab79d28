"""Positions, balances, account and fees as a user sees them, and what the rights of the API key do to the start."""
import subprocess
import threading
import unittest
from decimal import Decimal

import harness
from fault_proxy import FaultProxy
from harness import KEY, SECRET, Case, Feed, request, until


class Account(Case):
    def get(self, path, status=200):
        answer = request(self.bridge.port, "GET", path)
        self.assertEqual(answer.status, status, (path, answer))
        return answer.json if "json" in answer.headers["content-type"] else answer.body

    def trade(self, side, qty, symbol="BTCUSDT"):
        answer = request(self.bridge.port, "POST", "/orders?wait=filled",
                         {"symbol": symbol, "side": side, "qty": qty, "type": "market"})
        self.assertIn(answer.status, (200, 201, 202), answer)
        return answer.json

    def position(self, wanted, path="/positions/BTCUSDT"):
        """The position once `wanted` is true of it."""
        def ready():
            found = self.get(path)
            return found if wanted(found) else None
        return until(ready)

    def live(self):
        until(lambda: self.get("/positions")["source"] == "stream" and self.get("/balance")["source"] == "stream")

    def setUp(self):
        super().setUp()
        self.bridge = self.start()
        self.live()

    def test_a_trade_changes_position_and_balance_without_a_read(self):
        flat = self.get("/positions/BTCUSDT")
        self.assertEqual((flat["side"], flat["qty"], flat["source"]), (None, "0", "stream"))
        feed = Feed(self.bridge.port, "positions,balance")
        self.addCleanup(feed.close)
        feed.wait(lambda e: e.get("event") == "balance")
        self.trade("buy", "0.5")
        seen = feed.wait(lambda e: e.get("event") == "position" and e["data"]["qty"] == "0.5")["data"]
        self.assertEqual((seen["category"], seen["symbol"], seen["side"]), ("linear", "BTCUSDT", "buy"))
        self.assertNotIn("id", seen)
        found = self.position(lambda p: p["qty"] == "0.5")
        self.assertEqual((found["side"], found["source"], found["position_idx"]), ("buy", "stream", 0))
        self.assertGreater(Decimal(found["entry_price"]), 0)
        self.assertGreater(Decimal(found["margin"]), 0)
        self.assertTrue(found["updated_at"])
        listed = self.get("/positions")["items"]
        self.assertEqual([p["symbol"] for p in listed], ["BTCUSDT"])
        self.assertEqual(self.get("/positions?category=inverse")["items"], [])
        rows = self.get("/positions.csv").splitlines()
        self.assertTrue(rows[0].startswith("category,symbol,side,qty,"), rows)
        self.assertTrue(rows[1].startswith("linear,BTCUSDT,buy,0.5,"), rows)
        usdt = self.get("/balance/usdt")
        self.assertEqual(usdt["source"], "stream")
        self.assertLess(Decimal(usdt["available"]), Decimal(usdt["wallet"]))
        self.trade("sell", "0.5")
        gone = feed.wait(lambda e: e.get("event") == "position" and e["data"]["side"] is None)["data"]
        self.assertEqual(Decimal(gone["qty"]), 0)
        self.assertEqual(self.position(lambda p: p["side"] is None)["symbol"], "BTCUSDT")
        self.assertEqual(self.get("/positions")["items"], [])

    def test_the_numbers_follow_the_mark_price(self):
        self.trade("buy", "0.5")
        entry = Decimal(self.position(lambda p: p["side"] == "buy")["entry_price"])
        for price in ("95000", "90000"):
            self.sim_do("/sim/price", {"symbol": "BTCUSDT", "price": price})
            # Neither a message nor an audit tells this: only the ticker does.
            found = self.position(lambda p: p["mark_price"] and abs(Decimal(p["mark_price"]) - Decimal(price)) < 500)
            mark = Decimal(found["mark_price"])
            self.assertEqual(Decimal(found["unrealised_pnl"]), (mark - entry) * Decimal("0.5"))
            self.assertEqual(Decimal(found["value"]), mark * Decimal("0.5"))

    def test_what_happened_while_the_stream_was_down_is_loaded(self):
        down = threading.Event()
        proxy = FaultProxy(self.sim.port, lambda m, path: ("drop_before", 0) if down.is_set() else None)
        self.addCleanup(proxy.close)
        trader = self.bridge
        self.bridge = self.start("--journal", self.folder + "/other/other.db", ws_port=proxy.port)
        self.live()
        feed = Feed(self.bridge.port, "positions")
        self.addCleanup(feed.close)
        down.set()
        proxy.drop_all()
        until(lambda: self.get("/positions")["source"] == "rest")
        for symbol, side in (("ETHUSDT", "sell"), ("BTCUSDT", "buy")):
            request(trader.port, "POST", "/orders?wait=filled",
                    {"symbol": symbol, "side": side, "qty": "0.5", "type": "market"})
        down.clear()
        found = self.position(lambda p: p["source"] == "stream" and p["side"], "/positions/ETHUSDT")
        self.assertEqual((found["side"], found["qty"]), ("sell", "0.5"))
        feed.wait(lambda e: e.get("event") == "position" and e["data"]["symbol"] == "BTCUSDT")
        feed.wait(lambda e: e.get("event") == "position" and e["data"]["symbol"] == "ETHUSDT")

    def test_an_old_answer_is_read_anew(self):
        as_of = self.get("/balance")["as_of"]
        fresh = until(lambda: self.fresh("/balance?max_age=1ms", as_of))
        self.assertEqual(fresh["source"], "rest")
        self.assertEqual(self.get("/positions?max_age=1h")["source"], "stream")

    def fresh(self, path, as_of):
        answer = request(self.bridge.port, "GET", path)
        if answer.status == 503:
            self.assertEqual(answer.json["code"], "too_old")
            return None
        self.assertEqual(answer.status, 200, answer)
        return answer.json if answer.json["source"] == "rest" and answer.json["as_of"] > as_of else None

    def test_the_rest_of_the_account(self):
        account = self.get("/account")
        self.assertEqual((account["account_type"], account["margin_mode"]), ("unified_2", "cross"))
        self.assertEqual(account["key"]["read_only"], False)
        self.assertEqual(account["key"]["can_withdraw"], False)
        self.assertIn("ContractTrade.Order", account["key"]["permissions"])
        self.assertTrue(account["user_id"].isdigit())
        fees = self.get("/fees/BTCUSDT")
        self.assertEqual((fees["category"], fees["symbol"], fees["source"]), ("linear", "BTCUSDT", "rest"))
        self.assertGreater(Decimal(fees["taker"]), 0)
        self.assertEqual(self.get("/fees/spot:BTCUSDT")["category"], "spot")
        self.assertEqual(self.get("/fees/NOPE", 404)["code"], "unknown_symbol")
        fund = self.get("/balance?account=fund")
        self.assertEqual(fund["source"], "rest")
        self.assertIsNone(fund["equity"])
        self.assertEqual(self.get("/balance/btc?account=fund")["coin"], "BTC")
        self.assertEqual(self.get("/balance/NOCOIN", 404)["code"], "unknown_coin")
        self.assertEqual(self.get("/positions/spot:BTCUSDT", 422)["code"], "no_spot_position")
        self.assertEqual(self.get("/positions/NOPE", 404)["code"], "unknown_symbol")


class Down(Case):
    """The private stream never comes."""

    def test_positions_and_balance_are_read_over_rest(self):
        bridge = self.start(ws_port=1, wait=False)
        for path in ("/positions", "/positions/BTCUSDT", "/balance", "/balance/USDT"):
            answer = until(lambda p=path: self.read(bridge, p))
            self.assertEqual(answer.json["source"], "rest")
            self.assertEqual(answer.headers["bridge-source"], "rest")

    def read(self, bridge, path):
        answer = request(bridge.port, "GET", path)
        return answer if answer.status == 200 else None

    def test_many_who_ask_at_once_share_their_loads(self):
        bridge = self.start(ws_port=1, wait=False)
        until(lambda: self.read(bridge, "/positions/BTCUSDT"))
        statuses = []

        def ask():
            statuses.append(request(bridge.port, "GET", "/positions").status)

        threads = [threading.Thread(target=ask) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(statuses), {200})

    def test_a_stop_during_a_load_answers_who_waits(self):
        proxy = FaultProxy(self.sim.port, lambda m, path: ("black_hole_before", 0) if "position/list" in path else None)
        self.addCleanup(proxy.close)
        bridge = self.start(rest_port=proxy.port, ws_port=1, wait=False)
        until(lambda: self.read(bridge, "/symbols/BTCUSDT"))
        answers = []

        def ask():
            try:
                answers.append(request(bridge.port, "GET", "/positions").status)
            except OSError:
                answers.append(503)  # it came after the stop

        threads = [threading.Thread(target=ask) for _ in range(5)]
        for thread in threads:
            thread.start()
        until(lambda: proxy.done.get("black_hole_before"))
        bridge.stop()
        for thread in threads:
            thread.join(15)
        self.assertEqual(set(answers) - {502, 503}, set())
        self.assertEqual(len(answers), 5)


class Key(Case):
    """Gate rule G24."""

    def refused(self, *options, rest_port=None):
        """Exit status and stderr of a bridge that is not to run."""
        port = rest_port or self.sim.port
        return subprocess.run(
            [harness.BRIDGE, "--env", "sim", "--rest-url", "http://127.0.0.1:%d" % port,
             "--ws-url", "ws://127.0.0.1:%d" % self.sim.port, "--listen", "127.0.0.1:0", "--journal", self.journal,
             "--speed", "20", *options],
            env={"BYBIT_API_KEY": KEY, "BYBIT_API_SECRET": SECRET}, capture_output=True, text=True, timeout=30)

    def test_a_key_that_may_withdraw_is_refused(self):
        self.sim_do("/sim/key", {"withdraw": True, "ips": ["10.0.0.1"]})
        ended = self.refused()
        self.assertEqual(ended.returncode, 78, ended)
        self.assertIn("--allow-withdraw-key", ended.stderr)
        self.assertNotIn("listens", ended.stdout)
        self.assertNotIn(SECRET, ended.stderr)

    def test_it_runs_when_that_is_allowed(self):
        self.sim_do("/sim/key", {"withdraw": True, "ips": ["10.0.0.1"]})
        bridge = self.start("--allow-withdraw-key")
        self.assertIn("may withdraw", bridge.stderr())
        self.assertNotIn("from any address", bridge.stderr())
        self.assertTrue(request(bridge.port, "GET", "/account").json["key"]["can_withdraw"])

    def test_a_key_for_any_address_and_a_read_only_one_are_warned_of(self):
        self.sim_do("/sim/key", {"withdraw": False, "ips": ["*"], "read_only": 1})
        bridge = self.start(wait=False)
        self.assertIn("from any address", bridge.stderr())
        self.assertIn("read-only", bridge.stderr())
        key = request(bridge.port, "GET", "/account").json["key"]
        self.assertEqual((key["ip_bound"], key["read_only"]), (False, True))

    def test_what_is_learnt_late_ends_the_bridge(self):
        self.sim_do("/sim/key", {"withdraw": True, "ips": ["*"]})
        hidden = threading.Event()
        proxy = FaultProxy(self.sim.port,
                           lambda m, path: None if hidden.is_set() or "query-api" not in path else ("html", 404))
        self.addCleanup(proxy.close)
        bridge = self.start(rest_port=proxy.port, wait=False)
        self.assertIn("not known", bridge.stderr())
        hidden.set()
        self.assertEqual(bridge.child.wait(timeout=15), 78)
        self.assertIn("--allow-withdraw-key", bridge.stderr())
        bridge.stop(expect=78)

    def test_an_exchange_that_does_not_answer_delays_the_start_for_five_seconds_at_most(self):
        proxy = FaultProxy(self.sim.port, lambda m, path: ("black_hole_before", 0) if "query-api" in path else None)
        self.addCleanup(proxy.close)
        bridge = self.start(rest_port=proxy.port)
        self.assertIsNone(request(bridge.port, "GET", "/account").json["key"])


if __name__ == "__main__":
    unittest.main()
