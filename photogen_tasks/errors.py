"""The three errors, by who must act. Their mapping to rows, problems and metrics lives in runner and api."""

from __future__ import annotations


class PhotogenError(Exception):
    """Carries a stable `code` for programs and a `sentence` for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class UsageError(PhotogenError):
    """The customer acts: bad photos, unknown style, missing key. Ends the job and pages nobody."""

    def __init__(self, code: str, sentence: str, status: int = 422) -> None:
        super().__init__(code, sentence)
        self.status = status


class TransientError(PhotogenError):
    """We retry: storage away, out of memory. The stage goes back to pending after `retry_after` seconds or more.

    `ours`: the stage itself did it, and may not do it often; else what it needs was away or broken.
    """

    AWAY = ("storage_unavailable", "database_unavailable", "service_unreachable")

    def __init__(self, code: str, sentence: str, retry_after: float = 10.0, *, ours: bool = False) -> None:
        super().__init__(code, sentence)
        self.retry_after = retry_after
        self.ours = ours

    @property
    def outcome(self) -> str:
        """How a stage run ended by it: `failed` is capped, `lost` too, `away` waits until the job's deadline."""
        return "failed" if self.ours else "away" if self.code in self.AWAY else "lost"


class FatalError(PhotogenError):
    """We act: a bug, bad weights, attempts used up. The row keeps the traceback."""


class NotFound(UsageError):
    """What was asked for does not exist for this tenant; whether it exists for another stays unsaid."""

    def __init__(self, noun: str, name: str) -> None:
        super().__init__("not_found", f"There is no {noun} {name}.", status=404)
