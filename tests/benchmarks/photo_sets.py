"""Whole sets through the judge of a set: one person alone, and with photos of a stranger mixed in.

Every photo was accepted on its own before, so whatever is refused here the set's judge refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np

from gpu_worker.gate.photo import Verdict
from gpu_worker.gate.photo_set import SetLimits, SetVerdict, judge_set
from tests.benchmarks.photo_crowds import Crowd

MIXES = ((5, 1), (4, 2), (2, 2))  # photos of one person and of another
LEAST = 4  # sets of one person
SETS = 60  # of each mix, at least

Row = tuple[str, int, int | None, int | None]  # decision, cases, false accepts, false rejects


def set_rows(crowd: Crowd) -> Iterator[Row]:
    """Strangers that come through, one's own photos that do not, and even halves that are taken for one person."""
    yield _alone(crowd)
    for own, strange in MIXES:
        sets = list(_mixed(crowd, own, strange))
        kept = [_kept(judged) for judged in sets]
        name = f"set of {own} + {strange} photos, {crowd.name}"
        if own == strange:
            yield name, len(sets), sum(_mixes(numbers, own) for numbers in kept), None
            continue
        strangers = sum(number > own for numbers in kept for number in numbers)
        lost = sum(number not in numbers for numbers in kept for number in range(1, own + 1))
        yield f"{name}: strangers", strange * len(sets), strangers, None
        yield f"{name}: own", own * len(sets), None, lost


def together(verdicts: Sequence[Verdict], same_person: float, duplicate_bits: int = 0) -> SetVerdict:
    """The set's verdict by likeness alone, or by `duplicate_bits` too; photos are numbered in their order, from 1.

    Views of one portrait repeat it, so that repeats are left in; one photo is enough.
    """
    numbered = [replace(verdict, number=number) for number, verdict in enumerate(verdicts, 1)]
    limits = SetLimits(min_photos=1, same_person=same_person, duplicate_bits=duplicate_bits)
    return judge_set(numbered, limits)


def _alone(crowd: Crowd) -> Row:
    sets = [verdicts for verdicts in crowd.good if len(verdicts) >= LEAST]
    kept = sum(len(_kept(together(verdicts, crowd.same_person))) for verdicts in sets)
    cases = sum(len(verdicts) for verdicts in sets)
    return f"set of one person, {crowd.name}", cases, None, cases - kept


def _mixed(crowd: Crowd, own: int, strange: int) -> Iterator[SetVerdict]:
    rng = np.random.default_rng([37, own, strange])
    pairs = [(a, b) for a, b in permutations(crowd.good, 2) if len(a) >= own and len(b) >= strange]
    for _ in range(-(-SETS // max(1, len(pairs)))):
        for person, stranger in pairs:
            yield together([*_some(person, own, rng), *_some(stranger, strange, rng)], crowd.same_person)


def _some(verdicts: Sequence[Verdict], count: int, rng: np.random.Generator) -> list[Verdict]:
    return [verdicts[int(place)] for place in rng.choice(len(verdicts), count, replace=False)]


def _kept(judged: SetVerdict) -> list[int]:
    return [photo.number for photo in judged.good] if judged.accepted else []


def _mixes(numbers: Sequence[int], own: int) -> bool:
    return any(number <= own for number in numbers) and any(number > own for number in numbers)
