"""Executions of options in every coin: what was traded and delivered while the bridge was dead, or did not hear of it. The
exchange's list of executions is of one coin, BTC unless another is named, and of a delivery no order's own list tells."""
import json
import time
import unittest
from fractions import Fraction

from fault_proxy import FaultProxy
from guard_kit import Exchange
from harness import request, until
from test_pnl_check import Checked

EXECUTIONS = b"/v5/execution/list?category=option"


class Refusing(FaultProxy):
    """Answers reads of options' executions itself, where `says` gives it something to say."""

    says = None
    said = 0

    def _exchange(self, client, upstream, request, back, fault):
        body = self.says and EXECUTIONS in request and self.says(request)
        if not body:
            return super()._exchange(client, upstream, request, back, fault)
        self.said += 1
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        return back


def refusal(code):
    return json.dumps({"retCode": code, "retMsg": "said by the test", "result": {}, "time": int(time.time() * 1000)}).encode()


class OptionCoins(Checked):
    def setUp(self):
        super().setUp()
        self.exchange = Exchange(self.sim.port)
        self.sim_do("/sim/pause", {"paused": True})
        self.links = 0
        self.symbols = {coin: self.exchange.call("GET", "/v5/market/instruments-info", {"category": "option", "baseCoin": coin})
                        ["list"][0]["symbol"] for coin in ("BTC", "ETH")}  # calls, in the money

    def other_trades(self, symbol, side, qty):
        """Another program, or Bybit's website."""
        self.links += 1
        self.exchange.call("POST", "/v5/order/create", {"category": "option", "symbol": symbol, "side": side, "qty": qty,
                                                        "orderType": "Market", "orderLinkId": "other-%d" % self.links})

    def deliver(self, symbol):
        self.assertEqual(self.sim_do("/sim/deliver", {"symbol": symbol}).json["executions"], 1)

    def trade_both(self, bridge):
        for coin, qty in (("BTC", "0.1"), ("ETH", "2")):
            self.trade(bridge, "option:" + self.symbols[coin], "buy", qty)

    def miss(self):
        """What the bridge does not hear of: fills in both coins, and the end of the option on ETH."""
        self.other_trades(self.symbols["BTC"], "Sell", "0.05")
        self.other_trades(self.symbols["ETH"], "Buy", "1.5")
        self.sim_do("/sim/price", {"symbol": "ETHUSDT", "price": "3350"})
        self.deliver(self.symbols["ETH"])

    def owed(self, bridge):
        return request(bridge.port, "GET", "/status").json["engine"]["options_owed_from"]

    def is_whole(self, bridge):
        """All that the exchange executed is in /fills once and in /pnl, and the transaction log has nothing else."""
        there = {e["execId"]: e for e in self.sim_get("/sim/executions")["list"]}
        self.settle(bridge)
        fills = self.fills(bridge)
        self.assertEqual(sorted(f["id"] for f in fills), sorted(there))
        ended = [f for f in fills if f["kind"] == "settle"]
        self.assertEqual([(f["symbol"], f["side"], Fraction(f["qty"]), Fraction(f["price"])) for f in ended],
                         [(self.symbols["ETH"], "sell", Fraction("3.5"), 350)])  # the strike is 3000
        realised = 0
        for e in there.values():
            if e["symbol"] == self.symbols["ETH"]:
                realised += Fraction(e["execValue"]) * (1 if e["side"] == "Sell" else -1)
        rows, check = self.check(bridge)
        row = next(r for r in rows if r["symbol"] == self.symbols["ETH"])
        self.assertEqual(Fraction(row["realised"]), realised)
        self.assertEqual(row["checked"], "equal", row)
        self.agrees(check, len(there))
        until(lambda: self.owed(bridge) is None)

    def test_fills_and_a_delivery_while_dead(self):
        bridge = self.start()
        self.trade_both(bridge)
        bridge.kill()
        self.miss()
        self.is_whole(self.start())

    def test_fills_and_a_delivery_while_the_private_stream_is_cut(self):
        bridge = self.start()
        self.trade_both(bridge)
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "private"})
        self.miss()
        self.sim_do("/sim/stream", {"mode": "cut", "kind": "private"})
        self.is_whole(bridge)

    def test_a_coin_that_the_configuration_lacks_is_read_once_it_turns_up(self):
        bridge = self.start("--option-coins", "btc")
        bridge.kill()
        self.miss()
        bridge = self.start("--option-coins", "btc")
        until(lambda: len(self.fills(bridge)) == len(self.sim_get("/sim/executions")["list"]))
        until(lambda: self.owed(bridge) is None)
        self.assertIn("options on ETH are traded and --option-coins has it not", bridge.stderr())

    def test_what_cannot_be_read_is_owed_and_the_status_says_so(self):
        proxy = Refusing(self.sim.port)
        self.addCleanup(proxy.close)
        bridge = self.start()
        self.trade_both(bridge)
        self.assertIsNone(self.owed(bridge))
        bridge.kill()
        self.miss()
        proxy.says = lambda asked: b"baseCoin=ETH" in asked and refusal(10016)  # the service fails
        bridge = self.start(rest_port=proxy.port, ws_port=self.sim.port)
        self.assertIsNotNone(self.owed(bridge))
        proxy.says = None
        until(lambda: self.owed(bridge) is None)
        self.is_whole(bridge)

    def test_a_coin_that_the_exchange_does_not_know_keeps_nobody(self):
        proxy = Refusing(self.sim.port)
        self.addCleanup(proxy.close)
        proxy.says = lambda asked: b"baseCoin=NONE" in asked and refusal(10001)
        bridge = self.start("--option-coins", "BTC,NONE,ETH", rest_port=proxy.port, ws_port=self.sim.port)
        self.assertGreater(proxy.said, 0)
        self.assertIsNone(self.owed(bridge))
        self.trade_both(bridge)
        bridge.kill()
        self.miss()
        self.is_whole(self.start("--option-coins", "BTC,NONE,ETH", rest_port=proxy.port, ws_port=self.sim.port))


if __name__ == "__main__":
    unittest.main()
