#!/usr/bin/env bash
# The workers that link a library which the server is built without: fetched once from PyPI, pinned.
#
#   scripts/build-workers.sh         builds them, and puts them and their libraries beside the server
#   scripts/build-workers.sh lint    checks their code
#   scripts/build-workers.sh test    tests them
#
# vireo-vosk: libvosk (Apache-2.0), out of the wheel of the Python package of that name.
# The cache is that of scripts/languages.sh.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
readonly ROOT TARGET
. "$ROOT/scripts/pypi.sh"

# PyPI: package, version, SHA-256 of the wheel for x86-64 Linux, size of the download in MB.
readonly VOSK=(vosk 0.3.45 25e025093c4399d7278f543568ed8cc5460ac3a4bf48c23673ace1e25d26619f 7)
export VOSK_LIB_DIR=$CACHE/${VOSK[0]}-${VOSK[1]}/vosk

# vosk COMMAND [ARGUMENT...]: runs cargo with the library at hand.
vosk() {
    pypi "${VOSK[@]}"
    mkdir -p "$TARGET/workers/release" "$TARGET/release"
    # The worker finds it beside itself.
    cp -u "$VOSK_LIB_DIR/libvosk.so" "$TARGET/workers/release/"
    (cd "$ROOT/media/speech/vosk" && CARGO_TARGET_DIR=$TARGET/workers cargo "$@")
}

# In place of one that may be running.
put() {
    install -C -m 755 "$1" "$TARGET/release/$(basename "$1").part"
    mv -f "$TARGET/release/$(basename "$1").part" "$TARGET/release/$(basename "$1")"
}

case ${1:-build} in
    build)
        vosk build --quiet --release --locked
        put "$TARGET/workers/release/vireo-vosk"
        put "$VOSK_LIB_DIR/libvosk.so"
        ;;
    lint) vosk clippy --quiet --release --locked --all-targets -- -D warnings ;;
    test) vosk test --quiet --release --locked ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
