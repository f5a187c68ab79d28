#!/usr/bin/env bash
# Appends every order and fill event to a file, a JSON line each, and shows it:   follow_feed.sh [FILE]
# The last line's id is where it goes on: kill it at any moment, start it again, and the file has every event once.
# One instance a file. Exit status: 1 when the bridge is not there at the start, or refuses.
set -euo pipefail
bridge=${BRIDGE_URL:-http://127.0.0.1:8787}
file=${1:-feed.ndjson}
touch "$file"

# An event and its id are one line, so neither can be there without the other. A line without its end was cut by a
# kill: it comes again.
if [ -n "$(tail -c 1 "$file")" ]; then sed -i '$d' "$file"; fi

# Lines of a word, a tab, and more: an event as it came; "problem" (4xx, 5xx) with its text; "-" for what is no history.
events() {
    curl -sSN -H 'Accept: application/x-ndjson' "$bridge/stream?topics=orders,fills&after=$1" |
        jq --unbuffered -r 'if .code then "problem\t\(.status) \(.code): \(.detail)"
            elif .id and (.event | IN("hello", "heartbeat", "bye") | not) then "event\t\(tojson)"
            else "-\t\(.event)" end'
}

connected=
while :; do
    after=$(tail -n 1 "$file" | jq -r .id)
    echo "following $bridge after ${after:=earliest}"
    problem=
    while IFS=$'\t' read -r kind text; do
        case $kind in
        event)
            printf '%s\n' "$text" >>"$file"
            printf '%s\n' "$text" ;;
        problem) problem=$text ;;
        -) connected=yes ;;
        esac
    done < <(events "$after")
    [ -n "$connected" ] || { echo "cannot follow: ${problem:-no bridge at $bridge}" >&2; exit 1; }
    case $problem in
    4*) echo "refused: $problem" >&2; exit 1 ;;
    esac
    sleep 1
done
