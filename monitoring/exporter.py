"""The page: /metrics for Prometheus, /health for whoever restarts things. `python -m monitoring.exporter`."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from threading import Event, Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from monitoring.collector import SnapshotCollector
from monitoring.watchers import Watch, start_watching
from photogen_tasks import log as logging
from photogen_tasks.config import settings

log = structlog.get_logger()
TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
CLIENT_SECONDS = 10  # a client that sends nothing for so long loses its thread

Answer = Callable[..., Iterable[bytes]]


class QuietHandler(WSGIRequestHandler):
    """Writes no line for each scrape, and leaves a silent client."""

    timeout = CLIENT_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def page(watch: Watch) -> Answer:
    """The WSGI application: /metrics, /health (200 when every watcher is fresh, else 503 and names)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SnapshotCollector(watch))
    metrics: Answer = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            return metrics(environ, start)
        if environ["PATH_INFO"] == "/health":
            stale = watch.stale()
            start("503 Service Unavailable" if stale else "200 OK", [*TEXT])
            return [f"stale: {', '.join(stale)}\n".encode() if stale else b"fresh\n"]
        start("404 Not Found", [*TEXT])
        return [b"/metrics or /health\n"]

    return answer


def serve(watch: Watch, host: str, port: int) -> ThreadingWSGIServer:
    """Answer in threads of its own until `shutdown()`. Raises OSError when the port is taken."""
    server = make_server(host, port, page(watch), ThreadingWSGIServer, QuietHandler)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def run() -> None:
    """Watch and answer until SIGTERM or SIGINT."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = serve(start_watching(), settings().host, settings().metrics_port)
    log.info("exporter answers", url=f"http://{settings().host}:{server.server_port}/metrics")
    stop.wait()
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    logging.setup()
    run()
