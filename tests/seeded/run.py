#!/usr/bin/env python3
"""Puts each bug of this folder into a copy of the tree, and shows that the tests it names catch it.

    run.py [--check] [WORD...]      --check: only whether each still applies; WORD: those with it in their name

A patch's head has a line `breaks:` and for each test that must fail a line `caught-by:`, one of
    test_NAME                       a program of unit tests
    test_world SEEDS                the simulated world
    e2e test_FILE.Class.test        an end-to-end test
The copy and its build are in build/seeded: only what a patch changes is built again. Nothing else of the tree is touched.
"""
import filecmp
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(ROOT, "build", "seeded")
TREE, BUILD = os.path.join(WORK, "tree"), os.path.join(WORK, "build")
BUILD_S, TEST_S = 1800, 120
JOBS = str(os.cpu_count() or 2)


class Failed(Exception):
    pass


def run(command, seconds, **more):
    """(its exit status, None: it did not end in time; what it said)"""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, check=False,
                              text=True, errors="replace", **more)
    except subprocess.TimeoutExpired as late:
        said = late.stdout or b""
        return None, said.decode(errors="replace") if isinstance(said, bytes) else said
    return done.returncode, done.stdout


def must(command, seconds, what, **more):
    status, said = run(command, seconds, **more)
    if status != 0:
        raise Failed("%s: %s\n%s" % (what, "not in %d s" % seconds if status is None else "exit %s" % status, said[-4000:]))
    return said


class Seeded:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)[:-len(".patch")]
        with open(path, encoding="utf-8") as file:
            head = file.read().partition("\n--- ")[0]
        self.breaks = re.findall(r"^breaks: (.+)$", head, re.M)
        self.tests = re.findall(r"^caught-by: (.+)$", head, re.M)
        if len(self.breaks) != 1 or not self.tests:
            raise Failed("%s: its head must have one line `breaks:` and at least one `caught-by:`" % self.name)

    def apply(self, tree, *options):
        """In a folder that is no repository of its own, or its root."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        must(["git", "apply", *options, self.path], 60, "%s does not apply" % self.name, cwd=tree,
             env=dict(environment, GIT_CEILING_DIRECTORIES=os.path.dirname(tree)))


def check_test(test):
    """It is there, by its name."""
    words = test.split()
    if words[0] == "e2e" and len(words) == 2 and words[1].count(".") == 2:
        file, group, name = words[1].split(".")
        path = os.path.join(ROOT, "tests", "e2e", file + ".py")
        with open(path, encoding="utf-8") as source:
            text = source.read()
        return "class %s(" % group in text and "def %s(" % name in text
    if not words[0].startswith("test_") or len(words) > 2 or (len(words) == 2) != (words[0] == "test_world"):
        return False
    return os.path.exists(os.path.join(ROOT, "tests", words[0] + ".c"))


def check_all(bugs):
    for bug in bugs:
        bug.apply(ROOT, "--check")
        for test in bug.tests:
            if not check_test(test):
                raise Failed("%s: there is no test %s" % (bug.name, test))


# --- the copy ---

def files_of_tree():
    said = must(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], 60, "git ls-files", cwd=ROOT)
    return {name for name in said.split("\0") if name and os.path.isfile(os.path.join(ROOT, name))}


def copy_tree():
    """What is alike keeps its time, so that it is not built again."""
    wanted = files_of_tree()
    for name in wanted:
        source, target = os.path.join(ROOT, name), os.path.join(TREE, name)
        if os.path.exists(target) and filecmp.cmp(source, target, shallow=False):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
        shutil.copymode(source, target)
    for folder, _, names in os.walk(TREE):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.relpath(path, TREE) not in wanted:
                os.unlink(path)


def configure():
    if os.path.exists(os.path.join(BUILD, "build.ninja")):
        return
    must(["cmake", "-S", TREE, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DBRIDGE_BENCH=OFF",
          "-DBRIDGE_CRASH_POINTS=ON"], 300, "cmake")


def build(tests, what):
    targets = {"bybit-bridge" if test.startswith("e2e ") else test.split()[0] for test in tests}
    must(["cmake", "--build", BUILD, "-j", JOBS, "--target", *sorted(targets)], BUILD_S, "%s does not build" % what)


def failures_in(said):
    """The names of what failed, as check and unittest tell them."""
    found = re.findall(r"^.*?:\d+:[FE]:[^:]*:(\w+):\d+: (.*)$", said, re.M)
    if found:
        return "%s: %s" % found[0]
    found = re.findall(r"^(?:FAIL|ERROR): (\w+)", said, re.M) or re.findall(r"^.*Assertion `.*$", said, re.M)
    return found[0] if found else said.strip().rpartition("\n")[2]


def run_test(test):
    """(its exit status, what failed)"""
    words = test.split()
    environment = dict(os.environ, CK_DEFAULT_TIMEOUT="60", BRIDGE=os.path.join(BUILD, "bybit-bridge"))
    if words[0] == "e2e":
        command, cwd = [sys.executable, "-B", "-m", "unittest", words[1]], os.path.join(TREE, "tests", "e2e")
    else:
        command, cwd = [os.path.join(BUILD, "tests", words[0])], BUILD
        environment["WORLD_SEEDS"] = words[1] if len(words) > 1 else "0"
    status, said = run(command, TEST_S, cwd=cwd, env=environment)
    return status, failures_in(said)


def show_unpatched(tests):
    """Each of them passes: so what fails later is because of the patch."""
    began = time.monotonic()
    build(tests, "the unpatched tree")
    print("the unpatched tree is built: %.0f s" % (time.monotonic() - began), flush=True)
    for test in sorted(tests):
        began = time.monotonic()
        status, why = run_test(test)
        if status != 0:
            raise Failed("the unpatched tree fails %s: %s" % (test, "not in %d s" % TEST_S if status is None else why))
        print("  %s passes: %.1f s" % (test, time.monotonic() - began), flush=True)


def try_one(bug):
    """What is wrong with it; None: each of its tests catches it."""
    began = time.monotonic()
    bug.apply(TREE)
    try:
        build(bug.tests, bug.name)
        print("  built: %.1f s" % (time.monotonic() - began), flush=True)
        for test in bug.tests:
            began = time.monotonic()
            status, why = run_test(test)
            if status == 0 or status is None:
                return "%s does not catch it%s" % (test, "" if status == 0 else ": it hangs")
            print("  %s catches it: %.1f s: %.110s" % (test, time.monotonic() - began, why), flush=True)
    except Failed as failure:
        return str(failure)
    finally:
        bug.apply(TREE, "-R")
    return None


def try_all(bugs):
    copy_tree()
    configure()
    show_unpatched({test for bug in bugs for test in bug.tests})
    missed = []
    for number, bug in enumerate(bugs, 1):
        print("[%d/%d] %s: %s" % (number, len(bugs), bug.name, bug.breaks[0]), flush=True)
        wrong = try_one(bug)
        if wrong:
            missed.append(bug.name)
            print("  MISSED: %s" % wrong, flush=True)
    for name in missed:
        print("not caught: %s" % name)
    print("seeded: %d patches, %d caught" % (len(bugs), len(bugs) - len(missed)))
    return not missed


def main(words):
    if "--help" in words:
        print(__doc__.strip())
        return 0
    names = sorted(name for name in os.listdir(HERE) if name.endswith(".patch"))
    wanted = [word for word in words if word != "--check"]
    try:
        bugs = [Seeded(os.path.join(HERE, name)) for name in names if not wanted or any(word in name for word in wanted)]
        if not bugs:
            raise Failed("no patch has such a name")
        check_all(bugs)
        if "--check" in words:
            print("seeded: %d patches apply" % len(bugs))
            return 0
        return 0 if try_all(bugs) else 1
    except Failed as failure:
        print("seeded: %s" % failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
