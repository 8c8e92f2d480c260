"""HTTP through the proxy, one request a connection, so that a fault hits a whole request. Knows nothing of S3's API.

Options, each `n` for every n-th request: `slow_down` answers 503 before the server sees anything, `lost_answer` answers
500 after the server has stored the body, `truncate` cuts a GET's body half-way.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.proxy import Route

CHUNK = 65_536


async def serve(route: Route, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read one request's head, decide its fate, answer, close."""
    head = await _head(reader)
    if not head:
        return
    while route.mode == "frozen":
        await asyncio.sleep(0.05)
    route.requests += 1
    fate = _fate(route, head)
    if fate != "pass":
        route.lies[fate] += 1
    if fate == "slow_down":
        await _drain(head, reader)
        await _answer(writer, 503, "SlowDown")
        return
    from_server, to_server = await asyncio.open_connection("127.0.0.1", route.target)
    sending = asyncio.create_task(_send(head, reader, to_server))
    try:
        await _receive(fate, from_server, writer)
    finally:
        sending.cancel()
        to_server.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def _fate(route: Route, head: bytes) -> str:
    for name, every in route.options.items():
        # Counted by request, each kind at its own place, so that a run can be told again.
        if every and route.requests % every == len(name) % every and (name != "truncate" or head.startswith(b"GET ")):
            return str(name)
    return "pass"


async def _send(head: bytes, reader: asyncio.StreamReader, to_server: asyncio.StreamWriter) -> None:
    """The head, with the server told to close after its answer, then whatever the client still says."""
    lines = [line for line in head[:-4].split(b"\r\n") if not line.lower().startswith(b"connection:")]
    to_server.write(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n")
    while data := await reader.read(CHUNK):
        to_server.write(data)
        await to_server.drain()


async def _receive(fate: str, from_server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if fate == "pass":
        while data := await from_server.read(CHUNK):
            writer.write(data)
            await writer.drain()
        return
    answer = await _whole(from_server, writer)
    if fate == "lost_answer":
        await _answer(writer, 500, "InternalError")
        return
    head, _, body = answer.partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n" + body[: len(body) // 2])
    await writer.drain()


async def _whole(from_server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The server's final answer; an interim one goes to the client, who waits for it with the body."""
    answer = b""
    while data := await from_server.read(CHUNK):
        answer += data
        if answer.startswith(b"HTTP/1.1 100") and b"\r\n\r\n" in answer:
            interim, _, answer = answer.partition(b"\r\n\r\n")
            writer.write(interim + b"\r\n\r\n")
            await writer.drain()
    return answer


async def _drain(head: bytes, reader: asyncio.StreamReader) -> None:
    """Take the body that the client sends anyway: who is answered in the middle of it sees a reset instead."""
    if b"100-continue" in head.lower():
        return
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    if length:
        await reader.readexactly(int(length.group(1)))


async def _answer(writer: asyncio.StreamWriter, status: int, code: str) -> None:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>a fault</Message></Error>".encode()
    head = f"HTTP/1.1 {status} Fault\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
    await writer.drain()
