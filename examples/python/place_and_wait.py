#!/usr/bin/env python3
"""Places a market order and waits until it is filled:   place_and_wait.py [SYMBOL SIDE QTY [KEY]]

Run it again with the same KEY (letters, digits, - and _) after a crash or a time-out: it stays one order.
Exit status: 0 filled, 1 refused or failed, 2 the order lives on or its outcome is not known yet.
"""
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

BRIDGE = os.environ.get("BRIDGE_URL", "http://127.0.0.1:8787")
symbol, side, qty, key = (sys.argv[1:] + ["BTCUSDT", "buy", "0.01", str(uuid.uuid4())][len(sys.argv) - 1:])[:4]


def ask(method, path, body=None, **headers):
    """Status and object; status 0: no answer came, and what was asked may have happened."""
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(BRIDGE + path, data, {"Content-Type": "application/json", **headers}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=40) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as problem:
        return problem.code, json.load(problem)
    except (OSError, ValueError) as error:
        if isinstance(getattr(error, "reason", None), ConnectionRefusedError):
            return 0, {"code": "no_bridge", "detail": "nobody listens on %s" % BRIDGE}
        return 0, {"code": "no_answer", "detail": str(error)}


def give_up(problem):
    sys.exit(("%s: %s %s" % (problem.get("code"), problem.get("detail"), problem.get("hint") or "")).rstrip())


print("%s %s %s at market, key %s" % (side, qty, symbol, key), flush=True)
order = {"symbol": symbol, "side": side, "qty": qty, "type": "market"}
for attempt in range(5):
    status, answer = ask("POST", "/orders?wait=filled&timeout=20s", order, **{"Idempotency-Key": key})
    if status in (200, 201, 202):  # 200: the key was known, 202: sent, and the answer of the exchange was lost
        break
    if status not in (0, 409, 429, 503) or (attempt == 0 and answer["code"] == "no_bridge"):
        give_up(answer)
    # Nothing came back, the first try still runs, or it was not sent: the key makes it safe to repeat.
    print("no order yet (%s), asking again with the same key" % answer["code"], flush=True)
    time.sleep(1)

for _ in range(10):
    state = answer.get("state")
    if state == "filled":
        print("filled: %(filled_qty)s at %(avg_price)s, order %(id)s" % answer)
        sys.exit(0)
    if state in ("cancelled", "rejected", "not_sent", "never_accepted"):
        sys.exit("%s: filled %s, %s" % (state, answer["filled_qty"], answer["reject_reason"] or answer["cancel_reason"]))
    if status in (0, 409, 429, 503):
        time.sleep(2)  # the bridge restarts, perhaps: it will know
    elif status >= 400:
        give_up(answer)
    else:
        print("%s, waiting: GET /orders/%s" % (state, key), flush=True)
    status, answer = ask("GET", "/orders/%s?wait=filled&timeout=20s" % urllib.parse.quote(key))
print("no end yet: ask GET %s/orders/%s later" % (BRIDGE, key), file=sys.stderr)
sys.exit(2)
