"""HTTP servers on loopback: with and without ranges, and one that goes away in the middle."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Site:
    """Files by their path, and what was sent of them."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.sent = 0
        self.cut: int | None = None
        """Answers with more bytes end after so many, without a word."""
        self.url = ""

    def put(self, name: str, content: bytes) -> str:
        self.files[f"/{name}"] = content
        return f"{self.url}/{name}"


@contextmanager
def site() -> Iterator[Site]:
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            content = made.files.get(self.path.partition("?")[0])
            if content is None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            tag, asked = f'"{hash(content)}"', self.headers.get("Range") if made.ranges else None
            part = content
            if asked is None:
                self.send_response(200)
            else:
                first, last = asked.removeprefix("bytes=").split("-")
                part = content[int(first) : int(last) + 1 if last else None]
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
            if made.ranges:
                self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            if not body:
                return
            if made.cut is not None and len(part) > made.cut:
                self.wfile.write(part[: made.cut])
                self.wfile.flush()
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            made.sent += len(part)
            with suppress(OSError):
                self.wfile.write(part)

        def log_message(self, *arguments: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def resetting(content: bytes, after: int) -> Iterator[str]:
    """A server made of a socket: it promises a file, sends so many bytes of whatever is asked, and is gone."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, suppress(OSError):
                    asked = connection.recv(1 << 16).decode("latin-1")
                    head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\nETag: "1"\r\n\r\n'
                    connection.sendall(head.encode())
                    if asked.startswith("GET"):
                        connection.sendall(content[:after])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()
        thread.join(1)
