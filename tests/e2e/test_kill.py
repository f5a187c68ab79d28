"""The kill switch in each bad moment: nothing new goes out, all is cancelled, and what is told of it is true."""
import http.client
import itertools
import os
import re
import signal
import threading
import time
import unittest

from fault_proxy import FaultProxy
from guard_kit import (CANCEL_ALL, CREATE, RESTING, BanProxy, GuardCase, Line, SlowDisk, in_threads, once, request, run_bridge,
                       slow_disk_library, until)
from harness import Feed

TIMEOUT_S = 30


class Kill(GuardCase):
    def kill(self, bridge, timeout=TIMEOUT_S, status=200, **body):
        answer = request(bridge.port, "POST", "/guard/kill?timeout=%ds" % timeout, body or None, timeout=timeout + 20)
        self.assertEqual(answer.status, status, answer)
        self.assertIs(answer.json["killed"], True)
        return dict(answer.json, **answer.json["kill"])

    def arm(self, bridge):
        answer = request(bridge.port, "POST", "/guard/arm", {"reason": "tested"})
        self.assertEqual(answer.status, 200, answer)
        self.assertIs(answer.json["killed"], False)

    # --- what is told, and what is so ---

    def check_true(self, told, open_there):
        """What the kill's answer says against what was open at the exchange at that moment."""
        there = self.there()
        text = "%s\nopen there: %s" % ({k: v for k, v in told.items() if k != "cancelled"}, list(open_there)[:10])
        for order in told["cancelled"]:
            self.assertEqual(there[order["id"]]["orderStatus"], "Cancelled", (order, text))
        ids = [order["id"] for order in told["cancelled"]]
        self.assertEqual(len(ids), len(set(ids)), text)
        self.assertLessEqual(len(ids), 500)
        self.assertEqual(len(ids), min(told["cancelled_count"], 500), text)
        if told["clear"]:
            self.assertEqual(list(open_there), [], text)
            self.assertEqual((told["open_count"], told["unknown_count"]), (0, 0), text)
            self.assertEqual({s["state"] for s in told["scopes"]}, {"clear"}, text)
        else:
            self.assertTrue([s for s in told["scopes"] if s["state"] != "clear"] or told["unknown_count"], text)

    def check_refuses(self, bridge, say="off"):
        """Every write is refused with guard_killed, and the exchange sees nothing of it; a cancel passes."""
        before = len(self.seen(CREATE))
        for number, category in enumerate(RESTING):
            client_id = "refused-%s-%d" % (say, number)
            answer = request(bridge.port, "POST", "/orders", dict(RESTING[category], client_id=client_id))
            self.assertEqual((answer.status, answer.json["code"], answer.json["outcome"]), (422, "guard_killed", "not_sent"), answer)
            self.assertNotIn(client_id, self.rows())
        answer = request(bridge.port, "POST", "/orders", {"symbol": "BTCUSDT", "side": "sell", "type": "market", "qty": "0.001",
                                                         "reduce_only": True})
        self.assertEqual((answer.status, answer.json["code"]), (422, "guard_killed"), answer)
        self.assertEqual(len(self.seen(CREATE)), before)
        self.assertIs(self.guard(bridge)["killed"], True)

    def check_restarts_killed(self, bridge, *options, **settings):
        """kill -9 now, start again: still killed; after arm it trades."""
        bridge.kill()
        bridge.child.stdout.close()
        bridge = self.start(*options, **settings)
        self.check_refuses(bridge, "again")
        until(lambda: self.guard(bridge)["clear"])
        self.assertEqual(self.open_there(), {})
        self.arm(bridge)
        self.check_trades(bridge)
        return bridge

    def check_trades(self, bridge, category="linear"):
        answer = until(lambda: (lambda a: a.status in (200, 201) and a)(
            request(bridge.port, "POST", "/orders", dict(RESTING[category], client_id="after-arm"))))
        self.assertEqual(request(bridge.port, "DELETE", "/orders/after-arm?wait=final").status, 200, answer)

    def fill_up(self, bridge, count=200, external=40):
        """So many open orders, of three categories, some made by another program."""
        categories = itertools.cycle(("linear", "spot", "inverse", "linear"))
        numbers = iter(range(count - external))
        lock = threading.Lock()

        def work():
            line = Line(bridge.port)
            while True:
                with lock:
                    number, category = next(numbers, None), next(categories)
                if number is None:
                    line.close()
                    return
                fields = dict(RESTING[category], client_id="o-%d" % number)
                if number % 7 == 0:
                    fields = dict(RESTING["linear"], symbol="ETHUSDT", qty="0.01", price="1000", client_id="o-%d" % number)
                answer = line.ask("POST", "/orders", fields)
                self.assertEqual(answer.status, 201, answer)

        in_threads(*[work] * 4)
        for number in range(external):
            self.exchange.rest(("linear", "spot", "inverse")[number % 3], link="ext-%d" % number if number % 2 else None)
        self.assertEqual(len(self.open_there()), count)

    def creators(self, bridge, count=4):
        """Threads that place orders until told to stop: (stop, what they were told)."""
        stop, told, numbers = threading.Event(), [], itertools.count()

        def work():
            line = Line(bridge.port)
            while not stop.is_set():
                number = next(numbers)
                client_id = "f-%d" % number
                try:
                    answer = line.ask("POST", "/orders", dict(RESTING[("linear", "spot")[number % 2]], client_id=client_id))
                except (OSError, http.client.HTTPException):
                    return
                told.append((client_id, answer))
                if answer.status != 201:
                    time.sleep(0.01)
            line.close()

        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()

        def end():
            stop.set()
            for thread in threads:
                thread.join()
            return told

        self.addCleanup(end)
        return told, end


class Moments(Kill):
    def test_idle(self):
        bridge = self.start()
        feed = Feed(bridge.port, "orders,guard")
        self.addCleanup(feed.close)
        told = self.kill(bridge, reason="just so")
        self.check_true(told, self.open_there())
        self.assertTrue(told["clear"])
        self.assertTrue(told["durable"])
        self.assertEqual((told["cancelled"], told["cancelled_count"], told["reason"]), ([], 0, "just so"))
        feed.wait(lambda e: e["event"] == "guard" and e["data"]["change"] == "killed" and e["data"]["killed"])
        feed.wait(lambda e: e["event"] == "guard" and e["data"]["change"] == "clear")
        self.check_refuses(bridge)
        again = self.kill(bridge, reason="other")  # joins: it is killed already
        self.assertEqual((again["killed"], again["clear"], again["since"]), (True, True, told["since"]))
        self.check_restarts_killed(bridge)

    def test_200_open_orders(self):
        self.sim_do("/sim/limits", {"cancel_all_most": 20, "cancel_all_delay_ms": 100})
        bridge = self.start()
        self.fill_up(bridge)
        start = time.monotonic()
        told = self.kill(bridge)
        open_there = self.open_there()
        print("kill of 200 open orders: %.2f s, rounds %s" % (time.monotonic() - start, [s["rounds"] for s in told["scopes"]]))
        self.check_true(told, open_there)
        self.assertTrue(told["clear"] and told["durable"], told)
        self.assertEqual(told["cancelled_count"], 200)
        self.assertEqual({o["id"] for o in told["cancelled"]}, set(self.there()))
        self.assertGreater(max(s["rounds"] for s in told["scopes"]), 1)
        self.check_refuses(bridge)
        self.check_alike(bridge)
        self.check_restarts_killed(bridge)

    def test_flood(self):
        bridge = self.start()
        told_clients, end = self.creators(bridge)
        until(lambda: len(told_clients) > 60)
        told = self.kill(bridge)
        open_there = self.open_there()
        self.check_true(told, open_there)
        self.assertTrue(told["clear"], told)
        sent = len(self.seen(CREATE))
        time.sleep(1)
        end()
        self.assertEqual(len(self.seen(CREATE)), sent, "something was sent after the answer")
        self.assertEqual(self.open_there(), {})
        links = {o["orderLinkId"]: o["orderStatus"] for o in self.there().values()}
        for client_id, answer in told_clients:
            if answer.status == 201:
                self.assertEqual(links[client_id], "Cancelled", answer)
            else:
                self.assertEqual(answer.json["outcome"], "not_sent", answer)
                self.assertIn(answer.json["code"], ("guard_killed", "not_sent"), answer)
                self.assertNotIn(client_id, links)
        self.check_alike(bridge)
        self.check_restarts_killed(bridge)

    @unittest.skipUnless(slow_disk_library(), "the library that slows the disk down is not built")
    def test_disk_that_hangs_for_3_s_on_each_sync(self):
        disk = SlowDisk(self.folder)
        bridge = self.start(env=disk.env)
        self.fill_up(bridge, 40, 10)
        disk.slow(3000)
        stuck = threading.Thread(target=lambda: once(bridge.port, "POST", "/orders", dict(RESTING["linear"], client_id="stuck")))
        stuck.start()
        time.sleep(0.3)  # its commit hangs now
        start = time.monotonic()
        told, answered = [], threading.Event()

        def kill():
            told.append(self.kill(bridge))
            told.append(self.open_there())
            answered.set()

        killer = threading.Thread(target=kill)
        killer.start()
        until(lambda: not self.open_there(), 2.5)
        print("with a hanging disk: nothing open after %.2f s" % (time.monotonic() - start))
        self.check_refuses_at_once(bridge)
        killer.join()
        self.check_true(*told)
        self.assertLess(time.monotonic() - start, 9)
        print("answered after %.2f s, durable: %s" % (time.monotonic() - start, told[0]["durable"]))
        stuck.join()
        self.assertNotIn("stuck", self.seen_links(), "an order was sent after the kill")
        until(lambda: self.guard(bridge)["durable"], 20)
        self.check_restarts_killed(bridge)

    @unittest.skipUnless(slow_disk_library(), "the library that slows the disk down is not built")
    def test_an_arm_that_the_disk_did_not_take_in_time(self):
        """Told as not armed, it is not armed: neither now nor after a crash, whatever of it the file may hold by then."""
        disk = SlowDisk(self.folder)
        bridge = self.start(env=disk.env)
        self.assertTrue(self.kill(bridge)["durable"])
        disk.slow(30000)
        answer = request(bridge.port, "POST", "/guard/arm", timeout=20)
        self.assertEqual((answer.status, answer.json["code"]), (503, "not_durable"), answer)
        self.assertIn("not armed", answer.json["detail"])
        told = self.kill(bridge)
        bridge.kill()
        bridge.child.stdout.close()
        bridge = self.start()
        self.check_refuses(bridge)
        self.assertTrue(told["durable"], told)  # as it had been since the first
        self.arm(bridge)
        self.check_trades(bridge)

    def check_refuses_at_once(self, bridge):
        start = time.monotonic()
        answer = request(bridge.port, "POST", "/orders", RESTING["linear"])
        self.assertEqual((answer.status, answer.json["code"]), (422, "guard_killed"), answer)
        self.assertLess(time.monotonic() - start, 1)

    def test_private_stream_down(self):
        down = threading.Event()
        proxy = FaultProxy(self.sim.port, lambda method, path: ("rst_before", 0) if method == "UPGRADE" and "private" in path
                           and down.is_set() else None)
        self.addCleanup(proxy.close)
        bridge = self.start(rest_port=proxy.port)
        self.fill_up(bridge, 40, 10)
        down.set()
        proxy.drop_all()
        until(lambda: request(bridge.port, "GET", "/readyz").status == 503)
        self.exchange.rest("linear", "22000")  # the bridge can not know of it
        told = self.kill(bridge)
        self.check_true(told, self.open_there())
        self.assertTrue(told["clear"], told)
        self.assertEqual(told["cancelled_count"], 41)  # the last one from the answer to the cancel-all
        self.check_refuses(bridge)
        bridge.kill()
        bridge.child.stdout.close()
        self.exchange.rest("linear", "22000")
        bridge = self.start(rest_port=proxy.port, wait=False)
        until(lambda: not self.open_there() and self.guard(bridge)["clear"])
        self.check_refuses(bridge)
        down.clear()
        self.arm(bridge)
        self.check_trades(bridge)

    def test_403_ban(self):
        proxy = BanProxy(self, 5000)
        bridge = self.start(rest_port=proxy.port, ws_port=self.sim.port)
        self.fill_up(bridge, 40, 10)
        proxy.ban()
        start = time.monotonic()
        told = self.kill(bridge, timeout=2)
        open_there = self.open_there()
        self.check_true(told, open_there)
        self.assertEqual((told["clear"], len(open_there), told["cancelled_count"]), (False, 40, 0), told)
        waiting = [s for s in told["scopes"] if s["state"] == "waiting"]
        self.assertTrue(waiting, told)
        self.assertRegex(waiting[0]["error"], r"(?i)ban|until", told)
        self.check_refuses_at_once(bridge)
        until(lambda: self.guard(bridge)["clear"], 20)
        print("clear %.1f s after a ban of 5 s began" % (time.monotonic() - start))
        self.assertEqual(self.open_there(), {})
        told = self.kill(bridge)
        self.check_true(told, {})
        self.assertEqual(told["cancelled_count"], 40)
        self.check_restarts_killed(bridge)

    def test_unanswered_creates_in_flight(self):
        bridge = self.start()
        self.fill_up(bridge, 10, 2)
        self.sim_do("/sim/fault", {"path": CREATE, "mode": "hang", "count": 3})
        answers, lock = [], threading.Lock()

        def one(number):
            answer = request(bridge.port, "POST", "/orders", dict(RESTING["linear"], client_id="hang-%d" % number))
            with lock:
                answers.append(answer)

        self.sim_do("/sim/stream", {"mode": "mute", "kind": "private", "sticky": True})
        threads = [threading.Thread(target=one, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        until(lambda: len(self.open_there()) == 13)
        told = self.kill(bridge)
        self.check_true(told, self.open_there())
        until(lambda: not self.open_there())
        for thread in threads:
            thread.join()
        self.sim_do("/sim/stream", {"mode": "unmute", "kind": "private", "sticky": True})
        until(lambda: self.guard(bridge)["clear"] and not self.guard(bridge)["unknown_count"], 60)
        self.check_alike(bridge, 60)
        self.assertEqual({answer.status for answer in answers} - {201, 202}, set(), answers)
        self.check_restarts_killed(bridge)

    def test_creates_that_never_come_up_are_told_as_unknown(self):
        bridge = self.start()
        self.sim_do("/sim/fault", {"path": CREATE, "mode": "drop_before", "count": 1})
        answer = request(bridge.port, "POST", "/orders", dict(RESTING["linear"], client_id="lost"))
        self.assertEqual(answer.status, 202, answer)
        told = self.kill(bridge, timeout=2)
        self.check_true(told, self.open_there())
        if not told["clear"]:
            self.assertEqual(told["unknown_count"], 1, told)

    def test_the_exchange_refuses_to_cancel(self):
        bridge = self.start()
        self.place(bridge, client_id="stays")
        no = '{"retCode":10005,"retMsg":"Permission denied","result":{},"retExtInfo":{},"time":0}'
        for path in (CANCEL_ALL, "/v5/order/cancel"):
            self.sim_do("/sim/fault", {"path": path, "mode": "answer", "status": 200, "body": no, "count": 10000})
        told = self.kill(bridge, timeout=4)
        open_there = self.open_there()
        self.check_true(told, open_there)
        self.assertEqual((told["clear"], told["open_count"], len(open_there)), (False, 1, 1), told)
        self.assertIn("Permission denied", str(told["scopes"]), told)
        for path in (CANCEL_ALL, "/v5/order/cancel"):
            self.sim_do("/sim/fault", {"path": path, "mode": "none", "count": 0})
        until(lambda: self.guard(bridge)["clear"], 45)
        self.assertEqual(self.open_there(), {})


class Budget(Kill):
    limits = True

    def test_exhausted_budget(self):
        bridge = self.start()
        told_clients, end = self.creators(bridge, 100)
        until(lambda: [a for _, a in list(told_clients) if a.status == 429], 30)
        start = time.monotonic()
        told = self.kill(bridge)
        self.check_true(told, self.open_there())
        took = time.monotonic() - start
        self.assertTrue(told["clear"], told)
        self.assertLess(took, 3)
        print("kill with an exhausted budget: %.2f s, cancelled: %d, not sent: %d, rounds %s" % (
            took, told["cancelled_count"], told["not_sent_count"], [s["rounds"] for s in told["scopes"]]))
        self.assertGreater(told["not_sent_count"], 0)
        end()
        self.assertEqual(self.open_there(), {})
        links = self.seen_links()
        for client_id, answer in told_clients:
            if answer.status != 201:
                self.assertEqual(answer.json["outcome"], "not_sent", answer)
                self.assertNotIn(client_id, links, answer)
        self.assertEqual(self.refusals_there(), (0, 0))
        self.check_restarts_killed(bridge)

    def test_200_orders_at_documented_limits(self):
        self.sim_do("/sim/limits", {"on": False})
        bridge = self.start()
        self.sim_do("/sim/limits", {"account": {"factor": 50}})
        self.fill_up_by_others(bridge, 200)
        self.sim_do("/sim/limits", {"on": True, "account": {"factor": 1}, "cancel_all_most": 40})
        told = self.kill(bridge, timeout=60)
        self.check_true(told, self.open_there())
        self.assertTrue(told["clear"], told)
        self.assertEqual(told["cancelled_count"], 200)
        self.assertEqual(self.refusals_there(), (0, 0))

    def fill_up_by_others(self, bridge, count):
        for number in range(count):
            self.exchange.rest(("linear", "spot", "inverse")[number % 3])
        until(lambda: len(request(bridge.port, "GET", "/orders?state=open&limit=1000").json["items"]) == count)


class Ways(Kill):
    def test_by_command(self):
        bridge = self.start()
        self.fill_up(bridge, 10, 2)
        ended = run_bridge("kill", "--listen", "127.0.0.1:%d" % bridge.port, "--reason", "by hand")
        self.assertEqual(ended.returncode, 0, ended)
        self.assertIn("10", ended.stdout)
        self.assertEqual(self.open_there(), {})
        self.assertEqual(self.guard(bridge)["reason"], "by hand")
        self.check_refuses(bridge)
        self.check_restarts_killed(bridge)

    def test_by_command_that_can_not_do_all(self):
        bridge = self.start()
        self.place(bridge)
        self.sim_do("/sim/ban", {"ms": 60000})
        ended = run_bridge("kill", "--listen", "127.0.0.1:%d" % bridge.port)
        self.assertEqual(ended.returncode, 1, ended)
        self.check_refuses_at_once(bridge)

    def check_refuses_at_once(self, bridge):
        answer = request(bridge.port, "POST", "/orders", RESTING["linear"])
        self.assertEqual((answer.status, answer.json["code"]), (422, "guard_killed"), answer)

    def test_by_command_when_nobody_listens(self):
        ended = run_bridge("kill", "--listen", "127.0.0.1:1")
        self.assertEqual(ended.returncode, 2, ended)
        self.assertRegex(ended.stdout + ended.stderr, r"kill -USR1")

    def test_by_command_over_a_unix_socket(self):
        path = os.path.join(self.folder, "s")
        bridge = self.start("--unix-socket", path)
        self.fill_up(bridge, 4, 1)
        ended = run_bridge("kill", "--unix-socket", path)
        self.assertEqual(ended.returncode, 0, ended)
        self.assertEqual(self.open_there(), {})
        self.check_refuses(bridge)

    def test_by_signal(self):
        bridge = self.start()
        self.fill_up(bridge, 10, 2)
        os.kill(bridge.child.pid, signal.SIGUSR1)
        until(lambda: self.guard(bridge)["clear"])
        self.assertEqual(self.open_there(), {})
        # An order made elsewhere is listed once the journal has said that it is not one of its own.
        until(lambda: self.guard(bridge)["cancelled_count"] == 10)
        guard = self.guard(bridge)
        self.assertEqual((guard["killed"], guard["by"]), (True, "SIGUSR1"), guard)
        self.check_refuses(bridge)
        until(lambda: self.guard(bridge)["durable"])
        self.check_restarts_killed(bridge)

    def test_by_signal_before_it_is_ready(self):
        """Also while it starts, with no private stream: it is killed then."""
        bridge = self.start(ws_port=1, wait=False)
        self.exchange.rest("linear")
        os.kill(bridge.child.pid, signal.SIGUSR1)
        until(lambda: self.guard(bridge)["killed"])
        until(lambda: not self.open_there())

    def test_when_nobody_reads_its_log(self):
        """As of a program that started the bridge with a pipe for its errors, and does not look."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        bridge = self.start(stderr=writer)
        self.fill_up(bridge, 4, 1)
        os.set_blocking(writer, False)  # of the bridge's end, too: until it is full
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        os.set_blocking(writer, True)
        os.close(writer)
        for leverage in ("5", "6"):  # each is a line
            self.patch(bridge, {"max_leverage": leverage})
        told = self.kill(bridge)
        self.check_true(told, self.open_there())
        self.assertTrue(told["clear"] and told["durable"], told)
        self.check_refuses(bridge)

    def test_killed_right_after_the_answer_said_durable(self):
        for number in range(5):
            bridge = self.start()
            told = self.kill(bridge, reason="round %d" % number)
            bridge.kill()
            bridge.child.stdout.close()
            self.assertTrue(told["durable"], told)
            bridge = self.start()
            guard = self.guard(bridge)
            self.assertEqual((guard["killed"], guard["reason"]), (True, "round %d" % number), guard)
            self.arm(bridge)
            bridge.kill()  # the arm is durable too
            bridge.child.stdout.close()
            bridge = self.start()
            self.assertIs(self.guard(bridge)["killed"], False)
            self.check_trades(bridge, ("linear", "spot", "inverse")[number % 3]) if number == 0 else None
            bridge.stop()

    def test_a_repeat_is_answered_though_it_is_killed(self):
        """What was done is told, whatever is refused now: from memory, and from the journal after a restart."""
        bridge = self.start()
        self.place(bridge, client_id="once")
        self.kill(bridge)
        for _ in range(2):
            answer = request(bridge.port, "POST", "/orders", dict(RESTING["linear"], client_id="once"))
            self.assertEqual((answer.status, answer.headers.get("idempotent-replayed")), (200, "true"), answer)
            self.assertEqual(answer.json["state"], "cancelled", answer)
            answer = request(bridge.port, "POST", "/orders", dict(RESTING["linear"], client_id="once", qty="0.002"))
            self.assertEqual((answer.status, answer.json["code"]), (422, "idempotency_key_reused"), answer)
            bridge.stop()
            bridge = self.start()
        self.assertEqual(len(self.seen(CREATE)), 1)

    def test_status_and_metrics_say_it(self):
        bridge = self.start()
        self.kill(bridge)
        status = request(bridge.port, "GET", "/status").json
        self.assertIs(status["guard"]["killed"], True)
        killed = re.search(r"^\S*guard_killed\S* (\S+)$", request(bridge.port, "GET", "/metrics").body, re.M)
        self.assertEqual(killed and float(killed.group(1)), 1)
        self.arm(bridge)
        self.assertIs(request(bridge.port, "GET", "/status").json["guard"]["killed"], False)


if __name__ == "__main__":
    unittest.main()
