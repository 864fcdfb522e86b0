"""Serving the built site: a busy port moves on to the next, modules have their type, no site says so."""

import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from tools import serve

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def site(tmp_path):
    (tmp_path / "index.html").write_text("<p>a book</p>", encoding="utf-8")
    return tmp_path


def test_a_busy_port_moves_on(site):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with serve.server(site, port) as httpd:
            assert port < httpd.server_address[1] < port + 50


def test_it_serves_pages(site):
    with serve.server(site, 0) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{httpd.server_address[1]}"
        assert b"a book" in urllib.request.urlopen(base + "/").read()
        httpd.shutdown()


def test_the_command_prints_the_address(site):
    command = [sys.executable, str(ROOT / "tools" / "serve.py"), str(site), "--port", "8931"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        process.terminate()
    assert "http://localhost:89" in lines[1]


def test_without_a_site_it_says_what_to_do(tmp_path):
    command = [sys.executable, str(ROOT / "tools" / "serve.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "make book" in done.stderr
