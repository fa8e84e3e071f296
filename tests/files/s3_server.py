"""An S3 server on loopback, in a process of its own: moto's, with a log of what was asked, and ways to fail.

Arguments: the file for the log, and a file that, while it exists, makes the server cut off answers with more bytes than
the number in it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

LOG, CUT = Path(sys.argv[1]), Path(sys.argv[2])
moto = DomainDispatcherApplication(create_backend_app)


class Quiet(WSGIRequestHandler):
    def log_request(self, *arguments: Any) -> None:
        """Nothing."""


def app(environ: dict[str, Any], start_response: Any) -> Any:
    size = 0

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        nonlocal size
        size = int({key.lower(): value for key, value in headers}.get("content-length", 0))
        sent = size if environ["REQUEST_METHOD"] == "GET" else 0
        with LOG.open("a") as log:
            log.write(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {sent}\n")
        return start_response(status, headers, *rest)

    body = b"".join(moto(environ, start))
    if environ["REQUEST_METHOD"] == "GET" and CUT.exists() and len(body) > int(CUT.read_text()):
        return _cut(body)
    return [body]


def _cut(body: bytes) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    raise ConnectionError("cut off on purpose")


server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
print(server.server_port, flush=True)
server.serve_forever()
