"""A browser's EventSource over restarts of the bridge (tests/web/browser/feed.js)."""
import os
import subprocess
import threading
import unittest

from harness import Case

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "web")
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
TIME_MAX_S = 120


class BrowserFeed(Case):
    def do(self, word):
        if word == "kill":
            self.bridge.kill()
        elif word == "stop":
            self.bridge.stop()
        else:
            self.bridge = self.start("--listen", "127.0.0.1:%d" % self.bridge.port)

    def test_an_event_source_misses_nothing(self):
        self.assertTrue(os.path.isdir(os.path.join(FOLDER, "node_modules")), "run ./dev setup")
        self.assertTrue(os.path.exists(CHROMIUM), "no chromium at %s: run ./dev setup" % CHROMIUM)
        self.bridge = self.start()
        said = []
        with subprocess.Popen(["node", "browser/feed.js"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, env={**os.environ, "CHROMIUM": CHROMIUM,
                                                             "BRIDGE_URL": "http://127.0.0.1:%d" % self.bridge.port}) as child:
            guard = threading.Timer(TIME_MAX_S, child.kill)
            guard.start()
            try:
                for line in child.stdout:
                    said.append(line)
                    if line.startswith("@"):
                        self.do(line[1:].strip())
                        child.stdin.write("done\n")
                        child.stdin.flush()
                child.wait()
            finally:
                guard.cancel()
        said = "".join(said)
        self.assertEqual(child.returncode, 0, said[-8000:])
        self.assertRegex(said, r"pass [1-9]\d*")


if __name__ == "__main__":
    unittest.main()
