"""Every workbench in JupyterLab, in a browser: a reader sets it, presses Run, and sees what comes out."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.browser import chromium  # noqa: F401
from tests.workbench.test_chapters import BENCHES

ROOT = Path(__file__).resolve().parents[2]
CELL = """from tests.workbench.test_chapters import BENCHES
(work, bench), tiny, *_ = BENCHES["{}"]
bench(work(lambda share: None, **tiny))"""
READY = "() => window.jupyterapp?.shell.currentWidget?.sessionContext"
RUN = """async () => {
  const { shell, commands } = window.jupyterapp;
  const { context, sessionContext } = shell.currentWidget;
  await context.ready;
  await sessionContext.ready;
  commands.execute("notebook:run-all-cells");
}"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory, chromium):  # noqa: F811
    """A page of JupyterLab with a notebook that has run: a cell for each chapter's workbench."""
    folder, port = tmp_path_factory.mktemp("lab"), free_port()
    language = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = new_notebook(
        cells=[new_code_cell(CELL.format(name)) for name in BENCHES], metadata={"kernelspec": language}
    )
    nbformat.write(book, folder / "benches.ipynb")
    places = {f"JUPYTER_{what}_DIR": str(folder / what) for what in ("CONFIG", "DATA", "RUNTIME")}
    env = {**os.environ, **places, "PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1"}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder}", "--LabApp.news_url=None"]
    command += ["--LabApp.expose_app_in_browser=True", "--ServerApp.port_retries=0"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    page = chromium.new_page(viewport={"width": 1000, "height": 4000})
    try:
        for _ in range(150):
            try:
                urlopen(f"http://127.0.0.1:{port}/api/status").close()
                break
            except URLError:
                time.sleep(0.2)
        page.goto(f"http://127.0.0.1:{port}/doc/tree/benches.ipynb")
        page.wait_for_function(READY, timeout=60_000)
        page.evaluate(RUN)
        yield page
    finally:
        page.close()
        server.terminate()
        server.wait(30)


@pytest.mark.parametrize("at", range(len(BENCHES)), ids=list(BENCHES))
def test_a_reader_sets_a_bench_and_sees_what_comes_out(lab, at):
    output = lab.locator(".jp-Notebook .jp-CodeCell").nth(at).locator(".jp-OutputArea")
    run, image = output.locator("button.jupyter-button"), output.locator("img")
    run.wait_for(timeout=90_000)
    before = image.get_attribute("src")
    for handle in output.locator(".noUi-handle").all():
        handle.focus()
        handle.press("Home")
    for choice in output.locator("select").all():
        choice.select_option(index=0)
    run.click()
    output.get_by_text("Yours: ").wait_for(timeout=90_000)
    assert image.get_attribute("src") != before and run.is_enabled()
    *_, kind = BENCHES[list(BENCHES)[at]]
    if kind:  # it stands below, and starts when it comes into view
        output.evaluate("(element) => element.scrollIntoView({ block: 'end' })")
        output.locator("[live]").wait_for(state="attached")
