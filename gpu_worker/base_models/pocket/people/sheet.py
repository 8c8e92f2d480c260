"""`python -m gpu_worker.base_models.pocket.people.sheet OUT.png`: drawn people side by side, to be looked at.

48 people once each, or with `--person` one of them in 24 shots. Nothing is judged here.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.drawing import draw
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.shot import Shot

GAP = 4  # px


def people(first: int, count: int, known: words.Words) -> list[tuple[Person, Shot]]:
    """`count` people, one shot each."""
    found = [Person.from_seed(first + number, known) for number in range(count)]
    return [(person, Shot.from_seed(person, 0, known)) for person in found]


def shots(seed: int, count: int, known: words.Words) -> list[tuple[Person, Shot]]:
    """One person in `count` shots."""
    person = Person.from_seed(seed, known)
    return [(person, Shot.from_seed(person, number, known)) for number in range(count)]


def sheet(pairs: Sequence[tuple[Person, Shot]], size: int, columns: int) -> Image.Image:
    """One square picture of `size` px for each pair, row by row."""
    rows = -(-len(pairs) // columns)
    page = Image.new("RGB", (columns * (size + GAP) + GAP, rows * (size + GAP) + GAP), "white")
    for number, (person, shot) in enumerate(pairs):
        place = GAP + number % columns * (size + GAP), GAP + number // columns * (size + GAP)
        page.paste(Image.fromarray(draw(person, shot, size).image), place)
    return page


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gpu_worker.base_models.pocket.people.sheet", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--person", type=int, help="one person's seed; without it each picture shows another one")
    parser.add_argument("--first", type=int, default=0, help="the first person's seed")
    parser.add_argument("--count", type=int, help="pictures; 48 people or 24 shots when left out")
    parser.add_argument("--size", type=int, default=192, help="pixels")
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--shipped", action="store_true", help="only what the shipped weights have words for")
    options = parser.parse_args(arguments)
    known, alone = words.SHIPPED if options.shipped else words.WHOLE, options.person is not None
    count = options.count or (24 if alone else 48)
    pairs = shots(options.person, count, known) if alone else people(options.first, count, known)
    started = time.process_time()
    sheet(pairs, options.size, options.columns).save(options.out)
    spent = (time.process_time() - started) / count
    sys.stdout.write(f"{count} pictures in {options.out}, {spent:.2f} s of one core each\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
