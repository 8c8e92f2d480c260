"""Health: is the process alive, can it serve. Reasons go to the log, never into the answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import structlog
from fastapi import APIRouter, Response
from sqlalchemy import select

from api.schemas import Alive, Ready
from photogen_tasks import broker
from photogen_tasks.db import read_scope
from photogen_tasks.models import Tenant
from photogen_tasks.storage import storage

log = structlog.get_logger()
router = APIRouter(tags=["health"])
CHECK_SECONDS = 3.0  # load balancers give up after about five
NEEDED = ("database", "storage")  # without the broker jobs are still accepted: the outbox keeps them
_pool = ThreadPoolExecutor(max_workers=6, thread_name_prefix="readyz")


@router.get("/healthz")
def alive() -> Alive:
    """The process answers."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready, "description": "Database or storage is away."}})
def ready(response: Response) -> Ready:
    """Database and storage can be reached; the broker is told, and not needed to accept jobs."""
    running = {name: _pool.submit(check) for name, check in _CHECKS.items()}
    checks: dict[str, Literal["ok", "unreachable"]] = {}
    for name, check in running.items():
        try:
            check.result(timeout=CHECK_SECONDS)
            checks[name] = "ok"
        except Exception as error:  # whatever it is, this part cannot be used now
            log.warning("part unreachable", part=name, error=f"{type(error).__name__}: {error}")
            checks[name] = "unreachable"
    if any(checks[name] != "ok" for name in NEEDED):
        response.status_code = 503
        return Ready(status="unavailable", checks=checks)
    return Ready(status="ready" if checks["broker"] == "ok" else "degraded", checks=checks)


def _database() -> None:
    with read_scope() as session:  # a table of ours: an empty database is not ready either
        session.execute(select(Tenant.id).limit(1))


def _broker() -> None:
    broker.ask(lambda connection: connection.default_channel)  # which opens with a ping


_CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "storage": lambda: storage().check(),
    "broker": _broker,
}
