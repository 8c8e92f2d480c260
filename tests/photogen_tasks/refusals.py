"""A door before the real S3 server that refuses some requests; what it lets through reaches the server unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit


@dataclass
class Door:
    """Refuses a request, given its method and path, with (status, code); None lets it through."""

    refuse: Callable[[str, str], tuple[int, str] | None]
    url: str = ""
    refused: list[str] = field(default_factory=list)


@contextmanager
def door_to(s3_url: str, refuse: Callable[[str, str], tuple[int, str] | None]) -> Iterator[Door]:
    """Open the door on a port of its own; the port is closed at the end."""
    door = Door(refuse)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            refusal = door.refuse(self.command, self.path)
            if refusal:
                door.refused.append(f"{self.command} {self.path}")
                status, code = refusal
                self._answer(status, {}, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())
                return
            server = HTTPConnection(urlsplit(s3_url).netloc)
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    server.putheader(name, value)
            server.endheaders(body)
            answer = server.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())
            server.close()

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", headers.get("Content-Length", str(len(body))))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        listener.block_on_close = False
        door.url = f"http://127.0.0.1:{listener.server_address[1]}"
        Thread(target=listener.serve_forever, daemon=True).start()
        yield door
        listener.shutdown()
