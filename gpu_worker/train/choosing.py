"""Which train step's weights a customer gets, and why, in one sentence.

Likeness alone never decides: it rises while a base model forgets all else. Prior preservation costs likeness, 0.684
against 0.712, and brings diversity, 0.391 against 0.371 (Ruiz et al., "DreamBooth", arXiv 2208.12242, table 3): by
likeness alone the recipe that over-fits would win. No files here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpu_worker.train.scores import Scores

# What each score counts. People preferred DreamBooth by 0.1 of subject fidelity and 0.05 of prompt fidelity (tables 1
# and 2 there), which is 0.125 of adherence as we scale it: the two count about alike, likeness more, since it is the
# product, and less than all others together.
WEIGHTS = {"likeness": 0.4, "adherence": 0.3, "diversity": 0.15, "distance": 0.15}
MOST_COPIES = 0.25  # share of samples that may repeat a training photo: one of four is chance, more is memory
COLLAPSED = 0.5  # share of the best diversity under which samples are one image again and again
DIGITS = 2  # of weighted sums: what differs less is noise of a few samples, and the earlier train step wins
SAID = {"likeness": "likeness", "adherence": "adherence", "diversity": "diversity", "distance": "distance to photos"}


@dataclass(frozen=True)
class Candidate:
    """What the samples after a train step scored."""

    train_step: int
    scores: Scores


@dataclass(frozen=True)
class Choice:
    """The train step whose weights are kept, and `why`, one sentence; a row in `table` for each candidate.

    A row has step, which is the train step, the scores, `weighted` (0..1, None for who was left out) and `verdict`:
    chosen, copies, collapsed, dominated (another one is at least as good in everything), or beaten (also once: its
    weights were let go then).
    """

    train_step: int
    why: str
    table: Sequence[Mapping[str, Any]] = ()


def choose(candidates: Sequence[Candidate]) -> Choice:
    """The candidate that copies no photos, did not collapse, and has the best of all scores together.

    Dropped are candidates of which more than MOST_COPIES of the samples repeat a training photo (if all do, all but
    those that do it least), then those with less than COLLAPSED of the best diversity, then those that another one
    dominates. Of the rest the highest sum by WEIGHTS is chosen, the earlier train step where sums are equal: fewer
    train steps drift less. A score that one candidate lacks and another has counts 0; one that all lack counts not.
    Without likeness and adherence there is nothing to choose by, and the last candidate is taken; so it is where only
    likeness was measured.
    The order of `candidates` does not matter. Raises ValueError for none.
    """
    if not candidates:
        raise ValueError("no candidate to choose from")
    ordered = sorted(candidates, key=lambda candidate: candidate.train_step)
    measured = [name for name in WEIGHTS if any(_raw(each, name) is not None for each in ordered)]
    if unable := _unable(measured):
        last = ordered[-1].train_step
        return last_train_step(last, unable, rows(ordered, {}, {last: "chosen"}))
    verdicts: dict[int, str] = {}
    left = _sift(ordered, measured, verdicts)
    sums = {each.train_step: _weighted(each, measured) for each in left}
    chosen = min(left, key=lambda each: (-sums[each.train_step], each.train_step))
    verdicts |= {each.train_step: "beaten" for each in left} | {chosen.train_step: "chosen"}
    return Choice(chosen.train_step, _why(chosen, left, ordered, sums, verdicts), rows(ordered, sums, verdicts))


def last_train_step(step: int, because: str, table: Sequence[Mapping[str, Any]] = ()) -> Choice:
    """The choice where there is none to make."""
    return Choice(step, f"The weights of the last train step, {step}, were taken, because {because}.", table)


def _unable(measured: Sequence[str]) -> str | None:
    """Why these scores are nothing to choose by."""
    if not {"likeness", "adherence"} & set(measured):
        return "nothing could tell likeness or adherence"
    return "likeness alone tells who over-fits" if list(measured) == ["likeness"] else None


def _sift(ordered: Sequence[Candidate], measured: Sequence[str], verdicts: dict[int, str]) -> list[Candidate]:
    """Who may be chosen; `verdicts` are told why the others may not."""
    most = max(MOST_COPIES, min(each.scores.copying or 0.0 for each in ordered))
    verdicts |= {each.train_step: "copies" for each in ordered if (each.scores.copying or 0.0) > most}
    left = [each for each in ordered if each.train_step not in verdicts]
    least = COLLAPSED * max(each.scores.diversity or 0.0 for each in left)
    verdicts |= {each.train_step: "collapsed" for each in left if (each.scores.diversity or 0.0) < least}
    left = [each for each in left if each.train_step not in verdicts]
    dominated = {each.train_step: "dominated" for each in left if any(_dominates(one, each, measured) for one in left)}
    verdicts |= dominated
    return [each for each in left if each.train_step not in dominated]


def _dominates(one: Candidate, other: Candidate, measured: Sequence[str]) -> bool:
    pairs = [(_score(one, name), _score(other, name)) for name in measured]
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _weighted(candidate: Candidate, measured: Sequence[str]) -> float:
    weights = _weights(measured)
    return round(sum(weight * _score(candidate, name) for name, weight in weights.items()), DIGITS)


def _weights(measured: Sequence[str]) -> dict[str, float]:
    """Summing up to 1. What was not measured leaves its weight to all others but likeness, which never is half."""
    kept = WEIGHTS["likeness"] if "likeness" in measured else 0.0
    others = {name: WEIGHTS[name] for name in measured if name != "likeness"}
    scaled = {name: weight * (1 - kept) / sum(others.values()) for name, weight in others.items()}
    return scaled | ({"likeness": kept} if kept else {})


def _score(candidate: Candidate, name: str) -> float:
    return _raw(candidate, name) or 0.0


def _raw(candidate: Candidate, name: str) -> float | None:
    value: float | None = getattr(candidate.scores, name)
    return value


def _why(
    chosen: Candidate,
    left: Sequence[Candidate],
    ordered: Sequence[Candidate],
    sums: Mapping[int, float],
    verdicts: Mapping[int, str],
) -> str:
    told = f"Train step {chosen.train_step} was chosen with {_told(chosen)}, together {sums[chosen.train_step]:.2f}"
    others = [each for each in left if each is not chosen]
    if others:
        next_best = min(others, key=lambda each: (-sums[each.train_step], each.train_step))
        theirs = sums[next_best.train_step]
        tied = "the same" if theirs == sums[chosen.train_step] else f"{theirs:.2f}"
        told += f", over train step {next_best.train_step} with {_told(next_best)}, together {tied}"
    pairs = [(each, verdicts[each.train_step]) for each in ordered]
    out = [f"{each.train_step} {_fault(each, verdict)}" for each, verdict in pairs if verdict in FAULTS]
    return told + (f"; left out: {', '.join(out)}" if out else "") + "."


FAULTS = ("copies", "collapsed", "dominated")


def _fault(candidate: Candidate, verdict: str) -> str:
    if verdict == "copies":
        return f"({candidate.scores.copying or 0:.0%} of its samples repeat a photo)"
    if verdict == "collapsed":
        return f"(its samples are all alike, diversity {candidate.scores.diversity or 0:.2f})"
    return "(worse or no better in everything)"


def _told(candidate: Candidate) -> str:
    scores = [(SAID[name], _raw(candidate, name)) for name in WEIGHTS]
    return ", ".join(f"{said} {value:.2f}" for said, value in scores if value is not None)


def rows(
    ordered: Sequence[Candidate], sums: Mapping[int, float], verdicts: Mapping[int, str]
) -> tuple[dict[str, Any], ...]:
    """Rows of Choice.table, in the order given; sums and verdicts are by train step."""
    return tuple(
        {
            "step": each.train_step,
            **{name: _raw(each, name) for name in (*WEIGHTS, "copying")},
            "weighted": sums.get(each.train_step),
            "verdict": verdicts.get(each.train_step),
            "unmeasured": dict(each.scores.unmeasured),
        }
        for each in ordered
    )
