#!/usr/bin/env bash
# Places a market order and waits until it is filled:   place_and_wait.sh [SYMBOL SIDE QTY [KEY]]
# Run it again with the same KEY (letters, digits, - and _) after a crash, a time-out or Ctrl-C: it stays one order.
# Exit status: 0 filled, 1 refused or failed, 2 the order lives on or its outcome is not known yet.
set -euo pipefail
bridge=${BRIDGE_URL:-http://127.0.0.1:8787}
symbol=${1:-BTCUSDT} side=${2:-buy} qty=${3:-0.01} key=${4:-"example-$(date +%s)-$RANDOM"}
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# ask CURL-ARGUMENTS...: $status gets the HTTP status (000: no answer came, $failure says why), $answer the body
ask() {
    : >"$answer"
    failure=0
    status=$(curl -sS --max-time 40 -o "$answer" -w '%{http_code}' "$@") || { failure=$?; status=000; }
}

problem() { # prints what application/problem+json says
    jq -r '"\(.code): \(.detail)" + if .hint then " (\(.hint))" else "" end' "$answer" >&2 || cat "$answer" >&2
}

echo "$side $qty $symbol at market, key $key"
for attempt in 1 2 3 4 5; do
    ask "$bridge/orders?wait=filled&timeout=20s" -H "Idempotency-Key: $key" --data-urlencode "symbol=$symbol" \
        --data-urlencode "side=$side" --data-urlencode "qty=$qty" -d type=market
    case $status in
    200 | 201 | 202) break ;; # 200: the key was known, 202: sent, and the answer of the exchange was lost
    000 | 409 | 429 | 503)    # nothing came back, the first try still runs, or it was not sent: the key makes it safe to repeat
        [ "$attempt-$failure" != 1-7 ] || { echo "no bridge at $bridge" >&2; exit 1; }
        [ "$status" = 000 ] || problem
        echo "no order yet (HTTP $status), asking again with the same key" >&2
        sleep 1 ;;
    *) problem; exit 1 ;;
    esac
done

for _ in 1 2 3 4 5 6 7 8 9 10; do
    case $status in
    200 | 201 | 202) ;;
    000 | 409 | 429 | 503) sleep 2 ;; # the bridge restarts, perhaps: it will know
    *) problem; exit 1 ;;
    esac
    state=$(jq -r '.state // empty' "$answer")
    case $state in
    filled)
        jq -r '"filled: \(.filled_qty) at \(.avg_price), order \(.id)"' "$answer"
        exit 0 ;;
    cancelled | rejected | not_sent | never_accepted)
        jq -r '"\(.state): filled \(.filled_qty), \(.reject_reason // .cancel_reason // "no reason given")"' "$answer"
        exit 1 ;;
    ?*) echo "$state, waiting: GET /orders/$key" ;;
    esac
    ask "$bridge/orders/$key?wait=filled&timeout=20s"
done
echo "no end yet: ask GET $bridge/orders/$key later" >&2
exit 2
