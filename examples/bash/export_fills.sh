#!/usr/bin/env bash
# All fills as CSV, page after page:   export_fills.sh [FILE [QUERY]]   for example export_fills.sh day.csv 'from=today'
# The file appears when it is whole. Exit status: 0 written, 1 refused or failed.
set -euo pipefail
bridge=${BRIDGE_URL:-http://127.0.0.1:8787}
file=${1:-fills.csv}
work=$(mktemp -d "$(dirname "$file")/.export.XXXXXX")
trap 'rm -rf "$work"' EXIT

next="/fills.csv?limit=1000${2:+&$2}"
while [ -n "$next" ]; do
    status=$(curl -sS --max-time 60 -o "$work/page" -D "$work/head" -w '%{http_code}' "$bridge$next") ||
        { echo "no answer from $bridge$next" >&2; exit 1; }
    if [ "$status" != 200 ]; then
        jq -r '"\(.status) \(.code): \(.detail)"' "$work/page" >&2 || cat "$work/page" >&2
        exit 1
    fi
    # Each page begins with the line of column names: it is kept from the first.
    if [ -e "$work/all" ]; then tail -n +2 "$work/page" >>"$work/all"; else cp "$work/page" "$work/all"; fi
    next=$(tr -d '\r' <"$work/head" | sed -n 's/^link: <\([^>]*\)>; *rel="next".*/\1/Ip')
done
mv "$work/all" "$file"
echo "$(($(wc -l <"$file") - 1)) fills in $file"
