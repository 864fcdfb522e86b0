"""Serve the built book on localhost and print its address.

    python tools/serve.py [folder] [--port 8000]

A port that is taken moves on to the next one.
"""

import argparse
import functools
import http.server
import socket
import sys
from pathlib import Path


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files, quietly."""

    caching = "no-cache"  # a rebuilt page is seen at the next reload

    def end_headers(self) -> None:
        self.send_header("Cache-Control", self.caching)
        super().end_headers()

    def log_message(self, *args) -> None:
        pass


def server(folder: Path, port: int, tries: int = 50) -> http.server.ThreadingHTTPServer:
    """A server on the first free port from ``port`` on; port 0 takes any.

    Raises:
        OSError: If none of the ``tries`` ports is free.
    """
    handler = functools.partial(Handler, directory=str(folder))
    for candidate in range(port, port + tries):
        with socket.socket() as probe:  # some systems let two servers share a port: ask before binding
            taken = candidate and probe.connect_ex(("127.0.0.1", candidate)) == 0
        if not taken:
            try:
                return http.server.ThreadingHTTPServer(("127.0.0.1", candidate), handler)
            except OSError:
                continue
    raise OSError(f"serve: no free port from {port} to {port + tries - 1}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("_build/html"))
    parser.add_argument("--port", type=int, default=8000)
    args = parser.parse_args(argv)
    if not (args.folder / "index.html").exists():
        print(
            f"serve: {args.folder}/index.html is not there. Build the book first: make book", file=sys.stderr
        )
        return 1
    httpd = server(args.folder, args.port)
    print(f"\n  The book is at  http://localhost:{httpd.server_address[1]}/   (Ctrl-C stops)\n", flush=True)
    try:
        httpd.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        httpd.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
