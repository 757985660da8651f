#!/usr/bin/env bash
# Runs the demo's server for your own softphone, until Ctrl-C.
#
#   scripts/run.sh VIREO [ADDRESS]
#
# VIREO    the binary.
# ADDRESS  an IPv4 address of this machine, when the phone is another one; its /24 may then call.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VIREO=${1:?usage: scripts/run.sh VIREO [ADDRESS]} ADDRESS=${2:-127.0.0.1}
config=examples/demo.toml
server=

finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ "$ADDRESS" != 127.0.0.1 ]; then
    [[ $ADDRESS =~ ^([0-9]+\.){3}[0-9]+$ ]] || { echo "run: $ADDRESS is no IPv4 address" >&2; exit 2; }
    config=target/demo/run.toml
    mkdir -p target/demo
    sed -e "s/127\.0\.0\.1:5070/$ADDRESS:5070/g" \
        -e "s/^address = .*/address = \"$ADDRESS\"/" \
        -e "s|^peers = .*|peers = [\"127.0.0.1/32\", \"${ADDRESS%.*}.0/24\"]|" \
        -e 's|"\.\./target/demo/|"|; s|"\.\./target/|"../|' examples/demo.toml > "$config"
fi

"$VIREO" serve --config "$config" &
server=$!
for _ in $(seq 100); do
    "$VIREO" status --config "$config" >/dev/null 2>&1 && break
    kill -0 "$server" 2>/dev/null || { wait "$server"; exit 1; }
    sleep 0.1
done
"$VIREO" flow deploy demo target/flows/demo-ivr.wasm --config "$config"
cat <<TEXT

Call it with any SIP phone; no account, no registration:

    sip:96122@$ADDRESS:5070

Another phone than this machine: make run ADDRESS=<this machine's address>. Ctrl-C ends the server.

TEXT
wait "$server"
