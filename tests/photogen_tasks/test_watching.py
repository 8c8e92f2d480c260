"""Progress for people: plain lines without a terminal, bars with one, a table at the end."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from photogen_tasks import watching


def state(status: str, progress: float, line: str) -> dict[str, Any]:
    stages = [
        {"name": "train", "status": status, "progress": progress, "line": line, "seconds": 61.5, "attempts": 2},
        {"name": "generate", "status": "pending", "progress": 0.0, "line": "", "seconds": None, "attempts": 0},
    ]
    return {"id": "j1", "status": status, "stages": stages}


STATES = [
    state("running", 0.02, "train step 8/400 loss 0.12"),
    state("running", 0.03, "train step 12/400 loss 0.11"),
    state("running", 0.55, "train step 220/400 loss 0.05"),
    state("succeeded", 1.0, ""),
]


@pytest.mark.parametrize("terminal", [True, False])
def test_the_last_state_comes_back_and_the_steps_were_shown(terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=140)
    assert watching.show(iter(STATES), console) == STATES[-1]
    assert "train step 220/400 loss 0.05" in out.getvalue() or terminal


def test_without_a_terminal_a_tenth_is_one_line() -> None:
    out = io.StringIO()
    watching.show(iter(STATES), Console(file=out, width=140))
    assert len(out.getvalue().splitlines()) == 3


def test_the_table_has_seconds_and_attempts() -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(watching.table(STATES[-1]))
    assert "61.5" in out.getvalue()
    assert " 2 " in out.getvalue()
