#!/usr/bin/env bash
# The workers that need a library which the server is built without: fetched once from PyPI, pinned.
#
#   scripts/build-workers.sh build [WORKER...]    builds them, and puts them and their libraries beside the server
#   scripts/build-workers.sh lint [WORKER...]     checks their code
#   scripts/build-workers.sh test [WORKER...]     tests them
#
# vosk:  libvosk (Apache-2.0), out of the wheel of the Python package of that name.
# piper: ONNX Runtime (MIT), out of the wheel of onnxruntime; first installs what its build needs.
# Without a name, all of them.
# The cache is that of scripts/languages.sh.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
readonly ROOT TARGET
. "$ROOT/scripts/pypi.sh"

# PyPI: package, version, SHA-256 of the wheel for x86-64 Linux, size of the download in MB.
readonly VOSK=(vosk 0.3.45 25e025093c4399d7278f543568ed8cc5460ac3a4bf48c23673ace1e25d26619f 7)
# Its wheels are of one Python each; the library in them is the same.
readonly ONNX=(onnxruntime 1.31.1 5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f 24
    --implementation cp --python-version 3.11 --abi cp311 --platform manylinux_2_28_x86_64)
export VOSK_LIB_DIR=$CACHE/${VOSK[0]}-${VOSK[1]}/vosk

# vosk COMMAND [ARGUMENT...]: runs cargo with the library at hand.
vosk() {
    pypi "${VOSK[@]}"
    mkdir -p "$TARGET/workers/release" "$TARGET/release"
    # The worker finds it beside itself.
    cp -u "$VOSK_LIB_DIR/libvosk.so" "$TARGET/workers/release/"
    (cd "$ROOT/media/speech/vosk" && CARGO_TARGET_DIR=$TARGET/workers cargo "$@")
}

# piper COMMAND [ARGUMENT...]: the same.
piper() {
    "$ROOT/scripts/setup.sh" piper
    pypi "${ONNX[@]}"
    mkdir -p "$TARGET/workers/release" "$TARGET/release"
    cp -u "$CACHE/${ONNX[0]}-${ONNX[1]}"/onnxruntime/capi/libonnxruntime.so.* "$TARGET/workers/release/libonnxruntime.so"
    (cd "$ROOT/media/speech/piper" && CARGO_TARGET_DIR=$TARGET/workers cargo "$@")
}

# In place of one that may be running.
put() {
    install -C -m 755 "$1" "$TARGET/release/$(basename "$1").part"
    mv -f "$TARGET/release/$(basename "$1").part" "$TARGET/release/$(basename "$1")"
}

# each COMMAND [ARGUMENT...]: runs cargo for each of the workers.
each() {
    local worker
    for worker in "${WORKERS[@]}"; do
        case $worker in
            vosk | piper) "$worker" "$@" ;;
            *) say "there is no worker $worker; there are vosk and piper"; return 1 ;;
        esac
    done
}

COMMAND=${1:-build}
WORKERS=("${@:2}")
[ "${#WORKERS[@]}" -gt 0 ] || WORKERS=(vosk piper)
case $COMMAND in
    build)
        each build --quiet --release --locked
        for worker in "${WORKERS[@]}"; do
            put "$TARGET/workers/release/vireo-$worker"
            case $worker in
                vosk) put "$TARGET/workers/release/libvosk.so" ;;
                piper) put "$TARGET/workers/release/libonnxruntime.so" ;;
            esac
        done
        ;;
    lint) each clippy --quiet --release --locked --all-targets -- -D warnings ;;
    test) each test --quiet --release --locked ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
