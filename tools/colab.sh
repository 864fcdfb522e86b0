#!/usr/bin/env bash
# Runs every notebook below /book the way a reader of Colab does: each alone, in an empty folder, its own first cell
# installing the package. Before and after, the versions that Colab ships must be the same.
set -u
versions() { python3 -m pip freeze 2>/dev/null | grep -iE '^(torch|numpy|matplotlib|scikit-learn|ipywidgets|anywidget)=='; }
before=$(versions)
failed=0
for notebook in $(cd /book && find . -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*' | sort); do
    folder=$(mktemp -d)
    cp "/book/$notebook" "$folder/"
    echo "── $notebook"
    if ! (cd "$folder" && timeout 900 python3 -m jupyter nbconvert --to notebook --execute --output done.ipynb "$(basename "$notebook")"); then
        failed=1
        echo "FAILED: $notebook"
    fi
done
after=$(versions)
if [ "$before" != "$after" ]; then
    failed=1
    echo "FAILED: installing the package moved Colab's own versions:"
    diff <(echo "$before") <(echo "$after")
fi
exit $failed
