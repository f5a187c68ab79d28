"""The options that say who may call and where the account is: each value as read, shown or refused."""
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import BRIDGE


def run(*args, env=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BYBIT_")}
    environment.update(env or {})
    done = subprocess.run([BRIDGE, *args], capture_output=True, timeout=30, env=environment, text=True)
    return done.returncode, done.stdout, done.stderr


class Options(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bridge-options-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def shown(self, *args, env=None):
        code, out, err = run("--print-config", *args, env=env)
        self.assertEqual(code, 0, err)
        return dict(line.split(" = ", 1) for line in out.splitlines() if " = " in line)

    def token(self, text="0123456789abcdef0123456789abcdef", mode=0o600):
        path = os.path.join(self.folder, "token")
        with open(path, "w", encoding="ascii") as file:
            file.write(text + "\n")
        os.chmod(path, mode)
        return path

    def test_each_site_has_its_hosts(self):
        for site, rest in (("global", "api.bybit.com"), ("nl", "api.bybit.nl"), ("tr", "api.bybit.tr"),
                           ("kz", "api.bybit.kz"), ("ge", "api.bybitgeorgia.ge"), ("ae", "api.bybit.ae"),
                           ("eu", "api.bybit.eu"), ("id", "api.bybit.id"), ("jp", "api.manepa.jp"),
                           ("bytick", "api.bytick.com")):
            shown = self.shown("--env", "mainnet", "--site", site)
            self.assertEqual((shown["site"], shown["rest-url"]), (site, "https://" + rest))
            self.assertTrue(shown["ws-url"].startswith("wss://stream."))
        self.assertEqual(self.shown("--env", "testnet", "--site", "jp")["rest-url"], "https://api-testnet.manepa.jp")

    def test_switches_come_from_flags_environment_and_file(self):
        path = os.path.join(self.folder, "bridge.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write("read-only = yes\nlog-format = json\nallow-uid = 1000\n")
        self.assertEqual(self.shown()["read-only"], "false")
        self.assertEqual(self.shown("--read-only")["read-only"], "true")
        shown = self.shown("--config", path)
        self.assertEqual((shown["read-only"], shown["log-format"], shown["allow-uid"]), ("true", "json", "1000"))
        shown = self.shown("--config", path, env={"BYBIT_BRIDGE_READ_ONLY": "false", "BYBIT_BRIDGE_ALLOW_UID": "any"})
        self.assertEqual((shown["read-only"], shown["allow-uid"]), ("false", "any"))

    def test_tokens_are_never_shown(self):
        path = self.token("tell-nobody-this-token-canary")
        code, out, err = run("--print-config", "--token-file", path)
        self.assertEqual(code, 0, err)
        self.assertIn("token-file = " + path, out)
        self.assertNotIn("canary", out + err)

    def test_another_address_needs_a_token(self):
        code, _, err = run("--listen", "0.0.0.0:0")
        self.assertEqual(code, 78)
        self.assertIn("--token-file", err)
        self.assertEqual(run("--print-config", "--listen", "0.0.0.0:0", "--token-file", self.token())[0], 0)

    def test_wrong_values_are_refused_with_what_to_do(self):
        short = self.token("short")
        cases = [(("--token-file", short), 78, "openssl rand")]
        for args, code, said in cases + [
                (("--site", "us"), 78, "global"),
                (("--env", "demo", "--site", "tr"), 78, "no such site"),
                (("--unix-socket", "relative.sock"), 78, "absolute"),
                (("--unix-socket", "/" + "a" * 120), 78, "100"),
                (("--allow-uid", "root"), 78, "id -u"),
                (("--allow-uid", "-1"), 78, "id -u"),
                (("--allow-uid", "4294967295"), 78, "id -u"),
                (("--allow-path", "/orders"), 78, "/v5/"),
                (("--trade-origin", "http://localhost:3000/"), 78, "slash"),
                (("--log-format", "xml"), 78, "text or json"),
                (("--token-file", "/nonexistent"), 78, "nonexistent")]:
            got, _, err = run("--print-config", *args)
            self.assertEqual(got, code, (args, err))
            self.assertIn(said, err, args)
        code, _, err = run("--print-config", "--token-file", self.token(mode=0o644))
        self.assertEqual(code, 78)
        self.assertIn("chmod 600", err)


if __name__ == "__main__":
    unittest.main()
