"""The page in a real browser: live, honest about what is old, whole again after a crash of the bridge."""
import os
import subprocess
import threading
import unittest

from harness import Case

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "web")
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
TIME_MAX_S = 120


class Modules(unittest.TestCase):
    def test_the_modules_without_a_browser(self):
        files = sorted(name for name in os.listdir(FOLDER) if name.endswith(".test.js"))
        done = subprocess.run(["node", "--test", *files], cwd=FOLDER, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])
        self.assertRegex(done.stdout, r"pass [1-9]\d")


class Page(Case):
    def serve(self, child):
        """Does what the browser's test asks for; returns what else it has written."""
        said = []
        for line in child.stdout:
            if line == "@kill\n":
                self.bridge.kill()
            elif line == "@start\n":
                # As a person would: the page has to wait until it is ready.
                self.bridge = self.start("--listen", "127.0.0.1:%d" % self.bridge.port, wait=False)
            else:
                said.append(line)
                continue
            child.stdin.write("done\n")
            child.stdin.flush()
        return "".join(said)

    def test_the_page_in_a_browser(self):
        self.assertTrue(os.path.isdir(os.path.join(FOLDER, "node_modules")), "run ./dev setup")
        self.assertTrue(os.path.exists(CHROMIUM), "no chromium at %s: run ./dev setup" % CHROMIUM)
        self.bridge = self.start()
        env = {**os.environ, "BRIDGE_URL": "http://127.0.0.1:%d" % self.bridge.port,
               "SIM_URL": "http://127.0.0.1:%d" % self.sim.port, "CHROMIUM": CHROMIUM}
        # Not by --test: that would keep the output of the child, and its questions with it.
        with subprocess.Popen(["node", "browser/page.js"], cwd=FOLDER, env=env, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
            guard = threading.Timer(TIME_MAX_S, child.kill)
            guard.start()
            try:
                said = self.serve(child)
                child.wait()
            finally:
                guard.cancel()
        self.assertEqual(child.returncode, 0, said[-8000:])
        self.assertRegex(said, r"pass [1-9]\d")


if __name__ == "__main__":
    unittest.main()
