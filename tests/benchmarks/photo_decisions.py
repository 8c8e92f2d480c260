"""The table of the gate's decisions, each with what it wrongly let through and what it wrongly refused.

For "same person" and "near-duplicates" a false accept is a pair wrongly taken for the same. Speed is not looked at.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from gpu_worker.gate.findings import PHOTO
from gpu_worker.gate.photo import Verdict
from gpu_worker.gate.photo_set import SetLimits
from tests.benchmarks.photo_changes import COPIES, DAMAGES
from tests.benchmarks.photo_crowds import Crowd, drawn, drawn_in, faceless, judge, photographs
from tests.benchmarks.photo_sets import Row, set_rows, together

WIDE = 52


def decisions(people: list[list[Path]], folder: Path) -> None:
    """Print the tables; `people` are the drawn ones' files, `folder` keeps more drawings."""
    crowds = drawn(people), photographs()
    print(f"{'decision':{WIDE}s}  cases   false accepts   false rejects")
    for row in (*_faces(crowds), *_passing(crowds, people), _glasses(folder), *_pairs(crowds)):
        _print(row)
    for crowd in crowds:
        for row in (*set_rows(crowd), *_duplicates(crowd)):
            _print(row)
    print(f"\n{'fault: the code that is due':{WIDE}s}  cases     code missed     let through  codes of the missed")
    _fault("in sunglasses, drawn", "eyes_covered", [judge(photo) for photo in drawn_in("sunglasses", folder)])
    for crowd in crowds:
        _faults(crowd)


def _print(row: Row, more: str = "") -> None:
    name, cases, *counts = row
    told = ["-" if count is None else f"{count} ({count / max(1, cases):.1%})" for count in counts]
    print(f"{name:{WIDE}s} {cases:6d} {told[0]:>15s} {told[1]:>15s}  {more}".rstrip(), flush=True)


def _faces(crowds: Sequence[Crowd]) -> Iterator[Row]:
    for crowd in crowds:
        missed = sum(not verdict.faces for verdict in crowd.all_judged)
        yield f"a face is found, {crowd.name}", len(crowd.all_judged), None, missed
    empty = faceless()
    yield "no face in a picture without", len(empty), sum(bool(judge(picture).faces) for picture in empty), None


def _passing(crowds: Sequence[Crowd], people: list[list[Path]]) -> Iterator[Row]:
    """Photos that nobody spoilt, in all and by the code of refusal; a drawn one in sunglasses is none."""
    for crowd in crowds:
        good = crowd.all_judged
        if crowd.name == "drawn":
            good = [verdict for verdict, bare in zip(good, _bare(people), strict=True) if bare]
        yield f"good photos pass, {crowd.name}", len(good), None, sum(not verdict.accepted for verdict in good)
        for code, count in Counter(code for verdict in good for code in _hard(verdict)).items():
            yield f"    refused as {code}", len(good), None, count


def _bare(people: list[list[Path]]) -> list[bool]:
    bare = []
    for paths in people:
        about = json.loads((paths[0].parent / "attributes.json").read_text())["photos"]
        bare += [about[path.name]["glasses"] != "sunglasses" for path in paths]
    return bare


def _glasses(folder: Path) -> Row:
    worn = [judge(photo) for photo in drawn_in("glasses", folder)]
    return (
        "glasses are not taken for sunglasses, drawn",
        len(worn),
        None,
        sum("eyes_covered" in _codes(v) for v in worn),
    )


def _pairs(crowds: Sequence[Crowd]) -> Iterator[Row]:
    """Two photos at a time, at the crowd's limit and, for comparison, drawn people at that of photographs."""
    for crowd in crowds:
        found = [[v.identity for v in verdicts if v.identity is not None] for verdicts in crowd.judged]
        same = [float(a @ b) for vectors in found for a, b in combinations(vectors, 2)]
        other = [float(a @ b) for one, two in combinations(found, 2) for a in one for b in two]
        for limit in sorted({SetLimits().same_person, crowd.same_person}):
            name = f"same person, pairs, {crowd.name}, from {limit}"
            yield name, len(other), sum(value >= limit for value in other), None
            yield name, len(same), None, sum(value < limit for value in same)


def _duplicates(crowd: Crowd) -> Iterator[Row]:
    """Other photos of a person (views repeat theirs), and each person's first good photo against copies of it."""
    of_people = crowd.good if crowd.name == "drawn" else [[person[0] for person in crowd.good]]
    pairs = [pair for verdicts in of_people for pair in combinations(verdicts, 2)]
    yield f"near-duplicates, other photos, {crowd.name}", len(pairs), sum(map(_repeats, pairs)), None
    firsts = [person[0] for person in crowd.good_photos if person]
    for name, copy in COPIES.items():
        copies = [(verdict, judge(copy(photo))) for photo, verdict in firsts]
        judged = [pair for pair in copies if pair[1].accepted]
        missed = sum(not _repeats(pair) for pair in judged)
        yield f"near-duplicates, {name}, {crowd.name}", len(judged), None, missed


def _repeats(pair: tuple[Verdict, Verdict]) -> bool:
    judged = together(pair, -1, SetLimits().duplicate_bits)
    return any("near_duplicate" in _codes(verdict) for verdict in judged.photos)


def _faults(crowd: Crowd) -> None:
    """Every good photo spoilt in every way."""
    good = [pair for person in crowd.good_photos for pair in person]
    for name, (code, damage) in DAMAGES.items():
        _fault(f"{name}, {crowd.name}", code, [judge(damage(photo, verdict.face)) for photo, verdict in good])


def _fault(name: str, code: str, verdicts: Sequence[Verdict]) -> None:
    """How many lack the code, how many pass although it is one that refuses, and what was found instead."""
    missed = [verdict for verdict in verdicts if code not in _codes(verdict)]
    passed = sum(verdict.accepted for verdict in missed) if PHOTO[code][0] else None
    instead = Counter(other for verdict in missed for other in _codes(verdict) or ["none"])
    more = ", ".join(f"{other} {count}" for other, count in instead.most_common())
    _print((f"{name}: {code}", len(verdicts), len(missed), passed), more)


def _codes(verdict: Verdict) -> list[str]:
    return [found.code for found in verdict.findings]


def _hard(verdict: Verdict) -> list[str]:
    return [found.code for found in verdict.findings if found.hard]
