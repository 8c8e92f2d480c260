"""Around every request: security headers out, no oversized body in. Plain ASGI: bodies keep streaming."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

JSON_BYTES = 1024 * 1024  # no JSON body of ours comes near
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Adds HEADERS to every answer that does not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class BodyLimit:
    """Refuses a body beyond what `limit_of(path)` allows, by its declared length or while it streams in."""

    def __init__(self, app: ASGIApp, limit_of: Callable[[str], int]) -> None:
        self.app = app
        self.limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        limit = self.limit_of(scope["path"])
        declared = Headers(scope=scope).get("content-length", "")
        seen = 0

        async def receive_capped() -> Message:
            nonlocal seen
            if _beyond(declared, limit):
                raise _too_large(limit)
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _too_large(limit)
            return message

        await self.app(scope, receive_capped, send)


def _beyond(declared: str, limit: int) -> bool:
    return declared.isdecimal() and (len(declared) > len(str(limit)) or int(declared) > limit)


def _too_large(limit: int) -> HTTPException:
    # An HTTPException, because FastAPI takes any other for broken JSON.
    return HTTPException(413, f"The request is larger than the {limit} bytes allowed here.")
