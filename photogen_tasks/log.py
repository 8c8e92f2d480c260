"""Logging for every process: structlog, one line an event, ids bound once; text for people or JSON for machines."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from photogen_tasks.config import settings

SECRETS = re.compile(r"(pg_[A-Za-z0-9_-]{6})[A-Za-z0-9_-]+|(://[^:/@\s]*:)[^@/\s]+@|(signature=)[0-9a-f]+", re.I)


def setup(*, quiet: bool = False) -> None:
    """Send structlog and the standard library's loggers to stdout in one shape."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if settings().log_format == "text" else "iso"),
        structlog.processors.format_exc_info,
        _hide_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer()],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING if quiet else logging.INFO)
    for chatty in ("httpx", "httpx2", "botocore", "alembic", "billiard", "multiprocessing"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _renderer() -> Any:
    if settings().log_format == "json":
        return structlog.processors.JSONRenderer()
    # Plain tracebacks: prettier ones print local variables, and with them photos and keys.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )


def _hide_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keys, passwords in URLs and signatures never reach a log, whoever wrote the line."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = SECRETS.sub(_masked, value)
    return event


def _masked(match: re.Match[str]) -> str:
    start, password, signature = match.groups()
    return f"{start}…" if start else f"{password}…@" if password else f"{signature}…"
