"""A folder behind Python's own web server: as plain as a mirror can be.

It answers what `python -m http.server` answers. It differs in two things: it writes no
log of addresses, and it ends when its standard input does.
"""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from cosignal.server.commands.lifeline import follow_stdin


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        """Write nothing: a line would hold an address."""


def main(folder: str, port: int) -> None:
    """Serve a folder on a loopback port until the process ends.

    Args:
        folder: What to serve.
        port: Where.
    """
    follow_stdin()
    handler = partial(_Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
