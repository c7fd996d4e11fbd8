#!/bin/sh
# Prints the path of a working Python 3.13, or how to install one.
# Each candidate is run: a name on the PATH may be a version manager's shim that fails.
works() {
    [ -n "$1" ] && "$1" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1
}

for candidate in \
    "${PYTHON:-}" \
    "$(command -v python3.13 2>/dev/null)" \
    "$(pyenv prefix 3.13 2>/dev/null | head -n 1)/bin/python3.13" \
    "$(uv python find 3.13 2>/dev/null)" \
    "$(command -v python3 2>/dev/null)" \
    "$(command -v python 2>/dev/null)"
do
    if works "$candidate"; then
        echo "$candidate"
        exit 0
    fi
done

cat >&2 <<'MESSAGE'
No working Python 3.13 found (tried $PYTHON, python3.13 on the PATH, pyenv, uv, python3).
Azure runs this app on Python 3.13, so the tests do too. Install it with one of
    uv python install 3.13
    pyenv install 3.13
    apt install python3.13 python3.13-venv        (or your system's package)
or give its path: make PYTHON=/path/to/python3.13 ...
MESSAGE
exit 1
