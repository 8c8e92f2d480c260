"""Waiting for conditions, for programs that are no pytest run. Never sleeps for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable

POLL_SECONDS = 0.05


def wait_for(condition: Callable[[], object], what: str, seconds: float = 180.0, poll: float = POLL_SECONDS) -> None:
    """Until the condition holds. Raises TimeoutError, with `what`, when it does not within `seconds`."""
    if not holds_within(condition, seconds, poll):
        raise TimeoutError(f"waited {seconds:g} s in vain for {what}")


def holds_within(condition: Callable[[], object], seconds: float, poll: float = POLL_SECONDS) -> bool:
    """Does the condition come true within so many seconds?"""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(poll)
    return True
