#!/usr/bin/env bash
# Builds the image, runs it on the embedded exchange with nothing but /data writable, and checks that it is healthy, answers and
# ends cleanly. ENGINE: docker or podman, with global options if need be (default: the first one that works).
# BUILD_OPTIONS, RUN_OPTIONS: more words for the engine's build and run. PORT: a free one on loopback (default 18787). Needs curl.
set -euo pipefail
cd "$(dirname "$0")/.."
BASE=docker.io/library/debian:bookworm-slim
IMAGE=${IMAGE:-localhost/bybit-bridge:try}
PORT=${PORT:-18787}
NAME=bybit-bridge-try-$$
read -r -a ENGINE <<<"${ENGINE:-}"
read -r -a BUILD_OPTIONS <<<"${BUILD_OPTIONS:-}"
read -r -a RUN_OPTIONS <<<"${RUN_OPTIONS:-}"

say() { printf '== %s\n' "$*"; }
die() { printf 'try: %s\n' "$*" >&2; exit 1; }

choose_engine() {
    tried=
    for name in docker podman; do
        if ! command -v "$name" >/dev/null; then tried="$tried; no $name here"; continue; fi
        if why=$("$name" info 2>&1 >/dev/null); then
            ENGINE=("$name")
            return 0
        fi
        tried="$tried; $name: $(printf '%s' "$why" | tail -n 1)"
    done
    die "no container engine works for this user${tried}. Install podman, or start the Docker daemon; without root an engine needs
user namespaces (sysctl kernel.unprivileged_userns_clone, entries in /etc/subuid and /etc/subgid)"
}

clean_up() {
    "${ENGINE[@]}" rm -f "$NAME" >/dev/null 2>&1 || true
    "${ENGINE[@]}" volume rm -f "$NAME" >/dev/null 2>&1 || true
}

failed() { # what failed: with the container's log
    "${ENGINE[@]}" logs "$NAME" >&2 || true
    die "$*"
}

inside() { "${ENGINE[@]}" exec "$NAME" "$@"; }

[ "${#ENGINE[@]}" -gt 0 ] || choose_engine
format=()
case ${ENGINE[0]} in *podman) format=(--format docker) ;; esac # OCI's own format has no HEALTHCHECK

if ! "${ENGINE[@]}" image inspect "$BASE" >/dev/null 2>&1; then
    say "pulling $BASE"
    "${ENGINE[@]}" pull -q "$BASE" >/dev/null || die "$BASE cannot be pulled: is there a network, and a way to the registry?"
fi
say "building $IMAGE with ${ENGINE[*]}"
version=$(sed -n 's/^project(bybit-bridge VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
"${ENGINE[@]}" build "${format[@]}" "${BUILD_OPTIONS[@]}" -f docker/Dockerfile --build-arg "VERSION=$version" \
    --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" -t "$IMAGE" . ||
    die "the build failed (it needs the network for Debian's packages)"

trap clean_up EXIT
say "running"
"${ENGINE[@]}" run -d --name "$NAME" --network host --read-only --cap-drop ALL --security-opt no-new-privileges \
    "${RUN_OPTIONS[@]}" -v "$NAME:/data" -e "BYBIT_BRIDGE_LISTEN=127.0.0.1:$PORT" -e BYBIT_BRIDGE_ALLOW_UID=any "$IMAGE" >/dev/null ||
    die "${ENGINE[*]} built the image and cannot run it: the message above says what it lacks
(a runtime, cgroups, namespaces; for limits: RUN_OPTIONS='--ulimit nofile=4096:4096')"
deadline=$((SECONDS + 30))
until said=$(inside /usr/bin/bybit-bridge healthcheck); do
    [ "$SECONDS" -lt "$deadline" ] || failed "not healthy in 30 s: $said"
    sleep 0.3
done
say "healthy"
case $("${ENGINE[@]}" image inspect "$IMAGE") in *'"healthcheck"'*) ;; *) die "the image has no HEALTHCHECK" ;; esac

status=$(inside cat /proc/1/status)
for line in Name:bybit-bridge Uid:10001 Gid:10001 NoNewPrivs:1 CapEff:0000000000000000; do
    [ "$(awk -v name="${line%%:*}:" '$1 == name { print $2 }' <<<"$status")" = "${line#*:}" ] || failed "process 1 is not $line"
done
root=$(inside cat /proc/1/mountinfo | awk '$5 == "/" { print $6 }')
case ,$root, in *,ro,*) ;; *) failed "the root file system can be written to: $root" ;; esac
say "process 1 is bybit-bridge, as 10001, without capabilities, on a read-only root"

price=$(curl -fsS --noproxy '*' --max-time 10 "http://127.0.0.1:$PORT/price/BTCUSDT") || failed "no price"
case $price in *[!0-9.]* | '') failed "a price that is none: $price" ;; esac
state=$(curl -sS --noproxy '*' --max-time 30 "http://127.0.0.1:$PORT/orders?wait=filled" -d symbol=BTCUSDT -d side=buy -d qty=0.01 -d type=market)
case $state in *'"state":"filled"'*) ;; *) failed "an order is not filled: $state" ;; esac
say "BTCUSDT is at $price, and an order is filled"

begin=$SECONDS
"${ENGINE[@]}" stop -t 20 "$NAME" >/dev/null
code=$("${ENGINE[@]}" inspect --format '{{.State.ExitCode}}' "$NAME")
[ "$code" = 0 ] || failed "SIGTERM: exit status $code"
say "SIGTERM: exit status 0 after $((SECONDS - begin)) s"
