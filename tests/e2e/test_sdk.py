"""An SDK that nobody here wrote places, reads and cancels orders at the simulated exchange: its protocol is the real one's."""
import os
import subprocess
import unittest

from harness import KEY, SECRET, Case

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sdk")


class Sdk(Case):
    def test_bybit_api_trades_with_the_simulated_exchange(self):
        self.assertTrue(os.path.isdir(os.path.join(FOLDER, "node_modules")), "run ./dev setup")
        env = {**os.environ, "SIM_URL": "http://127.0.0.1:%d" % self.sim.port, "SIM_KEY": KEY, "SIM_SECRET": SECRET}
        done = subprocess.run(["node", "--test", "sim.test.js"], cwd=FOLDER, env=env, capture_output=True, text=True,
                              timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])
        self.assertRegex(done.stdout, r"pass [1-9]")


if __name__ == "__main__":
    unittest.main()
