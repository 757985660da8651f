#!/usr/bin/env bash
# Makes the prompts of the examples, the ready flows and the tests with espeak-ng.
#
#   scripts/make-prompts.sh [TABLE [DIRECTORY]]      default: all tables of the repository, target/prompts
#
# WAV, 8 kHz, mono, 16 bit; speech at -16 dBm0, silence around it cut off. The same table makes the
# same files. Only rows that changed are made again.
set -euo pipefail
cd "$(dirname "$0")/.."

TABLES=(examples/prompts.tsv flows/prompts.tsv)
[ $# = 0 ] || TABLES=("$1")
readonly TABLES OUT=${2:-target/prompts}
# -16 dBm0 as RMS relative to full scale: a full-scale sine (RMS -3.01 dB) is +3.14 dBm0 (G.711).
readonly LEVEL_DB=-22.15
readonly MADE=$OUT/.made

voice() {
    case $1 in
        en | -) echo "en-us -s 160" ;;
        # This voice of espeak-ng 1.51 reads Hanzi; its "cmn" spells them in English.
        zh | -zh) echo "cmn-latn-pinyin -s 150" ;;
        *) echo "make-prompts: no voice for language '$1'" >&2; return 1 ;;
    esac
}

# One row of the table -> one file.
make_prompt() {
    local language file length text work voice
    IFS=$'\t' read -r language file length text <<< "$1"
    voice=$(voice "$language")
    work=$(mktemp -d)
    # shellcheck disable=SC2064 # the directory of this row
    trap "rm -rf '$work'" EXIT
    # shellcheck disable=SC2086 # the voice has options
    espeak-ng -v $voice -w "$work/spoken.wav" -- "$text"
    local shape=(remix - highpass 150 silence 1 0.01 0.1% reverse silence 1 0.01 0.1% pad 0.02 reverse pad 0.02)
    sox -V1 -D "$work/spoken.wav" -r 8000 -e signed -b 16 "$work/shaped.wav" "${shape[@]}"
    local gain
    gain=$(sox "$work/shaped.wav" -n stats 2>&1 | awk -v level=$LEVEL_DB '
        /^Pk lev dB/ { peak = $4 }
        /^RMS lev dB/ { gain = level - $4 }
        END { if (peak + gain > -0.5) exit 1; printf "%.2f", gain }') \
        || { echo "make-prompts: $language/$file would be clipped" >&2; return 1; }
    local finish=(gain "$gain")
    if [ "$length" != - ]; then
        local seconds
        seconds=$(awk -v ms="$length" 'BEGIN { printf "%.3f", ms / 1000 }')
        finish+=(pad 0 "$seconds" trim 0 "$seconds")
    fi
    local target=$OUT/$file.wav
    [[ $language == -* ]] || target=$OUT/$language/$file.wav
    mkdir -p "$(dirname "$target")"
    sox -V1 -D "$work/shaped.wav" "$work/done.wav" "${finish[@]}"
    mv "$work/done.wav" "$target"
}

target_of() {
    local language file _
    IFS=$'\t' read -r language file _ <<< "$1"
    [[ $language == -* ]] && echo "$OUT/$file.wav" || echo "$OUT/$language/$file.wav"
}

main() {
    local rows script
    # Another script may shape prompts otherwise, so its digest belongs to what was made.
    script=$(sha256sum "$0" | cut -c 1-16)
    rows=$(grep -hv -e '^#' -e '^$' "${TABLES[@]}")
    mkdir -p "$OUT"
    touch "$MADE"
    local stale=() row
    while read -r row; do
        grep -Fxq -- "$script $row" "$MADE" && [ -f "$(target_of "$row")" ] || stale+=("$row")
    done <<< "$rows"
    if [ ${#stale[@]} -gt 0 ]; then
        for tool in espeak-ng sox; do
            command -v $tool >/dev/null || { echo "make-prompts: $tool is missing: run scripts/setup.sh" >&2; exit 1; }
        done
        : > "$MADE"
        export OUT LEVEL_DB
        export -f make_prompt voice
        # shellcheck disable=SC2016 # for the inner shell
        printf '%s\0' "${stale[@]}" | xargs -0 -P "$(nproc)" -I{} bash -euo pipefail -c 'make_prompt "$1"' _ {}
        while read -r row; do echo "$script $row"; done <<< "$rows" > "$MADE"
        echo "${#stale[@]} prompts made in $OUT" >&2
    fi
}

main
