"""Reading takes time in proportion to the text, shown without a clock: by lines run and characters looked at.

What a prompt means is test_language's.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

import pytest

from gpu_worker.prompt_language import LIMITS, BadPrompt, Limits, parse
from gpu_worker.prompt_language.composition import split_at_ands
from gpu_worker.prompt_language.editing import read_edits
from gpu_worker.prompt_language.emphasis import read_emphasis
from gpu_worker.prompt_language.loras import take_loras
from gpu_worker.prompt_language.scanner import Scanner


def lines_run(action: Callable[[], object]) -> int:
    """How many lines of the language's code an action runs: time without a clock."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace if "prompt_language" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


FREE = Limits(10**9, 10**9, 10**9, LIMITS.nesting, 10**9, 10**9, 10**9, weight=float("inf"), step=10**9)
HOSTILE = {
    "letters": "a",
    "blanks": " ",
    "opened round": "(a",
    "closed round": "a)",
    "pairs": "(a)",
    "weights": "(a:1)",
    "opened square": "[",
    "closed square": "]",
    "crossing": "([)]",
    "edits": "[a:b:1]",
    "edits left open": "[a:b:",
    "options": "[a|b]",
    "colons": ":",
    "colons and blanks": ": ",
    "bars": "[|",
    "backslashes": "\\",
    "breaks": "BREAK ",
    "nearly breaks": "xBREAK",
    "ands": "AND ",
    "tags": "<lora:a:1>",
    "tags left open": "<lora:a:",
    "nearly tags": "<a",
    "digits": "(a:1111",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_time_is_linear(piece: str) -> None:
    """Twice the text runs twice the lines at most, a twentieth aside; all caps but nesting are off."""

    def read(text: str) -> None:
        read_emphasis(text)
        with suppress(BadPrompt):
            parse(text, limits=FREE).parts[0].schedule(2)

    short, long = (lines_run(partial(read, (piece * length)[:length])) for length in (1000, 2000))
    assert short > 1000
    assert long <= 2.1 * short


class Looked(str):
    """A text that counts the characters which each look at it costs, also where C looks and no line runs."""

    count_of_all = 0

    def _cost(self, characters: int) -> None:
        Looked.count_of_all += max(1, characters)

    def __getitem__(self, key: Any) -> "Looked":
        got = Looked(super().__getitem__(key))
        self._cost(len(got))
        return got

    def __iter__(self) -> Iterator[str]:
        self._cost(len(self))
        return super().__iter__()

    def __contains__(self, what: Any) -> bool:
        self._cost(len(self))
        return super().__contains__(what)

    def __add__(self, more: str) -> "Looked":
        self._cost(len(self) + len(more))
        return Looked(super().__add__(more))

    def find(self, what: str, start: Any = 0, end: Any = None) -> int:
        at = super().find(what, start, end)
        self._cost((len(self) if at < 0 else at) - start)
        return at

    def partition(self, sign: str) -> tuple[str, str, str]:
        self._cost(len(self))
        before, found, after = super().partition(sign)
        return Looked(before), found, Looked(after)

    def rpartition(self, sign: str) -> tuple[str, str, str]:
        self._cost(len(self))
        before, found, after = super().rpartition(sign)
        return Looked(before), found, Looked(after)

    def split(self, *args: Any) -> list[str]:
        self._cost(len(self))
        return [Looked(each) for each in super().split(*args)]

    def strip(self, signs: str | None = None) -> "Looked":
        self._cost(len(self))
        return Looked(super().strip(signs))


def characters_looked_at(text: str) -> int:
    """Each reader is asked by itself: what one hands to the next is a text of the plain kind again."""
    Looked.count_of_all = 0
    for read in (take_loras, split_at_ands, read_edits):
        with suppress(BadPrompt):
            read(Looked(text), FREE)
    read_emphasis(Looked(text))
    return Looked.count_of_all


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_looks_are_linear(piece: str) -> None:
    """Twice the text costs twice the looks at most, a twentieth aside."""
    short, long = (characters_looked_at((piece * length)[:length]) for length in (1000, 2000))
    assert short > 1000
    assert long <= 2.1 * short


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_each_character_is_scanned_once(piece: str) -> None:
    scanner = Scanner(piece * 2000)
    assert "".join(scanner) == scanner.text
    assert scanner.steps <= len(scanner.text)
