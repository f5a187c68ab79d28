"""Market data: lists past the exchange's page size, every category, a feed that freezes, a slow exchange, a stop."""
import csv
import io
import json
import threading
import time
import unittest

from harness import Case, request, until

KLINE = "/v5/market/kline"


class Market(Case):
    def get(self, path, status=200):
        answer = request(self.bridge.port, "GET", path)
        self.assertEqual(answer.status, status, (path, answer))
        return answer

    def seen(self, path):
        return self.sim_get("/sim/stats")["requests"].get(path, 0)

    def setUp(self):
        super().setUp()
        self.bridge = self.start()


class Lists(Market):
    def test_a_file_without_a_limit_is_whole_or_refused(self):
        answer = self.get("/candles/BTCUSDT.csv?from=-30d", 422)  # 43,200 minutes
        self.assertEqual(answer.json["code"], "too_many_rows")
        self.assertIn("limit", answer.json["hint"])
        rows = self.get("/candles/BTCUSDT.csv?from=-2d", 200).body.splitlines()
        self.assertIn(len(rows), (2881, 2882))
        cut = self.get("/candles/BTCUSDT.csv?from=-30d&limit=1500", 200)
        self.assertEqual(len(cut.body.splitlines()), 1501)
        self.assertIn("after=", cut.headers["link"])

    def test_candles_are_the_exchanges_own(self):
        end = int(time.time()) // 60 * 60000
        start = end - 2500 * 60000
        theirs = []
        upper = end - 60000
        while upper >= start:
            page = self.sim_get("%s?category=linear&symbol=BTCUSDT&interval=1&limit=1000&start=%d&end=%d"
                                % (KLINE, start, upper))["result"]["list"]
            theirs += page
            upper = int(page[-1][0]) - 60000
        self.assertEqual(len(theirs), 2500)
        text = self.get("/candles/BTCUSDT.csv?from=%d&to=%d" % (start, end)).body
        ours = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual([[r["open"], r["high"], r["low"], r["close"], r["volume"], r["turnover"]] for r in ours],
                         [row[1:7] for row in theirs])
        lines = self.get("/candles/BTCUSDT.ndjson?from=%d&to=%d" % (start, end)).body.splitlines()
        self.assertEqual([json.loads(line)["close"] for line in lines], [row[4] for row in theirs])

    def test_next_leads_to_the_end(self):
        path, seen = "/candles/BTCUSDT?interval=1d&limit=150", []
        while path:
            answer = self.get(path)
            seen += [item["at"] for item in answer.json["items"]]
            path = answer.json["next"]
            self.assertEqual(answer.headers.get("link"), path and '<%s>; rel="next"' % path)
            self.assertLess(len(seen), 2000)
        self.assertEqual(seen, sorted(set(seen), reverse=True))
        self.assertGreater(len(seen), 300)

    def test_every_list_of_every_category(self):
        option = self.get("/symbols?category=option&base=btc").json["items"][0]["symbol"]
        for path in ("/candles/spot:BTCUSDT?interval=1h", "/candles/inverse:BTCUSD?interval=1M", "/funding/BTCUSDT",
                     "/funding/inverse:BTCUSD?from=-30d", "/open_interest/BTCUSDT?interval=15min",
                     "/open_interest/inverse:BTCUSD?interval=1d", "/trades/inverse:BTCUSD", "/trades/spot:BTCUSDT?limit=5",
                     "/trades/option:%s" % option, "/symbols?category=inverse", "/tickers?category=inverse",
                     "/tickers?category=option&base=BTC"):
            answer = self.get(path)
            got = answer.json
            self.assertIn(got["source"], ("rest", "cache"), path)
            self.assertEqual(answer.headers["bridge-source"], got["source"], path)
            self.assertEqual(answer.headers["bridge-as-of"], got["as_of"], path)
            name, mark, query = path.partition("?")
            table = list(csv.reader(io.StringIO(self.get(name + ".csv" + mark + query).body)))
            if "trades" not in path:
                self.assertGreater(len(got["items"]), 0, path)
            for item in got["items"]:
                self.assertEqual(list(item), table[0], path)
            times = [item["at"] for item in got["items"] if "at" in item]
            self.assertEqual(times, sorted(times, reverse=True), path)

    def test_what_a_category_does_not_have_is_said(self):
        option = self.get("/symbols?category=option").json["items"][0]["symbol"]
        for path in ("/funding/spot:BTCUSDT", "/open_interest/spot:BTCUSDT", "/funding/option:" + option,
                     "/candles/option:" + option):
            self.assertEqual(self.get(path, 422).json["code"], "no_such_data")
        self.assertEqual(self.get("/price/spot:BTCUSDT?of=index", 422).json["code"], "no_such_price")

    def test_prices_of_every_category(self):
        option = self.get("/symbols?category=option").json["items"][0]["symbol"]
        for symbol in ("spot:BTCUSDT", "BTCUSDT", "inverse:BTCUSD", "option:" + option):
            for of in ("last", "bid", "ask", "mid") + (() if symbol.startswith("spot") else ("mark", "index")):
                self.assertGreater(float(self.get("/price/%s?of=%s" % (symbol, of)).body), 0, symbol)
        until(lambda: self.get("/ticker/option:" + option).json["source"] == "stream")
        self.assertIsNotNone(self.get("/ticker/option:" + option).json["delta"])
        until(lambda: self.get("/book/option:%s?depth=100" % option).json["depth"] == 100)
        self.assertEqual(self.get("/book/option:%s?depth=101" % option, 400).json["code"], "invalid_value")


class Upstream(Market):
    def test_ten_scripts_at_once_are_one_read(self):
        for path, upstream in (("/candles/BTCUSDT?limit=50", KLINE), ("/trades/BTCUSDT", "/v5/market/recent-trade"),
                               ("/funding/BTCUSDT?limit=50", "/v5/market/funding/history"),
                               ("/open_interest/BTCUSDT?limit=50", "/v5/market/open-interest"),
                               ("/tickers", "/v5/market/tickers")):
            before = self.seen(upstream)
            self.sim_do("/sim/fault", {"path": upstream, "mode": "delay", "ms": 700, "count": 1})
            answers = []
            threads = [threading.Thread(target=lambda: answers.append(self.get(path).body)) for _ in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(15)
            self.assertEqual(len(answers), 10)
            self.assertEqual(len(set(answers)), 1, path)
            self.assertEqual(self.seen(upstream) - before, 1, path)

    def test_a_refusal_of_the_exchange_is_passed_on(self):
        self.sim_do("/sim/fault", {"path": KLINE, "mode": "answer", "count": 1, "body": {
            "retCode": 10001, "retMsg": "not today", "result": {}, "retExtInfo": {}, "time": 1}})
        problem = self.get("/candles/BTCUSDT", 502).json
        self.assertEqual(problem["code"], "upstream_failed")
        self.assertEqual(problem["upstream"], {"ret_code": 10001, "ret_msg": "not today"})
        self.get("/candles/BTCUSDT")

    def test_an_exchange_that_hangs_is_answered_for(self):
        self.sim_do("/sim/fault", {"path": KLINE, "mode": "hang", "count": 20})
        began = time.monotonic()
        self.assertEqual(self.get("/candles/BTCUSDT", 502).json["code"], "upstream_failed")
        self.assertLess(time.monotonic() - began, 15)

    def test_a_stop_while_pages_come_is_clean(self):
        self.sim_do("/sim/fault", {"path": KLINE, "mode": "delay", "ms": 200, "count": 100})
        answers = []

        def export():
            try:
                answers.append(request(self.bridge.port, "GET", "/candles/BTCUSDT.csv?limit=20000").status)
            except OSError:
                answers.append(0)

        threads = [threading.Thread(target=export) for _ in range(4)]
        for thread in threads:
            thread.start()
        before = self.seen(KLINE)
        until(lambda: self.seen(KLINE) >= before + 2)
        self.bridge.stop()
        for thread in threads:
            thread.join(10)
        self.assertEqual(len(answers), 4)
        self.assertFalse(200 in answers, answers)

    def test_clients_that_go_away_do_no_harm(self):
        self.sim_do("/sim/fault", {"path": KLINE, "mode": "delay", "ms": 50, "count": 1000})
        gone = 0
        for number in range(20):
            try:
                answer = request(self.bridge.port, "GET", "/candles/BTCUSDT.csv?limit=%d" % (5000 + number), timeout=0.02)
                self.assertEqual((answer.status, answer.json["code"]), (503, "busy"))  # long lists have a bound
            except OSError:
                gone += 1
        self.assertGreater(gone, 10)
        self.sim_do("/sim/fault", {"path": KLINE, "mode": "none"})
        self.assertEqual(len(self.get("/candles/BTCUSDT?limit=3").json["items"]), 3)


class Frozen(Market):
    MAX_AGE = 0.4
    SLACK = 0.25

    def read(self, path):
        began = time.monotonic()
        return began, request(self.bridge.port, "GET", path)

    def test_a_frozen_feed_is_refused_in_time_and_never_read_by_rest(self):
        paths = ["/%s/%s" % (kind, symbol) for kind in ("ticker", "book", "price")
                 for symbol in ("BTCUSDT", "spot:BTCUSDT", "inverse:BTCUSD")]
        for path in paths:
            until(lambda: self.get(path).headers["bridge-source"] == "stream")
        self.sim_do("/sim/stream", {"mode": "mute", "kind": "public", "sticky": True})
        frozen = time.monotonic()
        asked, late, refused = None, [], 0
        while time.monotonic() < frozen + 2.5:
            for path in paths:
                began, answer = self.read(path + "?max_age=%dms" % (self.MAX_AGE * 1000))
                self.assertEqual(answer.headers["bridge-source"], "stream", path)
                if answer.status == 503:
                    self.assertEqual(answer.json["code"], "too_old")
                    refused += 1
                elif began > frozen + self.MAX_AGE + self.SLACK:
                    late.append((path, began - frozen, answer))
            # Before, a check of a book that still looks alive may be under way.
            if asked is None and time.monotonic() > frozen + self.MAX_AGE + self.SLACK:
                asked = self.seen("/v5/market/tickers") + self.seen("/v5/market/orderbook")
        self.assertEqual(late, [])
        self.assertGreater(refused, len(paths))
        self.assertEqual(self.seen("/v5/market/tickers") + self.seen("/v5/market/orderbook"), asked)
        self.get("/ticker/BTCUSDT")  # whom no age is too old still gets it, with its age
        self.sim_do("/sim/stream", {"mode": "unmute", "kind": "public"})
        for path in paths:
            until(lambda: self.read(path + "?max_age=1s")[1].status == 200)


if __name__ == "__main__":
    unittest.main()
