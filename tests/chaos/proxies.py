"""The proxy process as the world sees it: a port for each server, and orders to misbehave."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

from tests.chaos.parts import Part
from tests.chaos.waiting import holds_within, wait_for
from tests.conftest import free_port

ANSWER_SECONDS = 30  # on a busy machine


class Proxies:
    """Ports by server's name; `order` says what becomes of the traffic from now on."""

    def __init__(self, folder: Path, targets: dict[str, int]) -> None:
        self._control = free_port()
        self.ports = {name: free_port() for name in targets}
        routes = [f"{name}:{self.ports[name]}:{target}" for name, target in targets.items()]
        command = [sys.executable, "-m", "tests.chaos.proxy", str(self._control), *routes]
        self.part = Part("proxy", command, folder / "proxy.log")

    def start(self) -> None:
        self.part.start()
        wait_for(self._answers, "the proxy")

    def _answers(self) -> bool:
        try:
            self.order("redis", "pass")
        except OSError:
            return False
        return True

    def order(self, name: str, mode: str, **more: Any) -> None:
        """`pass`, `down`, `frozen`, `reset` and `forget` (both at once, then as before); `options`, `delay`."""
        if not self.part.alive() and self.part.process is not None:
            raise RuntimeError(f"the proxy ended with {self.part.process.returncode}")
        self._say({"name": name, "mode": mode} | more)

    def lies(self) -> dict[str, int]:
        """What was answered wrongly so far in S3's place, by kind."""
        told: dict[str, int] = json.loads(self._say({"name": "s3", "mode": "tell"}))
        return told

    def _say(self, order: dict[str, Any]) -> bytes:
        with socket.create_connection(("127.0.0.1", self._control), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(json.dumps(order).encode() + b"\n")
            return connection.makefile("rb").readline()

    def away(self, name: str, seconds: float) -> None:
        """A server that nobody reaches for so long: the fault itself is a length of time."""
        self.order(name, "down")
        try:
            holds_within(lambda: False, seconds)
        finally:
            self.order(name, "pass")
