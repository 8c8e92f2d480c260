"""docs/ablation.md: each row beside the default, paired by customer. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.benchmarks.ablate_tricks import DEFAULT, taken
from tests.benchmarks.quality_intervals import difference, interval
from tests.benchmarks.quality_results import Line, Results
from tests.benchmarks.quality_search import worth
from tests.benchmarks.quality_table import COLUMNS, markdown
from tests.benchmarks.quality_training import Training

TEXT = """# What each trick is worth

Written by `make ablate` from [ablation.jsonl](ablation.jsonl), a line for each training: base model `{base}`,
{customers} drawn customers, the default recipe with one thing changed. In each cell the mean over customers, and how
far it lies from the default's, paired by customer, with the 95 % interval by Student's t. Worth is what the trainer
chooses checkpoints by: likeness 0.4, adherence 0.3, diversity 0.15, distance to photos 0.15. What the columns mean is
said in [bench-quality.md](bench-quality.md). {done} of {total} trainings are done; rows come when all their customers
are. Rows of one and two photos have more made of them (`few_photos`); those of four and more have none.

Three customers show large differences only: of twenty rows and seven columns some intervals lie off 0 by chance. All
three are men. Row `default` is the recipe as it was when the table was made; what the default took from the table:
{adopted}.

{table}
"""


def rows(trainings: Sequence[Training], results: Results) -> dict[str, list[Line]]:
    """The finished rows: a line for each customer, in one order."""
    names = dict.fromkeys(training.recipe for training in trainings)
    own = {name: [training for training in trainings if training.recipe == name] for name in names}
    return {
        name: [results[training.last] for training in same]
        for name, same in own.items()
        if all(training.last in results for training in same)
    }


def text(trainings: Sequence[Training], results: Results) -> str:
    """The whole page."""
    return TEXT.format(
        base=trainings[0].base_hash[:12],
        customers=len({training.customer for training in trainings}),
        done=sum(training.last in results for training in trainings),
        total=len(trainings),
        adopted=", ".join(f"`{name}` {value}" for name, value in taken().items()) or "nothing",
        table=table(rows(trainings, results)),
    )


def table(found: dict[str, list[Line]]) -> str:
    head = ["", "worth", *COLUMNS.values(), "seconds"]
    return markdown(head, list(_cells(found)))


def last_line(trainings: Sequence[Training], results: Results) -> dict[str, Any]:
    """How many rows there are, and how far each one's worth lies from the default's."""
    found = rows(trainings, results)
    usual = found.get(DEFAULT)
    apart = {
        name: round(difference(_worths(lines), _worths(usual)).mean, 4)
        for name, lines in found.items()
        if usual and name != DEFAULT
    }
    total = len({training.recipe for training in trainings})
    return {"bench": "ablate", "rows": len(found), "of": total, "worth_over_default": apart}


def _cells(found: dict[str, list[Line]]) -> Iterator[list[str]]:
    usual = found.get(DEFAULT)
    for name, lines in found.items():
        beside = None if name == DEFAULT else usual
        worths = _cell(_worths(lines), None if beside is None else _worths(beside))
        scores = [_cell(_scores(lines, score), None if beside is None else _scores(beside, score)) for score in COLUMNS]
        seconds = [line["train_seconds"] for line in lines if line["train_seconds"]]
        yield [name, worths, *scores, f"{sum(seconds) / len(seconds):.0f}" if seconds else "-"]


def _scores(lines: Sequence[Line], name: str) -> list[float | None]:
    return [line[name] for line in lines]


def _cell(values: Sequence[float | None], beside: Sequence[float | None] | None) -> str:
    own = [value for value in values if value is not None]
    if not own:
        return "-"
    if beside is None:
        return str(interval(own))
    pairs = [(a, b) for a, b in zip(values, beside, strict=True) if a is not None and b is not None]
    apart = difference([a for a, _ in pairs], [b for _, b in pairs])
    return f"{sum(own) / len(own):.3f}; {apart.mean:+.3f} ({apart.low:+.3f} to {apart.high:+.3f})"


def _worths(lines: Sequence[Line]) -> list[float]:
    return [worth(line) for line in lines]
