# Sourced by the scripts beside it: where things lie, and what an empty environment lacks.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
export PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}
export HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}

VENV=${VENV:-.venv}
[[ $VENV == /* ]] || VENV=$ROOT/$VENV

# Downloads outlive the checkout; a user without a home keeps them in what `make clean` removes.
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/evidence-ledger-node
mkdir -p "$CACHE" 2>/dev/null || CACHE=$ROOT/out/cache

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_USER=0
export UV_CACHE_DIR=${UV_CACHE_DIR:-$CACHE/uv}
export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
# A hard link would let an edit inside the environment change the cache of every other one.
export UV_LINK_MODE=copy
# An institution's proxy brings its own certificate authority, which only the system's store knows.
if [[ -e /etc/ssl/certs/ca-certificates.crt ]]; then
    export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}
    export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
fi

say() { printf '==> %s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# uv does not read pip's settings; a mirror that pip was told of must hold for it too.
use_pip_settings() {
    local settings
    settings=$("$VENV/bin/python" "$ROOT/scripts/pip_settings.py") || fail "pip's settings cannot be read"
    eval "$settings"
}
