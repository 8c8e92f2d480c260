"""What is each trick of the default recipe worth, and each photo? The default with one thing changed, row by row.

Run by `make ablate`. Three customers that neither tuning nor bench-quality saw. Each training is a line in
docs/ablation.jsonl, written once, and docs/ablation.md is written from it whenever a run ends or is stopped; rows may
be committed as they come, and several processes may work at once, each with its --share. Where a setting of the default
changes, its rows are measured anew. Last line: the JSON line.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from gpu_worker.weights import hash_base_model
from tests.benchmarks import ablate_table, quality_status
from tests.benchmarks.ablate_tricks import trainings
from tests.benchmarks.quality import Clock, OutOfTime, parser
from tests.benchmarks.quality_laboratory import Laboratory
from tests.benchmarks.quality_likeness import open_second
from tests.benchmarks.quality_results import Results
from tests.benchmarks.quality_scale import FULL, QUICK, Scale
from tests.benchmarks.quality_share import add_share
from tests.benchmarks.quality_training import Training

WORK = Path("photogen-bench/quality")  # the second encoder and the class images are bench-quality's
DOCS = Path("docs")


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__, WORK)
    options.add_argument("--rows", nargs="+", help="only rows with one of these words in their names")
    add_share(options)
    given = options.parse_args(arguments)
    scale = QUICK if given.quick else FULL
    work, docs = (given.work / scale.name,) * 2 if given.quick else (given.work, DOCS)
    base_hash = hash_base_model(given.base_model, None)
    planned, results = trainings(given.base_model, base_hash, scale), Results(docs / "ablation.jsonl")
    named = [training for training in planned if not given.rows or any(word in training.recipe for word in given.rows)]
    chosen = given.share.of(named)
    if not given.status:
        _measure(given, scale, work, base_hash, chosen, results)
        results.refresh()
        (docs / "ablation.md").write_text(ablate_table.text(planned, results))
    print(quality_status.told([quality_status.trainings_part("trainings", chosen, results)]))
    print(json.dumps(ablate_table.last_line(planned, results), separators=(",", ":")))


def _measure(
    given: argparse.Namespace, scale: Scale, work: Path, base_hash: str, chosen: Sequence[Training], results: Results
) -> None:
    """Until all is done or the minutes are over."""
    clock = Clock(given.minutes)
    second = open_second(work, scale, given.base_model, base_hash)
    print(f"likeness_2: {second.told}", flush=True)
    laboratory = Laboratory(given.base_model, work, results, second, clock)
    try:
        for training in chosen:
            if training.left(results):
                print(f"{training.recipe}, customer {training.customer}", flush=True)
                laboratory.measure(training)
    except OutOfTime:
        print(f"stopped after {given.minutes:g} minutes; the same command goes on")


if __name__ == "__main__":
    main()
