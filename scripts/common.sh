# Sourced by every script here: go to the root, know the virtual environment, make it when it is missing.
# VENV names the environment (default .venv), PYTHON the interpreter to make it with.
set -eu
cd "$(dirname "$0")/.."

VENV=${VENV:-.venv}

find_python() { # prints the first interpreter that is new enough and can make environments
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "No Python that can set up Vivace was found." >&2
    echo "Expected: Python 3.11 or newer, with the venv module, as ${PYTHON:-python3} on PATH" >&2
    echo "Fix: install it, or name one: PYTHON=/path/to/python3.13 $0" >&2
    return 1
}

make_venv() { # once; an environment whose interpreter is gone is made again
    if ! { "$VENV/bin/python" -c '' || "$VENV/Scripts/python" -c ''; } 2>/dev/null; then
        python=$(find_python)
        echo "Making $VENV with $("$python" --version)"
        rm -rf "$VENV"
        "$python" -m venv "$VENV"
    fi
    BIN=$VENV/bin
    [ -d "$BIN" ] || BIN=$VENV/Scripts
}

install_with() { # install_with [EXTRA...]: the package, editable, with these extras, exactly as constrained
    make_venv
    stamp=$(cat pyproject.toml constraints.txt | cksum | tr ' ' -)
    missing=
    for extra in core "$@"; do
        [ "$(cat "$VENV/.with-$extra" 2>/dev/null)" = "$stamp" ] || missing="$missing $extra"
    done
    [ -n "$missing" ] || return 0
    echo "Installing:$missing"
    # The build backend comes from the constraints too, so nothing is built in an unpinned, isolated environment.
    pip="$BIN/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt"
    $pip hatchling editables
    extras=$(echo "$*" | tr ' ' ,)
    $pip --no-build-isolation --editable ".${extras:+[$extras]}"
    for extra in $missing; do
        echo "$stamp" >"$VENV/.with-$extra"
    done
}
