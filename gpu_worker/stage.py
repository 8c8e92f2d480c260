"""What the five stages share: how they report progress, how they read their settings, where they find what is common.

No stage's own settings, and nothing heavy: this is imported wherever an error class of ours is.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel, ConfigDict


class OnStep(Protocol):
    """Called while a stage works; whatever it raises stops the stage and reaches the caller unchanged."""

    def __call__(self, progress: float, line: str) -> None:
        """`progress` is the share of the stage that is done, 0..1; `line` says it to a human."""
        ...


def silent(progress: float, line: str) -> None:
    """The OnStep of callers who gave none."""


class SharedContent(Protocol):
    """Files that depend on no customer, made once for all of them. Nothing of one person may lie there."""

    def once(self, name: str, make: Callable[[Path], None], on_wait: Callable[[], None]) -> Path:
        """The file `name`: a hash of all that shapes its content, in hexadecimal, and a suffix. It is only read.

        Where nobody has it, `make` writes it to the path that it is given, while nobody else makes it. Who finds
        another at work waits, and calls `on_wait` every second or so. What `make` or `on_wait` raises ends the call.
        """
        ...


class StageConfig(BaseModel):
    """Settings of one stage, fixed once made."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        """Take this stage's own settings out of `params`; None means "not given".

        Raises pydantic.ValidationError when a value does not fit.
        """
        return cls.model_validate({key: value for key, value in params.items() if value is not None})
