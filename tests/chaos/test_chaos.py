"""The large runs, small: the checker must fail without the guard, and find nothing with it. `make chaos` runs all."""

from __future__ import annotations

import os
import secrets

import pytest

from tests.chaos import report, runs
from tests.chaos.nemesis import EVERYTHING, KILLS

pytestmark = pytest.mark.chaos
JOBS = 30


@pytest.fixture(scope="module")
def seed() -> int:
    """A new one for each run, to be told with what it found; CHAOS_SEED asks for an old one again."""
    return int(os.environ.get("CHAOS_SEED") or secrets.randbelow(1_000_000))


def test_the_checker_fails_without_the_guard(seed: int) -> None:
    run = runs.unguarded(seed)
    assert report.oracle_fails(run), f"seed {seed}: {report.told(run)}"


def test_whoever_dies_wherever_it_converges(seed: int) -> None:
    run = runs.matrix(seed, repeat=1)
    assert report.missed_matrix(run) == [], f"seed {seed}: {report.told(run)}"
    assert run.reached == run.cells == 45


def test_random_kills_lose_nothing(seed: int) -> None:
    run = runs.disturbed(seed, JOBS, KILLS)
    assert report.missed_run("F-2", run) == [], f"seed {seed}: {report.told(run)}"
    assert run.faults > 0


def test_all_faults_together_lose_nothing(seed: int) -> None:
    free = runs.undisturbed(seed, JOBS)
    run = runs.disturbed(seed, JOBS, EVERYTHING, s3_lies=True)
    assert report.missed_run("F-3", run) == [], f"seed {seed}: {report.told(run)}"
    assert run.faults > 0
    assert run.finding.p95 <= report.SLOWER * free.finding.p95, f"seed {seed}: {report.told(run)}, {report.told(free)}"
