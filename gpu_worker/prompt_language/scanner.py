"""Splits a prompt into runs of plain text and single special characters, and reads numbers.

What a bracket means is not known here.
"""

from collections.abc import Iterator

SPECIAL = frozenset("()[]:|")
DIGITS = frozenset("0123456789")  # not str.isdigit: float() and A1111 take no other script's


class Scanner:
    """One walk over a text. `steps` counts the characters that were looked at: never more than there are."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps = 0

    def __iter__(self) -> Iterator[str]:
        """Runs and signs in order; joined they are the text. What is escaped stays in its run, with its backslash."""
        text, start, at = self.text, 0, 0
        while at < len(text):
            self.steps += 1
            if text[at] == "\\":
                at += 2
                continue
            if text[at] in SPECIAL:
                if start < at:
                    yield text[start:at]
                yield text[at]
                start = at + 1
            at += 1
        if start < len(text):
            yield text[start:]


def unescape(run: str) -> str:
    """Drop each backslash and keep what follows it; one at the very end goes too."""
    if "\\" not in run:
        return run
    kept, at = [], 0
    while at < len(run):
        at += run[at] == "\\"
        kept.append(run[at : at + 1])
        at += 1
    return "".join(kept)


def read_number(run: str) -> float | None:
    """The number that a run is, blanks around it allowed; None when it is anything else.

    A sign, digits, one dot: no exponents, no `inf`. Too long a number is infinite.
    """
    text = run.strip()
    digits = text[1:] if text[:1] in ("+", "-") else text
    whole, _, fraction = digits.partition(".")
    if not (whole or fraction) or not DIGITS.issuperset(whole) or not DIGITS.issuperset(fraction):
        return None
    return float(text)


def split_at_word(text: str, word: str) -> list[str]:
    """The text around each `word` that stands as a word of its own; blanks stay."""
    pieces, start, at = [], 0, text.find(word)
    while at >= 0:
        end = at + len(word)
        if not (_in_word(text[at - 1 : at]) or _in_word(text[end : end + 1])):
            pieces.append(text[start:at])
            start = end
        at = text.find(word, end)
    return [*pieces, text[start:]]


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"
