"""Point everything at another repository, for a fork or on publication.

    python tools/repoint.py https://github.com/you/dgm-lite

Changes `_config.yml` and what is made from it: the notebooks' install cells, README.md, CITATION.cff,
pyproject.toml and whatever else carries the address. Nothing but the address changes, so the way back is the
same command.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+/([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)")


def clean(url: str) -> str:
    """The address without a trailing slash or .git.

    Raises:
        ValueError: If it is not of the form https://host/owner/name.
    """
    url = url.strip().rstrip("/").removesuffix(".git")
    if not ADDRESS.fullmatch(url):
        raise ValueError(f"repoint: expected an address like https://github.com/owner/name, got {url!r}.")
    return url


def files(root: Path) -> list[Path]:
    """Every file that is, or could be, in git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return [path for name in listed.splitlines() if (path := root / name).is_file()]


def repoint(root: Path, url: str) -> list[Path]:
    """Replace the present address by ``url`` below ``root``; the files that changed."""
    old = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    new, changed = clean(url), []
    slug_old, slug_new = (ADDRESS.fullmatch(address)[1].encode() for address in (old, new))
    for path in files(root):
        before = path.read_bytes()
        # Colab's and Binder's addresses carry owner/name without the host.
        after = before.replace(old.encode(), new.encode()).replace(slug_old, slug_new)
        if after != before:
            path.write_bytes(after)
            changed.append(path)
    return changed


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="such as https://github.com/owner/name")
    args = parser.parse_args(argv)
    try:
        changed = repoint(ROOT, args.url)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(str(path.relative_to(ROOT)) for path in changed) or "nothing to change")
    return 0


if __name__ == "__main__":
    sys.exit(main())
