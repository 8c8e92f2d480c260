"""Chaos for every change, by seeds of its own: the checker must fail without the guard, and find nothing with it.

Says nothing of speed: leases are long enough for a busy machine, and every wait is for something to happen.
"""

from __future__ import annotations

import os

import pytest

from tests.chaos import report, runs
from tests.chaos.nemesis import EVERYTHING, rarely
from tests.chaos.runs import Course
from tests.chaos.world import Plan

pytestmark = pytest.mark.slow
JOBS = 20
PATIENT = {"LEASE_SECONDS": "10", "PENDING_SECONDS": "6"}


def seed_of(test: int) -> int:
    """Each test's own, the same every time; CHAOS_SEED asks for another."""
    return int(os.environ.get("CHAOS_SEED") or 0) or 417_000 + test


def test_the_checker_fails_without_the_guard() -> None:
    run = runs.unguarded(seed_of(0))
    assert report.oracle_fails(run), report.told(run)


def test_whoever_dies_wherever_it_converges() -> None:
    run = runs.matrix(seed_of(1), repeat=1)
    assert report.missed_matrix(run) == [], report.told(run)
    assert run.reached == run.cells == 45


def test_all_faults_together_lose_nothing() -> None:
    habits = rarely(EVERYTHING, times=1, zombie=(12, 14))
    run = runs.disturbed(seed_of(2), JOBS, Course(habits, s3_lies=True, plan=Plan(settings=PATIENT)))
    assert report.missed_run("F-3", run) == [], report.told(run)
    assert run.faults > 0
