#!/usr/bin/env bash
# A spoken dialogue: a server, two callers whose speech espeak-ng makes, and what was understood.
#
#   scripts/demo-spoken.sh [VIREO]        default: target/release/vireo
#
# The callers speak English and Mandarin, as RTP over loopback. Ends with 1 when a word was not
# understood. The server listens on ports of the system's choice.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VIREO=${1:-target/release/vireo} OUT=target/demo-spoken
readonly MODELS=media/speech/models

rm -rf "$OUT"
mkdir -p "$OUT"
scripts/make-prompts.sh examples/spoken/caller.tsv target/demo-caller

# A copy of the example's configuration, with ports of the system's choice and paths from here.
sed -e 's/:5072"/:0"/' -e 's/:8091"/:0"/' -e "s|\"\.\./|\"$PWD/|" examples/spoken.toml > "$OUT/vireo.toml"
"$VIREO" serve --config "$OUT/vireo.toml" --ready-file "$OUT/ready.json" 2> "$OUT/server.log" &
readonly SERVER=$!
trap 'kill $SERVER 2>/dev/null; wait $SERVER 2>/dev/null || true' EXIT

for _ in $(seq 300); do
    [ ! -s "$OUT/ready.json" ] || break
    kill -0 $SERVER 2>/dev/null || break
    sleep 0.1
done
[ -s "$OUT/ready.json" ] || { cat "$OUT/server.log" >&2; exit 1; }
field() { grep -o "\"$1\": *\"[^\"]*\"" "$OUT/ready.json" | cut -d '"' -f 4; }
SIP=$(field udp)
VIREO_ADMIN=$(field admin) VIREO_TOKEN=$(field token)
export VIREO_ADMIN VIREO_TOKEN
"$VIREO" flow deploy spoken target/flows/spoken.wasm > "$OUT/deploy.log"

# ended NUMBER: the id of the call to it, once its record is written.
ended() {
    local records
    for _ in $(seq 100); do
        records=$("$VIREO" cdr list --called "$1" --json)
        grep -o '"call_id": *"[^"]*"' <<< "$records" | cut -d '"' -f 4 && return
        sleep 0.1
    done
    return 1
}

wrong=0
# dialogue LANGUAGE NUMBER: a call, and the server's side of it.
dialogue() {
    local said=target/demo-caller/$1 id
    if [ ! -d "$MODELS/$1" ]; then
        echo "  no model for '$1' in $MODELS: left out"
        return
    fi
    "$VIREO" call "$2@$SIP" --out "$OUT/heard-$1" \
        listen "say:$said/billing.wav" listen "say:$said/number.wav" listen "say:$said/yes.wav" \
        expect-hangup > "$OUT/call-$1.log" 2>&1 || { cat "$OUT/call-$1.log" >&2; wrong=1; }
    id=$(ended "$2") || { echo "  WRONG  the call has no record" >&2; wrong=1; return; }
    "$VIREO" trace "$id" | grep -E 'plays|play |speaks|understood|gather|log|hang|BYE' | tee "$OUT/trace-$1.txt"
    if ! grep -q 'customer 0421 for billing' "$OUT/trace-$1.txt"; then
        echo "  WRONG  the flow was to understand \"billing\", \"0421\" and \"yes\"" >&2
        wrong=1
    else
        echo "  ok     the flow understood \"billing\", \"0421\" and \"yes\""
    fi
}
for call in "en 96123" "zh 96124"; do
    # shellcheck disable=SC2086 # two words
    printf '\n== A caller speaks %s to %s\n' $call
    # shellcheck disable=SC2086
    dialogue $call
done
exit $wrong
