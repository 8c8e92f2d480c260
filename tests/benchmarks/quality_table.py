"""What was measured, as tables and as the benchmark's verdict. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tests.benchmarks.quality_intervals import Interval, difference, interval
from tests.benchmarks.quality_plan import Plan
from tests.benchmarks.quality_recipes import EXAMPLE, OURS, SEARCHED, UNTRAINED
from tests.benchmarks.quality_results import Line

GOALS = {"likeness": 1, "adherence": 1, "diversity": 1, "drift": -1}  # on all of these ours must win; -1: by less
COLUMNS = {
    "likeness": "likeness",
    "likeness_2": "likeness, second encoder",
    "adherence": "adherence",
    "diversity": "diversity",
    "drift": "drift (less is better)",
    "leakage": "room leaks (less is better)",
    "copy_distance": "distance to photos",
}
MIDWAY = ("likeness", "likeness_2", "adherence", "diversity", "copy_distance")
MOST_STEPS = 0.5  # of the example's, after which ours must be as like


def verdict(plan: Plan) -> tuple[dict[str, Any], list[str]]:
    """The benchmark's last line, and a sentence for each goal that is missed. Raises LookupError before all is done."""
    ours, theirs = _whole(plan, OURS), _whole(plan, EXAMPLE)
    share = steps_to_example_likeness(plan)
    means = {
        recipe: {name: _mean(lines, name) for name in GOALS} for recipe, lines in ((OURS, ours), (EXAMPLE, theirs))
    }
    missed = [sentence for name in GOALS if (sentence := _missed(ours, theirs, name))]
    if share is None or share > MOST_STEPS:
        missed.append(f"ours takes {share or 'more than all'} of the example's train steps, the goal is {MOST_STEPS}")
    return {"bench": "quality", **means, "steps_to_example_likeness": share}, missed


def steps_to_example_likeness(plan: Plan) -> float | None:
    """The share of the example's train steps after which ours is as like as the example at its end; None: never.

    Of the train steps at which ours is judged the first from which on its mean over the customers stays there.
    """
    step = equal_step(plan)
    return None if step is None else round(step / _example_steps(plan), 3)


def equal_step(plan: Plan) -> int | None:
    """That train step of ours. The last one has all train steps, whichever weights were chosen then."""
    goal, reached = _exact(_whole(plan, EXAMPLE), "likeness"), None
    for step in reversed(plan.ours[0].steps):
        lines = plan.lines(OURS, step)
        if not lines or _exact(lines, "likeness") < goal:
            break
        reached = step
    return reached


def main_table(plan: Plan) -> str:
    """Recipes by scores, means over the test customers with 95 % intervals, and the paired difference."""
    lines = {recipe: _whole(plan, recipe) for recipe in (*UNTRAINED, OURS, EXAMPLE)}
    rows = [[recipe, *(_cell(lines[recipe], name) for name in COLUMNS)] for recipe in lines]
    apart = ["ours less example", *(_apart(lines[OURS], lines[EXAMPLE], name) for name in COLUMNS)]
    return markdown(["", *COLUMNS.values()], [*rows, apart])


def steps_table(plan: Plan) -> str:
    """How ours goes on from train step to train step."""
    rows = [
        [str(step), *(_cell(lines, name) for name in MIDWAY)]
        for step in plan.ours[0].steps
        if (lines := plan.lines(OURS, step))
    ]
    return markdown(["train step", *(COLUMNS[name] for name in MIDWAY)], rows)


def equal_table(plan: Plan) -> str:
    """Ours at equal_step() less the example at its end, paired: what else differs where both are as like."""
    step = equal_step(plan)
    lines = None if step is None else plan.lines(OURS, step)
    if not lines:
        return "Ours never is."
    theirs = _whole(plan, EXAMPLE)
    return markdown([COLUMNS[name] for name in MIDWAY], [[_apart(lines, theirs, name) for name in MIDWAY]])


def second_opinion(plan: Plan) -> Interval:
    """By how much ours is more like than the example to the encoder that nothing selects by."""
    return _difference(_whole(plan, OURS), _whole(plan, EXAMPLE), "likeness_2")


def search_table(plan: Plan) -> str:
    """What each recipe's search found, and with which budget."""
    return markdown(
        [
            "recipe",
            "trainings",
            "train steps each",
            "learning rates",
            "judged after",
            "best rate",
            "best train step",
            "worth",
        ],
        list(_search_rows(plan)),
    )


def _search_rows(plan: Plan) -> Iterator[list[str]]:
    for recipe in SEARCHED:
        searched, best = plan.searches[recipe], plan.found(recipe)
        rates = sorted({training.config.learning_rate for training in searched})
        steps = searched[0].steps
        row = [recipe, str(len(searched)), str(steps[-1]), ", ".join(f"{rate:g}" for rate in rates)]
        judged = ", ".join(map(str, steps))
        if best:
            yield [*row, judged, f"{best.learning_rate:g}", str(best.train_steps), f"{best.score:.3f}"]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as GitHub shows it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _whole(plan: Plan, recipe: str) -> list[Line]:
    lines = plan.lines(recipe)
    if lines is None:
        raise LookupError(f"{recipe} is not measured yet")
    return lines


def _example_steps(plan: Plan) -> int:
    trainings = plan.example()
    if not trainings:
        raise LookupError("the example's search is not done")
    return trainings[0].steps[-1]


def _cell(lines: Sequence[Line], name: str) -> str:
    values = [line[name] for line in lines if line.get(name) is not None]
    return str(interval(values)) if values else "-"


def _missed(ours: Sequence[Line], theirs: Sequence[Line], name: str) -> str | None:
    """Won is what lies apart with 95 % over the customers."""
    apart, sign = _difference(ours, theirs, name), GOALS[name]
    told = f"{name} of ours is {_mean(ours, name):.3f}, of example {_mean(theirs, name):.3f}, {apart} apart"
    if sign * apart.mean <= 0:
        return told
    return None if apart.sign == sign else f"{told}: no difference is shown"


def _apart(ours: Sequence[Line], theirs: Sequence[Line], name: str) -> str:
    both = [a[name] is not None and b[name] is not None for a, b in zip(ours, theirs, strict=True)]
    return str(_difference(ours, theirs, name)) if any(both) else "-"


def _difference(ours: Sequence[Line], theirs: Sequence[Line], name: str) -> Interval:
    """Of the customers of whom both sides have a value."""
    pairs = [(a[name], b[name]) for a, b in zip(ours, theirs, strict=True)]
    told = [(a, b) for a, b in pairs if a is not None and b is not None]
    return difference([a for a, _ in told], [b for _, b in told])


def _exact(lines: Sequence[Line], name: str) -> float:
    return float(np.mean([line[name] for line in lines]))


def _mean(lines: Sequence[Line], name: str) -> float:
    return round(_exact(lines, name), 3)
