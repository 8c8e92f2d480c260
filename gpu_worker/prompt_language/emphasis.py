"""Attention: what each round bracket strengthens and each square one weakens, as spans with weights.

Editing and alternation are resolved before; tokens come after.
"""

from dataclasses import dataclass
from math import isclose

from gpu_worker.prompt_language.scanner import SPECIAL, Scanner, read_number, split_at_word, unescape

ROUND = 1.1  # (x); [x] is its inverse
BREAK = "BREAK"


@dataclass(frozen=True)
class Span:
    """Text of one weight; 1 leaves it as it is."""

    text: str
    weight: float


@dataclass
class _Run:
    """A span in the making: its text is joined once, so that many pieces cost no more than one."""

    pieces: list[str]
    weight: float


Section = tuple[Span, ...]
# Sections are what BREAK parts; a prompt without one has one section.
Text = tuple[Section, ...]


def read_emphasis(text: str, *, most: float = float("inf"), square: float = 1 / ROUND) -> Text:
    """Spans of `text` with the products of the brackets around them, sections parted by BREAK.

    A bracket that is never closed reaches to the end, one that was never opened is text. The two kinds do not
    see each other: `(a [b) c]` is two ranges that overlap. Weights beyond `most` are held at it, either way.
    """
    marks = list(Scanner(text))
    factors, closers = _match(marks, square)
    sections: list[list[_Run]] = [[]]
    products: dict[str, list[float]] = {"(": [1.0], "[": [1.0]}
    for at, mark in enumerate(marks):
        if at in factors:
            products[mark].append(products[mark][-1] * factors[at])
        elif at in closers:
            if closers[at]:
                products[closers[at]].pop()
        else:
            weight = products["("][-1] * products["["][-1]
            _add(sections, mark, max(-most, min(most, weight)))
    return tuple(tuple(Span("".join(run.pieces), run.weight) for run in section) for section in sections)


def _match(marks: list[str], square: float) -> tuple[dict[int, float], dict[int, str]]:
    """The factor of each opening sign, and which marks close: the kind they close, or "" beside a closing one."""
    opened: dict[str, list[int]] = {"(": [], "[": []}
    factors: dict[int, float] = {}
    closers: dict[int, str] = {}
    for at, mark in enumerate(marks):
        if at in closers:
            continue
        weight = _weight(marks, at) if mark == ":" else None
        if mark in opened:
            opened[mark].append(at)
        elif weight is not None and opened["("]:
            factors[opened["("].pop()] = weight
            closers |= {at: "(", at + 1: "", at + 2: ""}
        elif mark == ")" and opened["("]:
            factors[opened["("].pop()] = ROUND
            closers[at] = "("
        elif mark == "]" and opened["["]:
            factors[opened["["].pop()] = square
            closers[at] = "["
    return factors | dict.fromkeys(opened["("], ROUND) | dict.fromkeys(opened["["], square), closers


def _weight(marks: list[str], at: int) -> float | None:
    """The number of `:1.3)` when these three marks stand at `at`."""
    if marks[at + 2 : at + 3] != [")"]:
        return None
    return read_number(marks[at + 1])


def _add(sections: list[list[_Run]], mark: str, weight: float) -> None:
    for number, piece in enumerate([mark] if mark in SPECIAL else _split_at_breaks(mark)):
        if number:
            sections.append([])
        text = unescape(piece)
        if not text:
            continue
        last = sections[-1][-1] if sections[-1] else None
        if last and isclose(last.weight, weight, rel_tol=1e-9):
            # Text of one weight is tokenized as a whole: `(un)(known)` is one word.
            last.pieces.append(text)
        else:
            sections[-1].append(_Run([text], 1.0 if isclose(weight, 1.0, rel_tol=1e-9) else weight))


def _split_at_breaks(run: str) -> list[str]:
    """The run around each BREAK that stands as a word of its own, without the blanks beside it."""
    pieces = split_at_word(run, BREAK)
    if len(pieces) == 1:
        return pieces
    return [pieces[0].rstrip(), *(piece.strip() for piece in pieces[1:-1]), pieces[-1].lstrip()]
