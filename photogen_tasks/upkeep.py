"""Counters that rows cannot tell any more: what was mended, what was erased. They only grow."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from photogen_tasks.models import Housekeeping

INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def add(session: Session, action: str, count: int) -> None:
    """In one statement: two who count may both find no row to add to."""
    row = INSERT[session.get_bind().dialect.name](Housekeeping).values(action=action, count=count)
    total = {"count": Housekeeping.count + row.excluded.count}
    session.execute(row.on_conflict_do_update(index_elements=[Housekeeping.action], set_=total))
