#!/usr/bin/env python3
"""Measures the bridge beside floors and peers, in alternation within one run; prints medians and ratios.

Loopback only, bounded in count and time. Only ratios within one run mean anything.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KEY, SECRET = "BENCHKEY01", "bench-secret-0123456789"
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def start(args, env=None, pattern=r":(\d+)"):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BYBIT_")}
    environment.update(env or {})
    child = subprocess.Popen(args, stdout=subprocess.PIPE, env=environment, text=True)
    found = re.search(pattern, child.stdout.readline())
    if not found:
        raise SystemExit("%s did not start" % args[0])
    return child, int(found.group(1))


def stop(child):
    child.terminate()
    child.wait(timeout=10)


def cpu_s(child):
    with open("/proc/%d/stat" % child.pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def wait_ready(port):
    subprocess.run(["curl", "-sf", "--retry", "100", "--retry-delay", "0", "--retry-all-errors", "--retry-max-time", "20",
                    "-o", "/dev/null", "http://127.0.0.1:%d/readyz" % port], check=True)


def median_rows(rounds):
    names = rounds[0].keys()
    return {name: {field: statistics.median(r[name][field] for r in rounds) for field in rounds[0][name]} for name in names}


def nginx(folder):
    config = os.path.join(folder, "nginx.conf")
    port = 28787
    with open(config, "w") as file:
        file.write("""daemon off; master_process off; pid %s/pid; error_log /dev/null crit;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 100000000; client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s;
uwsgi_temp_path %s; scgi_temp_path %s;
server { listen 127.0.0.1:%d; location / { default_type text/plain; return 200 "93000.10\\n"; } } }
""" % ((folder,) * 6 + (port,)))
    return subprocess.Popen(["nginx", "-p", folder, "-c", config], stderr=subprocess.DEVNULL), port


def wrk(port, path, seconds):
    out = subprocess.run(["wrk", "-t1", "-c16", "-d%ds" % seconds, "http://127.0.0.1:%d%s" % (port, path)],
                         capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        raise SystemExit("wrk: %s" % out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def bench_price(build, rounds, seconds):
    print("price from memory, 16 connections, %d rounds of %d s" % (rounds, seconds))
    folder = tempfile.mkdtemp(prefix="bench-")
    servers = {}
    servers["bridge"] = start([build + "/bybit-bridge", "--listen", "127.0.0.1:0", "--no-limits", "--log-level", "warn"],
                              {"XDG_STATE_HOME": folder}, r"http://[^ ]*:(\d+)") + ("/price/BTCUSDT",)
    servers["bare epoll"] = start([build + "/bench/bench_floor_http"]) + ("/",)
    servers["libmicrohttpd"] = start([build + "/bench/bench_floor_mhd"]) + ("/",)
    servers["nginx"] = nginx(folder) + ("/",)
    wait_ready(servers["bridge"][1])
    results = []
    for number in range(rounds + 1):
        row = {}
        for name, (child, port, path) in servers.items():
            before = cpu_s(child)
            rate = wrk(port, path, 1 if number == 0 else seconds)
            used = cpu_s(child) - before
            row[name] = {"rate": rate, "cpu_us": used / (rate * (1 if number == 0 else seconds)) * 1e6}
        if number:  # the first round warms
            results.append(row)
    for child, _, _ in servers.values():
        stop(child)
    shutil.rmtree(folder, ignore_errors=True)
    table = median_rows(results)
    for name, row in table.items():
        print("  %-14s %8.0f/s  CPU %5.2f us" % (name, row["rate"], row["cpu_us"]))
    print("  ratio to nginx: %.2f (goal >= 0.95); CPU to bare epoll: %.2f (goal <= 1.2; the bridge's includes its embedded exchange)" % (
        table["bridge"]["rate"] / table["nginx"]["rate"], table["bridge"]["cpu_us"] / table["bare epoll"]["cpu_us"]))


def orders_json(args):
    return json.loads(subprocess.run(args, capture_output=True, text=True, check=True).stdout)


def bench_orders(build, rounds, count, connections):
    print("durable order, %d client%s, %d rounds of %d" % (connections, "" if connections == 1 else "s", rounds, count))
    folder = tempfile.mkdtemp(prefix="bench-", dir=os.getcwd())  # on the disk, not in memory
    sim, sim_port = start([build + "/bybit-bridge", "sim", "--listen", "127.0.0.1:0", "--no-limits", "--log-level", "warn"],
                          {"BYBIT_SIM_KEY": KEY, "BYBIT_SIM_SECRET": SECRET}, r"http://[^ ]*:(\d+)")
    # The peers trade at an exchange of their own: the bridge would journal their orders as those of others.
    peer_sim, peer_port = start([build + "/bybit-bridge", "sim", "--listen", "127.0.0.1:0", "--no-limits", "--log-level", "warn"],
                                {"BYBIT_SIM_KEY": KEY, "BYBIT_SIM_SECRET": SECRET}, r"http://[^ ]*:(\d+)")
    origin = "127.0.0.1:%d" % sim_port
    bridge, port = start([build + "/bybit-bridge", "--env", "sim", "--rest-url", "http://" + origin, "--ws-url", "ws://" + origin,
                          "--listen", "127.0.0.1:0", "--journal", folder + "/bench.db", "--no-limits", "--log-level", "warn"],
                         {"BYBIT_API_KEY": KEY, "BYBIT_API_SECRET": SECRET}, r"http://[^ ]*:(\d+)")
    wait_ready(port)
    tool = build + "/bench/bench_orders"
    node = ["node", HERE + "/peers/orders.mjs"]
    runs = {
        "bridge": [tool, "bridge", str(port), str(count), str(connections)],
        "floor": [tool, "floor", str(peer_port), str(count), str(connections), KEY, SECRET],
    }
    if os.path.isdir(HERE + "/peers/node_modules"):
        for peer in ("bybit-api", "ccxt"):
            runs[peer] = node + [peer, "http://127.0.0.1:%d" % peer_port, str(count), KEY, SECRET, str(connections)]
    results = []
    for number in range(rounds + 1):
        row = {name: orders_json(args) for name, args in runs.items()}
        if number:
            results.append(row)
    stop(bridge)
    stop(sim)
    stop(peer_sim)
    shutil.rmtree(folder, ignore_errors=True)
    table = median_rows(results)
    for name, row in table.items():
        print("  %-10s p50 %6.0f us  p99 %6.0f us  %6.0f/s  failures %d" % (name, row["p50_us"], row["p99_us"], row["rate"],
                                                                            row["failures"]))
    for name in table:
        if name != "bridge":
            print("  ratio to %s: p50 %.2f, p99 %.2f, rate %.2f" % (name, *(table["bridge"][f] / table[name][f]
                                                                    for f in ("p50_us", "p99_us", "rate"))))


ALL_LIMITS = {
    "max_order_notional": "1000000", "max_open_notional": "100000000", "max_orders_per_minute": 1000000, "max_leverage": "100",
    "symbols": ["BTCUSDT", "ETHUSDT", "spot:BTCUSDT"], "categories": ["spot", "linear", "inverse"],
}


def guarded_bridge(build, folder, name, limits):
    """A bridge on an exchange of its own, with these limits on: (what to stop, port)."""
    sim, sim_port = start([build + "/bybit-bridge", "sim", "--listen", "127.0.0.1:0", "--no-limits", "--log-level", "warn"],
                          {"BYBIT_SIM_KEY": KEY, "BYBIT_SIM_SECRET": SECRET}, r"http://[^ ]*:(\d+)")
    origin = "127.0.0.1:%d" % sim_port
    bridge, port = start([build + "/bybit-bridge", "--env", "sim", "--rest-url", "http://" + origin, "--ws-url", "ws://" + origin,
                          "--listen", "127.0.0.1:0", "--journal", "%s/%s.db" % (folder, name), "--no-limits",
                          "--log-level", "warn"],
                         {"BYBIT_API_KEY": KEY, "BYBIT_API_SECRET": SECRET}, r"http://[^ ]*:(\d+)")
    wait_ready(port)
    subprocess.run(["curl", "-sf", "-o", "/dev/null", "http://127.0.0.1:%d/book/BTCUSDT" % port], check=True)  # streamed from now on
    if limits:
        subprocess.run(["curl", "-sf", "-o", "/dev/null", "-X", "PATCH", "-H", "Content-Type: application/json", "-d",
                        json.dumps(limits), "http://127.0.0.1:%d/guard" % port], check=True)
    return (bridge, sim), port


def bench_guard(build, rounds, count):
    print("guard and rate budget, one order inside the process")
    sys.stdout.flush()
    missed = subprocess.run([build + "/bench/bench_guard"], check=False).returncode
    print("durable market order, 1 client, all limits on beside none, %d rounds of %d" % (rounds, count))
    folder = tempfile.mkdtemp(prefix="bench-", dir=os.getcwd())
    bridges = {"none": guarded_bridge(build, folder, "none", None), "all": guarded_bridge(build, folder, "all", ALL_LIMITS)}
    results = []
    for number in range(rounds + 1):
        row = {name: orders_json([build + "/bench/bench_orders", "bridge", str(port), str(count), "1"])
               for name, (_, port) in bridges.items()}
        if number:
            results.append(row)
    for children, _ in bridges.values():
        for child in children:
            stop(child)
    shutil.rmtree(folder, ignore_errors=True)
    table = median_rows(results)
    for name, row in table.items():
        print("  limits %-5s p50 %6.0f us  p99 %6.0f us  failures %d" % (name, row["p50_us"], row["p99_us"], row["failures"]))
    print("  all to none: p50 %.3f, difference %+.0f us" % (table["all"]["p50_us"] / table["none"]["p50_us"],
                                                          table["all"]["p50_us"] - table["none"]["p50_us"]))
    return missed


# --- the feed: readers of one stream ---

FANOUT_EVENTS = {1: 3000, 10: 3000, 100: 2000, 1000: 300}  # of a run at a pace
FANOUT_PACE_US = {1: 2000, 10: 2000, 100: 2000, 1000: 20000}
FANOUT_FLAT = {1: 12000, 10: 12000, 100: 12000, 1000: 2000}  # at once; what the ring holds


class FeedServer:
    """One that publishes by itself (the bridge's feed, or a bare writer)."""

    def __init__(self, tool, what):
        self.path = "/stream?topics=orders" if what == "bridge" else "/"
        self.child = subprocess.Popen([tool, "serve", what], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(re.search(r":(\d+)$", self.child.stdout.readline()).group(1))

    def say(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def cpu_us(self):
        self.say("cpu")
        return int(self.child.stdout.readline())

    def publish(self, events, pace_us):
        self.say("publish %d %d" % (events, pace_us))
        self.child.stdout.readline()

    def stop(self):
        self.child.stdin.close()
        self.child.wait(timeout=10)


class Nchan:
    """nginx with nchan: what one would use instead. Each post to it is a request of its own."""

    def __init__(self, tool, folder):
        self.tool, self.port, self.path = tool, 28788, "/feed"
        config = os.path.join(folder, "nchan.conf")
        module = "/usr/lib/nginx/modules/ngx_nchan_module.so"
        with open(config, "w") as file:
            file.write("""daemon off; worker_processes 1; pid %s/nchan.pid; error_log /dev/null crit; load_module %s;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s;
uwsgi_temp_path %s; scgi_temp_path %s; nchan_max_reserved_memory 512M;
server { listen 127.0.0.1:%d;
location /feed { nchan_subscriber eventsource; nchan_channel_id f; nchan_subscriber_first_message newest; }
location /pub { nchan_publisher; nchan_channel_id f; nchan_message_buffer_length 100000; nchan_message_timeout 5m; } } }
""" % ((folder, module) + (folder,) * 5 + (self.port,)))
        self.child = subprocess.Popen(["nginx", "-p", folder, "-c", config], stderr=subprocess.DEVNULL)
        subprocess.run(["curl", "-s", "--retry", "50", "--retry-delay", "0", "--retry-all-errors", "-o", "/dev/null", "-d", "x",
                        "http://127.0.0.1:%d/pub" % self.port], check=True)

    def cpu_us(self):
        workers = subprocess.run(["pgrep", "-P", str(self.child.pid)], capture_output=True, text=True, check=True).stdout.split()
        total = cpu_s(self.child)
        for pid in workers:
            with open("/proc/%s/stat" % pid) as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
        return int(total * 1e6)

    def publish(self, events, pace_us):
        subprocess.run([self.tool, "publish", str(self.port), "/pub", str(events), str(pace_us)], check=True)

    def stop(self):
        stop(self.child)


def feed_round(tool, server, readers, events, pace_us):
    client = subprocess.Popen([tool, "read", str(server.port), server.path, str(readers), str(events)],
                              stdout=subprocess.PIPE, text=True)
    if client.stdout.readline().strip() != "ready":
        raise SystemExit("the readers were not let in")
    before = server.cpu_us()
    server.publish(events, pace_us)
    row = json.loads(client.stdout.readline())
    client.wait(timeout=10)
    row["cpu_us"] = (server.cpu_us() - before) / row["deliveries"]
    row["rate"] = row["deliveries"] / row["seconds"]
    return row


def bench_feed(build, rounds):
    tool, folder = build + "/bench/bench_fanout", tempfile.mkdtemp(prefix="bench-")
    os.chmod(folder, 0o755)
    servers = {"bridge": FeedServer(tool, "bridge"), "bare epoll": FeedServer(tool, "bare"), "nchan": Nchan(tool, folder)}
    for paced in (True, False):
        for readers in FANOUT_EVENTS:
            pace_us = FANOUT_PACE_US[readers] if paced else 0
            print("feed, %d reader%s, events of 200 bytes, %s, %d rounds" % (
                readers, "" if readers == 1 else "s", "%d/s" % (1000000 // pace_us) if paced else "flat out", rounds))
            results = []
            for number in range(rounds + 1):
                row = {}
                for name, server in servers.items():
                    events = (FANOUT_EVENTS if paced else FANOUT_FLAT)[readers]
                    if not paced and name == "nchan":
                        events = max(100, events // 10)
                    row[name] = feed_round(tool, server, readers, events, pace_us)
                    if row[name]["lost"] and name != "nchan":
                        raise SystemExit("%s: %d deliveries were lost" % (name, row[name]["lost"]))
                if number:
                    results.append(row)
            table = median_rows(results)
            for name, row in table.items():
                print("  %-10s p50 %6.0f us  p99 %7.0f us  CPU %5.2f us a delivery  %9.0f deliveries/s%s" % (
                    name, row["p50_us"], row["p99_us"], row["cpu_us"], row["rate"],
                    "  lost %d" % row["lost"] if row["lost"] else ""))
            ours, bare, nchan = (table[name] for name in servers)
            if paced:
                print("  CPU to bare %.2f (goal <= 1.25 at 100 readers); p99 to nchan %.2f (goal <= 1), to bare %.2f" % (
                    ours["cpu_us"] / bare["cpu_us"], ours["p99_us"] / nchan["p99_us"], ours["p99_us"] / bare["p99_us"]))
            else:
                print("  rate to bare %.2f (goal >= 0.8 at 100 readers); to nchan %.1f" % (ours["rate"] / bare["rate"],
                                                                                         ours["rate"] / nchan["rate"]))
            sys.stdout.flush()
    for server in servers.values():
        server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="folder of the release build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("only", nargs="?", choices=("price", "order", "orders", "guard", "feed", "decode"), help="default: all of them")
    options = parser.parse_args()
    if options.only in (None, "price"):
        bench_price(options.build, options.rounds, options.seconds)
    if options.only in (None, "order"):
        bench_orders(options.build, options.rounds, options.orders, 1)
    if options.only in (None, "orders"):
        bench_orders(options.build, options.rounds, options.orders * 4, 16)
    if options.only in (None, "feed"):
        bench_feed(options.build, options.rounds)
    if options.only in (None, "guard") and bench_guard(options.build, options.rounds, options.orders):
        raise SystemExit("guard and budget cost an order more than they may")
    if options.only in (None, "decode"):
        print("a public frame inside the process: ns, and to cJSON's parse of the same text")
        sys.stdout.flush()
        if subprocess.run([options.build + "/bench/bench_decode", "21"], check=False).returncode:
            raise SystemExit("decoding costs more than it may")


if __name__ == "__main__":
    main()
