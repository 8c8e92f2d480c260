"""A TCP proxy in a process of its own, before every server: passes, refuses, resets, freezes, delays; S3 also lies.

`python -m tests.chaos.proxy CONTROL NAME:LISTEN:TARGET...`; the control port takes one line of JSON a connection:
{"name": "redis", "mode": "pass"}, and answers how often S3 lied. What it forwards it never keeps.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import http_faults

CHUNK = 65_536
HTTP = "s3"  # the name whose connections are HTTP requests, one each


@dataclass
class Route:
    """One listening port, its server, and what becomes of connections.

    Modes: `pass`, `down` (refused at once), `frozen` (accepted, and nothing moves), and `http` with `options`.
    """

    name: str
    listen: int
    target: int
    mode: str = "pass"
    options: dict[str, Any] = field(default_factory=dict)
    delay: float = 0.0
    connections: set[Connection] = field(default_factory=set)
    requests: int = 0
    lies: Counter[str] = field(default_factory=Counter)  # told so far, by kind


@dataclass(eq=False)
class Connection:
    """One client's connection; `frozen` for good when the network forgot it."""

    client: asyncio.StreamWriter
    frozen: bool = False

    def reset(self) -> None:
        """RST instead of FIN."""
        raw = self.client.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.transport.abort()


async def _serve(route: Route, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = Connection(writer)
    if route.mode == "down":
        connection.reset()
        return
    route.connections.add(connection)
    try:
        if route.name == HTTP:
            await http_faults.serve(route, reader, writer)
        else:
            await _join(route, connection, reader, writer)
    except (OSError, asyncio.IncompleteReadError):
        connection.reset()
    finally:
        route.connections.discard(connection)
        writer.close()


async def _join(
    route: Route, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    from_server, to_server = await asyncio.open_connection("127.0.0.1", route.target)
    ways = {
        asyncio.create_task(_copy(route, connection, reader, to_server)),
        asyncio.create_task(_copy(route, connection, from_server, writer)),
    }
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        to_server.close()


async def _copy(
    route: Route, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while data := await reader.read(CHUNK):
        while connection.frozen or route.mode == "frozen":
            await asyncio.sleep(0.05)
        if route.delay:
            await asyncio.sleep(route.delay)
        writer.write(data)
        await writer.drain()


def _obey(routes: dict[str, Route], order: dict[str, Any]) -> None:
    route = routes[order["name"]]
    mode = order["mode"]
    if mode in ("reset", "down"):
        for connection in list(route.connections):
            connection.reset()
    if mode == "forget":  # half-open: who is connected hears nothing any more, who comes now is served
        for connection in route.connections:
            connection.frozen = True
    if mode == "tell":
        return
    if mode in ("pass", "down", "frozen"):
        route.mode = mode
    route.options = order.get("options", {})
    route.delay = order.get("delay", 0.0)


async def _run(control: int, routes: dict[str, Route]) -> None:
    async def obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        order = json.loads(await reader.readline())
        _obey(routes, order)
        writer.write(json.dumps(routes[order["name"]].lies).encode() + b"\n")
        await writer.drain()
        writer.close()

    servers = [await asyncio.start_server(obey, "127.0.0.1", control)]
    for route in routes.values():

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, route: Route = route) -> None:
            await _serve(route, reader, writer)

        servers.append(await asyncio.start_server(serve, "127.0.0.1", route.listen, backlog=200))
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main(arguments: list[str]) -> None:
    """Serve until killed."""
    routes = {}
    for text in arguments[1:]:
        name, listen, target = text.split(":")
        routes[name] = Route(name, int(listen), int(target))
    asyncio.run(_run(int(arguments[0]), routes))


if __name__ == "__main__":
    main(sys.argv[1:])
