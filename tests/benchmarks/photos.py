"""How right and how fast is the gate? A table of its decisions, then photos per second against decoding alone.

Run by `python -m tests.benchmarks.photos FOLDER`, which draws its people once into FOLDER; `--only decisions` stops
after the table. Then come the stages' speed, matting beside rembg, and the matting errors of
tests.benchmarks.matting. Last line: the JSON line; ends with 1 where a goal of the mattes is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.benchmarks.matting import BACKENDS, matting_errors, reached
from tests.benchmarks.photo_crowds import drawn_photos
from tests.benchmarks.photo_decisions import decisions
from tests.benchmarks.photo_speed import speed
from tests.benchmarks.rembg_peer import against_rembg

COMPOSITES = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=("decisions", "speed"), help="leave out the rest, and the JSON line")
    given = parser.parse_args()
    people = drawn_photos(given.folder / "people")
    if given.only != "speed":
        decisions(people, given.folder / "glasses")
    if given.only == "decisions":
        return
    told = {"bench": "photos"} | speed(people, given.folder / "large")
    if given.only == "speed":
        return
    against_rembg(given.folder)
    errors = matting_errors(given.folder / "matting", COMPOSITES)
    goal = reached(errors)
    print(json.dumps(told | {"matting": {name: errors.get(name) for name in BACKENDS}}))
    sys.exit(0 if goal else 1)


if __name__ == "__main__":
    main()
