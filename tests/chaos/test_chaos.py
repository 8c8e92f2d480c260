"""The large runs with hundreds of jobs, small, by a new seed each time; test_small.py has the others."""

from __future__ import annotations

import os
import secrets

import pytest

from tests.chaos import report, runs
from tests.chaos.nemesis import EVERYTHING, KILLS
from tests.chaos.runs import FREE, Course

pytestmark = pytest.mark.chaos
JOBS = 30


@pytest.fixture(scope="module")
def seed() -> int:
    """A new one for each run, to be told with what it found; CHAOS_SEED asks for an old one again."""
    return int(os.environ.get("CHAOS_SEED") or secrets.randbelow(1_000_000))


def test_random_kills_lose_nothing(seed: int) -> None:
    run = runs.disturbed(seed, JOBS, Course(KILLS))
    assert report.missed_run("F-2", run) == [], f"seed {seed}: {report.told(run)}"
    assert run.faults > 0


def test_all_faults_together_lose_nothing(seed: int) -> None:
    free = runs.disturbed(seed, JOBS, FREE)
    run = runs.disturbed(seed, JOBS, Course(EVERYTHING, s3_lies=True))
    assert report.missed_run("F-3", run) == [], f"seed {seed}: {report.told(run)}"
    assert run.faults > 0
    assert run.finding.p95 <= report.SLOWER * free.finding.p95, f"seed {seed}: {report.told(run)}, {report.told(free)}"
