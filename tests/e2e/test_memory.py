"""Where the secret is in the process's memory (G22): in locked pages that no core file has, and nowhere else."""
import json
import os
import re
import unittest

import test_gate
from harness import BRIDGE, KEY, SECRET, Case, request


def regions(pid):
    """(first, last, name, flags) of each mapping."""
    found = []
    with open("/proc/%d/smaps" % pid, encoding="ascii", errors="replace") as file:
        for line in file:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)", line)
            if head:
                found.append([int(head.group(1), 16), int(head.group(2), 16), head.group(4).strip(), head.group(3), []])
            elif line.startswith("VmFlags:"):
                found[-1][4] = line.split()[1:]
    return found


def hits(pid, text):
    """How often `text` is in each kind of memory: {"locked": n, name of another: n}."""
    counts = {}
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        for first, last, name, access, flags in regions(pid):
            if "r" not in access or name in ("[vvar]", "[vsyscall]", "[vvar_vclock]") or last - first > 1 << 32:
                continue
            try:
                memory.seek(first)
                count = memory.read(last - first).count(text)
            except (OSError, ValueError, OverflowError):
                continue
            if count:
                kind = "locked" if "lo" in flags and "dd" in flags else name or "anonymous"
                counts[kind] = counts.get(kind, 0) + count
    return counts


def is_sanitized():
    """A sanitizer's run time locks no page."""
    with open(BRIDGE, "rb") as file:
        code = file.read()
    return b"__asan_init" in code or b"__tsan_init" in code


@unittest.skipIf(is_sanitized(), "a sanitizer's run time locks no page")
@unittest.skipUnless(os.geteuid() == 0, "only root may read the memory of a process that can not be dumped")
class Memory(Case):
    def test_g22_the_secret_is_in_locked_pages_alone(self):
        bridge = self.start()
        for _ in range(5):
            self.assertEqual(request(bridge.port, "POST", "/orders", json.loads(test_gate.ORDER)).status, 201)
        self.assertEqual(request(bridge.port, "GET", "/orders").status, 200)
        found = hits(bridge.child.pid, SECRET.encode())
        self.assertGreater(found.pop("locked", 0), 0)
        self.assertEqual(found, {})
        self.assertTrue(hits(bridge.child.pid, KEY.encode()))  # the search finds what is there: the key goes out with each call


if __name__ == "__main__":
    unittest.main()
