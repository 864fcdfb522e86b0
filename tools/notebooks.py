"""Run notebooks again, in place, so that what stands in git changes only where a result did.

    python tools/notebooks.py                 all of them
    python tools/notebooks.py why/noise ...   some, by their path below book/
    python tools/notebooks.py --restamp ...   run nothing: give the live figures in them the present code

One thread, the kernel of this Python, top to bottom in a fresh process. What would make every run look
different is removed before writing: widget state, timings, what went to stderr, the kernel's version. Cell
ids and everything an author wrote stay.
"""

import argparse
import math
import os
import sys
from pathlib import Path

# The kernels inherit this. JUPYTER_PREFER_ENV_PATH: this environment's kernel, whatever Jupyter there is
# besides. TQDM_DISABLE: a progress bar is no output to keep.
os.environ.update(OMP_NUM_THREADS="1", PYTHONHASHSEED="0", JUPYTER_PREFER_ENV_PATH="1", TQDM_DISABLE="1")

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools.install_cell import ROOT, address, notebooks, put

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Remove what differs between two equal runs, or tells about this machine only."""
    for key in ("widgets", "signature", "toc", "varInspector", "celltoolbar"):
        notebook.metadata.pop(key, None)
    notebook.metadata.kernelspec = KERNEL
    notebook.metadata.language_info = LANGUAGE
    for cell in notebook.cells:
        for key in (
            "execution",
            "ExecuteTime",
            "collapsed",
            "scrolled",
            "pycharm",
            "vscode",
            "jupyter",
            "colab",
        ):
            cell.metadata.pop(key, None)
        if cell.cell_type != "code":
            continue
        outputs = []
        for output in cell.outputs:
            for mime in ("application/vnd.jupyter.widget-view+json", "application/javascript"):
                output.get("data", {}).pop(mime, None)
            if output.output_type == "stream" and output.name == "stderr":
                if "%|" not in output.text:  # a progress bar is no news
                    print(f"  removed from the outputs: {output.text.strip()[:300]}", file=sys.stderr)
                continue
            last = outputs[-1] if outputs else None
            if last and output.output_type == last.output_type == "stream" and output.name == last.name:
                last.text += output.text  # how a stream was cut into pieces is a matter of timing
            elif output.output_type in ("stream", "error") or output.data:
                outputs.append(output)
        cell.outputs = outputs
    return notebook


def run(path: Path, url: str, timeout: int) -> float:
    """Execute one notebook and write it back; the seconds that its kernel computed.

    Raises:
        CellExecutionError: If a cell fails. The file is left as it was.
    """
    notebook = nbformat.read(path, as_version=4)
    put(notebook, url)
    start = os.times()
    NotebookClient(
        notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}},
        record_timing=False, coalesce_streams=True, extra_arguments=["--Application.log_level=40"],
    ).execute()  # fmt: skip
    end = os.times()  # of the processor, which is what it takes on a machine that does nothing else
    seconds = (end.children_user - start.children_user) + (end.children_system - start.children_system)
    about = notebook.metadata.setdefault("dgm", {})
    about["seconds"] = said_seconds(seconds, about.get("seconds"))
    count = 0
    for cell in notebook.cells:  # an unbroken count from 1, skipped cells included
        if cell.cell_type == "code" and cell.source.strip():
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
    nbformat.validate(notebook)
    write(path, text_of(tidy(notebook)))
    return seconds


def said_seconds(seconds: float, before: int | None) -> int:
    """How long a notebook runs, as its page says it: to the next five, or as before if about that."""
    if before and before / 1.5 <= seconds <= before * 1.5:
        return before
    return 5 * math.ceil(seconds / 5)


def text_of(notebook: nbformat.NotebookNode) -> str:
    text = nbformat.writes(notebook)
    return text + ("" if text.endswith("\n") else "\n")


def write(path: Path, text: str) -> None:
    """Whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def restamped(path: Path) -> str:
    """The notebook's text with the present code, markup and styles in its live figures; the rest stays.

    Raises:
        ValueError: If a figure's kind is unknown by now, or its markup asks for what is not stored.
    """
    from dgm_lite.live.figure import restamp  # loads torch

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if data.get("text/html", "").startswith("<dgm-figure"):
                data["text/html"] = restamp(data["text/html"])
    return text_of(notebook)


def restamp_all(paths: list[Path]) -> int:
    """Renew the figures of all these notebooks, or of none."""
    renewed = {}
    for path in paths:
        try:
            renewed[path] = restamped(path)
        except ValueError as error:
            print(f"notebooks: all left as they were. {path.name}: {error}", file=sys.stderr)
            return 1
    for path, text in renewed.items():
        changed = text != path.read_text(encoding="utf-8")
        if changed:
            write(path, text)
        print(f"{path.name}: {'renewed' if changed else 'as it was'}")
    return 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="such as why/noise; all if none is given")
    parser.add_argument("--restamp", action="store_true", help="renew the live figures' code; run nothing")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one cell (default 300)")
    args = parser.parse_args(argv)
    paths = [
        ROOT / "book" / f"{name.removeprefix('book/').removesuffix('.ipynb')}.ipynb" for name in args.names
    ]
    if missing := [p for p in paths if not p.is_file()]:
        known = ", ".join(p.relative_to(ROOT / "book").with_suffix("").as_posix() for p in notebooks())
        print(f"notebooks: no {missing[0].relative_to(ROOT)}. There are: {known}", file=sys.stderr)
        return 2
    if args.restamp:
        return restamp_all(paths or notebooks())
    url, failed = address(), []
    for path in paths or notebooks():
        name = path.relative_to(ROOT)
        try:
            print(f"{name}: {run(path, url, args.timeout):.0f} s", flush=True)
        except CellExecutionError as error:
            failed.append(name)
            print(f"{name}: FAILED, left as it was\n{error}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
