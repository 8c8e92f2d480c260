"""`python -m gpu_worker.base_models.pocket.people OUT`: draw the pictures that pocket learns from."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gpu_worker.base_models.pocket.people.shards import Plan, write


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gpu_worker.base_models.pocket.people", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=10_000, help="pictures")
    parser.add_argument("--size", type=int, default=128, help="pixels")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shots-per-person", type=float, default=2.5)
    parser.add_argument("--whole", action="store_true", help="also what the shipped weights have no words for")
    options = parser.parse_args(arguments)
    per_person = options.shots_per_person
    plan = Plan(options.out, options.count, options.size, options.seed, per_person, whole=options.whole)
    started = time.monotonic()

    def report(done: int, total: int) -> None:
        print(f"shard {done}/{total} after {time.monotonic() - started:.0f} s", flush=True)

    drawn = write(plan, options.workers, report)
    print(f"{drawn} shards drawn, {len(plan.numbers())} in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
