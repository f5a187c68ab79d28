"""The options of the gate: what they take, what they refuse, what --print-config shows of them."""
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import BRIDGE

TOKEN = "option-token-canary-2b9d"


class Options(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bridge-options-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_with(self, *options, env=None):
        done = subprocess.run([BRIDGE, *options, "--print-config"], capture_output=True, text=True, timeout=20,
                              env={"HOME": self.folder, "PATH": os.environ["PATH"], **(env or {})})
        self.assertNotIn(TOKEN, done.stdout + done.stderr)
        return done

    def shown(self, name, *options, env=None):
        done = self.run_with(*options, env=env)
        self.assertEqual(done.returncode, 0, done)
        return dict(line.split(" = ", 1) for line in done.stdout.splitlines() if " = " in line)[name]

    def refused(self, words, *options, env=None):
        done = self.run_with(*options, env=env)
        self.assertEqual(done.returncode, 78, done)
        for word in (words,) if isinstance(words, str) else words:
            self.assertIn(word, done.stderr)

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="latin1") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def test_allow_uid(self):
        self.assertEqual(self.shown("allow-uid"), "")
        self.assertEqual(self.shown("allow-uid", "--allow-uid", "1000", "--allow-uid", "0"), "1000 0")
        self.assertEqual(self.shown("allow-uid", "--allow-uid", "1000", "--allow-uid", "any"), "any")
        self.assertEqual(self.shown("allow-uid", env={"BYBIT_BRIDGE_ALLOW_UID": "any"}), "any")
        for bad in ("", "-1", "root", "4294967295", "4294967296", "99999999999999999999", "1000 ", "0x10", "ANY", "1,2"):
            self.refused("allow-uid", "--allow-uid", bad)
        self.refused("at most 16", *["--allow-uid=%d" % n for n in range(17)])

    def test_allow_path(self):
        for path in ("/v5/asset/withdraw/create", "/v5/p2p/oss/upload_file"):
            self.assertEqual(self.shown("allow-path", "--allow-path", path), path)
        self.refused(("documents no such path", "nearest: /v5/asset/withdraw/create"), "--allow-path", "/v5/asset/withdraw/creat")
        for bad in ("/v5/nothing/at/all", "/v5/", "/v5/asset", "/v5/asset/withdraw/create/", "/v5/asset/*", "asset/withdraw/create",
                    "https://api.bybit.com/v5/order/create", "/v5/asset/withdraw/create?x=1", ""):
            self.refused("allow-path", "--allow-path", bad)

    def test_option_coins(self):
        name, option = "option-coins", "--option-coins"
        self.assertEqual(self.shown(name), "BTC,ETH,SOL")
        self.assertEqual(self.shown(name, option, "eth,BTC,Eth,1INCH"), "ETH,BTC,1INCH")
        self.assertEqual(self.shown(name, env={"BYBIT_BRIDGE_OPTION_COINS": "XRP"}), "XRP")
        # The later source wins, with its whole list.
        self.assertEqual(self.shown(name, option, "XRP", env={"BYBIT_BRIDGE_OPTION_COINS": "BTC,ETH"}), "XRP")
        self.assertEqual(self.shown(name, "--config", self.file("options", "option-coins = BTC,eth\n")), "BTC,ETH")
        self.assertEqual(self.shown(name, option, ",".join("C%d" % n for n in range(12))).count(","), 11)
        self.refused("at most 12", option, ",".join("C%d" % n for n in range(13)))
        for bad in ("", ",", "BTC,", ",BTC", "BTC,,ETH", "BTC;ETH", "BTC-ETH", "B" * 16, "BTC\u00c9"):
            self.refused(("option-coins", "letters and digits"), option, bad)

    def test_unix_socket(self):
        self.assertEqual(self.shown("unix-socket", "--unix-socket", "/run/x/s"), "/run/x/s")
        for bad in ("", "relative/s", "/" + "a" * 101):
            self.refused("unix-socket", "--unix-socket", bad)

    def test_switches(self):
        for name in ("read-only", "dashboard-trading", "allow-withdraw-key"):
            variable = "BYBIT_BRIDGE_" + name.upper().replace("-", "_")
            self.assertEqual(self.shown(name), "false")
            self.assertEqual(self.shown(name, "--" + name), "true")
            for word, meant in (("1", "true"), ("yes", "true"), ("off", "false"), ("false", "false")):
                self.assertEqual(self.shown(name, env={variable: word}), meant)
            self.refused("true or false", env={variable: "maybe"})

    def test_origins(self):
        for option in ("trade-origin", "allow-origin"):
            self.assertEqual(self.shown(option, "--" + option, "https://desk.example:8443"), "https://desk.example:8443")
            for bad in ("desk.example", "https://", "https://desk.example/", "https://u@desk.example", "null", "*", "https://*", ""):
                self.refused(option, "--" + option, bad)

    def test_g22_token_files_that_others_can_read_or_change_are_refused(self):
        good = self.file("good", TOKEN + "\n")
        self.assertEqual(self.shown("token-file", "--token-file", good), good)
        for mode in (0o644, 0o640, 0o620, 0o602, 0o666):
            self.refused("chmod 600", "--token-file", self.file("open", TOKEN, mode))
        link = os.path.join(self.folder, "link")
        os.symlink(good, link)
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe, 0o600)
        for bad in (link, pipe, self.folder, os.path.join(self.folder, "nothing"), "/dev/null"):
            for option in ("--token-file", "--read-token-file", "--admin-token-file"):
                self.refused(bad, option, bad)
        if os.geteuid() == 0:
            other = self.file("other", TOKEN)
            os.chown(other, 65534, 65534)
            self.refused(other, "--token-file", other)

    def test_g13_what_is_no_token_is_refused(self):
        for text in ("", "\n", "short", "x" * 257, "two words of a token", "a-token-with-\ttab-in-it", TOKEN + "\nsecond line",
                     "token-with-\xe9-accent-0123"):
            self.refused("a token is one line" if text.strip() else "is empty", "--token-file", self.file("token", text))
        one, two = self.file("one", TOKEN), self.file("two", TOKEN + "\n")
        for options in (("--token-file", one, "--read-token-file", two), ("--token-file", one, "--admin-token-file", two),
                        ("--read-token-file", one, "--admin-token-file", one)):
            self.refused("the same token", *options)

    def test_g01_addresses_that_others_can_reach_need_a_token(self):
        token = self.file("token", TOKEN)
        for address in ("0.0.0.0:1", "[::]:1", "192.0.2.1:1"):
            self.refused("needs a token", "--listen", address)
            self.assertEqual(self.shown("listen", "--listen", address, "--read-token-file", token), address)

    def test_the_guards_ceiling(self):
        for name in ("max-order-notional", "max-open-notional", "max-orders-per-minute", "max-leverage", "symbols", "categories"):
            self.assertEqual(self.shown("guard-" + name), "(none)")
        self.assertEqual(self.shown("guard-reduce-only"), "false")
        self.assertEqual(self.shown("guard-client"), "")
        self.assertEqual(self.shown("guard-max-order-notional", "--guard-max-order-notional", "10000.50"), "10000.50")
        self.assertEqual(self.shown("guard-max-open-notional", env={"BYBIT_BRIDGE_GUARD_MAX_OPEN_NOTIONAL": "1"}), "1")
        self.assertEqual(self.shown("guard-max-orders-per-minute", "--guard-max-orders-per-minute=0"), "0")
        self.assertEqual(self.shown("guard-max-leverage", "--guard-max-leverage", "12.5"), "12.5")
        self.assertEqual(self.shown("guard-categories", "--guard-categories", "linear,spot"), "spot,linear")
        self.assertEqual(self.shown("guard-reduce-only", "--guard-reduce-only"), "true")
        self.assertEqual(self.shown("guard-reduce-only", "--guard-reduce-only", env={"BYBIT_BRIDGE_GUARD_REDUCE_ONLY": "no"}), "true")
        self.assertEqual(self.shown("guard-reduce-only", env={"BYBIT_BRIDGE_GUARD_REDUCE_ONLY": "yes"}), "true")
        for bad in ("", "10k", "-1", "0", "1e3", "NaN", " 5", "1,000"):
            for name in ("guard-max-order-notional", "guard-max-open-notional", "guard-max-leverage"):
                self.refused(("--%s %s: " % (name, bad), "above 0, as in" if bad else "leave the option out"), "--" + name, bad)
        self.refused("a whole number from 0 to 1000000", "--guard-max-orders-per-minute", "1000001")
        self.refused("none of spot, linear", "--guard-categories", "futures")
        self.refused("true or false", env={"BYBIT_BRIDGE_GUARD_REDUCE_ONLY": "maybe"})

    def test_the_guards_symbols(self):
        name, option = "guard-symbols", "--guard-symbols"
        self.assertEqual(self.shown(name, option, "ethusdt,BTCUSDT,spot:BTCUSDT,linear:btcusdt"),
                         "spot:BTCUSDT,linear:BTCUSDT,linear:ETHUSDT")
        # The default category counts wherever it stands.
        self.assertEqual(self.shown(name, option, "BTCUSDT,spot:BTCUSDT", "--default-category", "spot"), "spot:BTCUSDT")
        self.assertEqual(self.shown("guard-client", "--guard-client", "a:symbols=BTCUSD", "--default-category", "inverse"),
                         "a:symbols=inverse:BTCUSD")
        # The later source wins, with its whole list.
        self.assertEqual(self.shown(name, option, "A", env={"BYBIT_BRIDGE_GUARD_SYMBOLS": "B,C"}), "linear:A")
        self.refused("more than 64 symbols", option, ",".join("S%d" % n for n in range(65)))
        for bad in ("", "A,", ",A", "swap:A", "A B"):
            self.refused("guard-symbols", option, bad)

    def test_the_guards_clients(self):
        option = "--guard-client"
        self.assertEqual(self.shown("guard-client", option, "b:max_leverage=5", option, "a:symbols=BTCUSDT,spot:ETHUSDT", option,
                                    "b:max_orders_per_minute=60", option, "b:max_leverage=3", option, "c:reduce_only_mode=false"),
                         "a:symbols=spot:ETHUSDT,linear:BTCUSDT b:max_orders_per_minute=60 b:max_leverage=3")
        path = self.file("options", "guard-client = a:max_order_notional=1\nguard-client = b:reduce_only_mode=true\n")
        self.assertEqual(self.shown("guard-client", "--config", path), "a:max_order_notional=1 b:reduce_only_mode=true")
        for bad in ("", "a", "a:", "a=1", "a:max_leverage", ":max_leverage"):
            self.refused("use NAME:LIMIT=VALUE, for example", option, bad)
        for bad in (":max_leverage=5", "a b:max_leverage=5", "x" * 65 + ":max_leverage=5"):
            self.refused("use a name as in X-Client", option, bad)
        self.refused('there is no limit "max_laverage"; nearest: max_leverage', option, "a:max_laverage=5")
        self.refused("leave the option out", option, "a:max_leverage=")
        self.refused('"5x" is not a number above 0', option, "a:max_leverage=5x")
        self.refused("at most 16 names", *["%s=a%d:max_leverage=5" % (option, n) for n in range(17)])
        many = self.shown("guard-client", *["%s=%s:symbols=%s" % (option, chr(97 + n) * 64, ",".join("S%d" % m for m in range(64)))
                                            for n in range(16)])
        self.assertTrue(many.endswith("linear:S9"), many[-80:])


if __name__ == "__main__":
    unittest.main()
