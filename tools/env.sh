#!/bin/sh
# Makes .venv with the tested versions of requirements.txt, once, and again only when requirements.txt or
# pyproject.toml say something new. `make env` calls this; every other target depends on it.
set -eu
cd "$(dirname "$0")/.."

digest() { (pwd; cat requirements.txt pyproject.toml tools/env.sh) | cksum; }

if [ -x .venv/bin/python ] && [ -f .venv/.dgm-stamp ] && [ "$(cat .venv/.dgm-stamp)" = "$(digest)" ] \
    && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

python=""
for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python3.14; do
    if command -v "$candidate" >/dev/null 2>&1 && new_enough "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "make env: Python 3.11 or newer is needed, and none was found (there is: $(python3 --version 2>&1 || true))." >&2
    echo "  Debian, Ubuntu:  sudo apt install python3 python3-venv" >&2
    echo "  macOS:           brew install python@3.13" >&2
    echo "  A Python somewhere else:  make env PYTHON=/path/to/python3" >&2
    exit 1
fi
if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "make env: $python has no venv module. On Debian and Ubuntu it is a package of its own:" >&2
    echo "  sudo apt install python3-venv       (or python$version-venv)" >&2
    exit 1
fi

if [ -x .venv/bin/python ] && new_enough .venv/bin/python; then
    echo "make env: requirements changed; bringing .venv up to date"
else
    echo "make env: making .venv with $("$python" --version); this takes a few minutes"
    echo "          and about 2 GB (more where torch comes with CUDA). To watch: tail -f .venv/install.log"
    rm -rf .venv
    "$python" -m venv .venv
fi
rm -f .venv/.dgm-stamp
log=.venv/install.log
# --no-compile: a fifth of these files is ever imported, and Python compiles those when it first meets them.
install="pip install --disable-pip-version-check --progress-bar off --no-compile"
if ! .venv/bin/python -m $install -r requirements.txt >$log 2>&1; then
    grep -E "^ *(ERROR|error)" $log | tail -n 15 >&2 || tail -n 15 $log >&2
    echo "make env: pip could not install requirements.txt; the whole log is in $log. Run the command again to resume." >&2
    exit 1
fi
# The package itself, in place: edits in dgm_lite/ count at once, in notebooks as well.
pwd > "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/dgm_lite.pth"
digest > .venv/.dgm-stamp
