#!/usr/bin/env python3
"""Appends every order and fill event to a file, a JSON line each:   follow_feed.py [FILE]

The last line's id is where it goes on: kill it at any moment, start it again, and the file has every event once.
One instance a file. Exit status: 1 when the bridge is not there at the start, or refuses.
"""
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request

BRIDGE = os.environ.get("BRIDGE_URL", "http://127.0.0.1:8787")
path = sys.argv[1] if len(sys.argv) > 1 else "feed.ndjson"


def last_id():
    """An event and its id are one line: neither is there without the other. A line that a kill cut comes again."""
    whole, event = 0, None
    with open(path, "r+b") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                whole, event = whole + len(line), line
        lines.truncate(whole)
    return json.loads(event)["id"] if event else "earliest"


def follow(file, after):
    """Yields each event of the history from `after` on, until the connection ends."""
    url = "%s/stream?topics=orders,fills&after=%s" % (BRIDGE, after)
    request = urllib.request.Request(url, headers={"Accept": "application/x-ndjson"})
    with urllib.request.urlopen(request, timeout=60) as stream:  # a heartbeat comes every 15 s
        yield None
        for line in stream:
            event = json.loads(line) if line.endswith(b"\n") else {}
            if event.get("id") and event["event"] not in ("hello", "heartbeat", "bye"):
                file.write(line)
                yield event


connected = False
with open(path, "ab", buffering=0) as file:
    while True:
        after = last_id()
        print("following %s after %s" % (BRIDGE, after), flush=True)
        try:
            for event in follow(file, after):
                connected = True
                if event:
                    data = event["data"]
                    words = [data.get(name) for name in ("symbol", "side", "qty", "price", "state", "reason")]
                    print(event["id"], event["event"], *[word for word in words if word], flush=True)
        except urllib.error.HTTPError as problem:
            if not connected or problem.code < 500:
                sys.exit("refused: %s" % problem.read().decode())
        except (OSError, ValueError, http.client.HTTPException) as error:
            if not connected:
                sys.exit("no bridge at %s: %s" % (BRIDGE, error))
        time.sleep(1)
