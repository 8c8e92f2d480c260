"""The look at the rows counts exactly what is there, on both databases."""

from __future__ import annotations

import pytest

from monitoring import database
from photogen_tasks.db import session_scope
from photogen_tasks.erase import erase
from photogen_tasks.models import Job, StageRun
from photogen_tasks.stages import Status
from tests.monitoring.conftest import write_rows


def test_counts_every_row(database: str) -> None:
    from monitoring.database import look

    write_rows()
    seen = look()
    assert {key: n for key, n in seen.jobs_ended.items() if n} == {
        ("portrait", "succeeded"): 2,
        ("portrait", "failed"): 1,
        ("train", "failed"): 1,
        ("generate", "cancelled"): 1,
    }
    assert seen.job_failures[("portrait", "UsageError")] == 1
    assert seen.job_failures[("train", "FatalError")] == 1
    assert seen.job_failures[("generate", "FatalError")] == 0
    assert seen.jobs_in_state == {"queued": 1, "running": 1, "succeeded": 2, "failed": 2, "cancelled": 1}
    assert seen.stage_failures == {("train", "lost"): 1, ("preprocess", "no_face"): 1}
    assert seen.running["preprocess"] == (1, 0.25)
    assert seen.running["train"] == (0, 0.0)
    assert seen.sweeper_actions == {"lease_expired": 3}  # erased images are no mishap
    assert seen.images == 5


def test_ages_count_only_what_could_run(database: str) -> None:
    from monitoring.database import look

    write_rows()
    seen = look()
    assert seen.oldest_age["infer"] == pytest.approx(100, abs=5)
    assert seen.oldest_age["train"] == 0  # the running job's later stages wait for its first, not for a worker
    assert seen.outbox_age == pytest.approx(50, abs=5)


def test_durations_fall_into_their_buckets(database: str) -> None:
    from monitoring.database import BOUNDS, look

    write_rows()
    seen = look().durations[("train", "succeeded")]
    assert (seen.count, seen.seconds) == (1, 250.0)
    assert [bound for bound, n in zip(BOUNDS, seen.within, strict=True) if n] == [b for b in BOUNDS if b >= 250]


def test_an_empty_database_is_all_zeros(database: str) -> None:
    from monitoring.database import look

    seen = look()
    assert set(seen.jobs_ended.values()) == {0}
    assert seen.outbox_age == 0
    assert seen.images == 0


def test_error_names_are_bounded_and_keep_theirs(sqlite: str) -> None:
    write_rows()
    with session_scope() as session:
        job = session.query(Job).filter(Job.status == Status.CANCELLED).one()
        session.add_all(
            StageRun(
                job_id=job.id, stage="generate", attempt=n, fence=n, worker="w", outcome="failed",
                error_code=f"code_{n}", started_at=2000.0 + n, ended_at=2001.0 + n,
            )
            for n in range(1, 150)
        )  # fmt: skip
    seen = database.look().stage_failures
    assert len(seen) == database.MAX_ERRORS + 1
    assert seen[("generate", "code_1")] == 1
    assert seen[("generate", database.OTHER)] == 149 + 2 - database.MAX_ERRORS


def test_erasing_a_job_takes_nothing_back(database: str) -> None:
    from monitoring.database import look

    write_rows()
    before = look()
    with session_scope() as session:
        done = session.query(Job).filter(Job.status == Status.SUCCEEDED, Job.deleted_at.is_(None)).one()
        done.deleted_at = 3000.0
        job_id = done.id
    assert erase(job_id)
    after = look()
    assert after.images == before.images
    assert after.jobs_ended == before.jobs_ended
    assert after.durations == before.durations
