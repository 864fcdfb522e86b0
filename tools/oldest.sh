#!/bin/sh
# The unit tests with the oldest versions that pyproject.toml allows, in an environment of their own (.oldest).
#     sh tools/oldest.sh
# What needs a browser, the site or the wheel is left out: those are tested with the versions of requirements.txt.
set -eu
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PYTHONHASHSEED=0
"${PYTHON:-python3.11}" -m venv .oldest
.oldest/bin/pip install --quiet --disable-pip-version-check uv
.oldest/bin/uv pip install --quiet --python .oldest/bin/python --resolution lowest-direct \
    -r pyproject.toml --extra live --extra codecs --extra photo --extra multi
.oldest/bin/uv pip install --quiet --python .oldest/bin/python pytest pytest-timeout pytest-xdist nbformat nbclient ipykernel
rooms="autoregressive catalog cli codecs comparison datasets evaluate exercises flows fuzz gan joint latent laws
training why workbench"
exec .oldest/bin/python -m pytest -q -n 2 $(for room in $rooms; do echo tests/$room; done) \
    tests/test_laws.py tests/test_planted_errors.py tests/test_weights.py tests/test_docstrings.py \
    tests/test_distributions.py tests/test_identity.py tests/test_nets.py tests/test_outputs.py \
    tests/test_plot.py tests/test_protocols.py tests/test_shapes.py
