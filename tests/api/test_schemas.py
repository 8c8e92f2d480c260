"""From rows to answers: progress, lines, times, and errors that stay ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from api.errors import OUR_FAULT
from api.schemas import JobOut
from photogen_tasks.models import Job, StageRow
from photogen_tasks.stages import JobKind, Stage, Status


def stage(name: Stage, status: Status, **rest: Any) -> StageRow:
    defaults = {"progress": 0.0, "line": "", "attempt": 0, "started_at": None, "ended_at": None}
    return StageRow(name=name, status=status, **defaults | rest)


def job(*stages: StageRow, **rest: Any) -> Job:
    defaults = {"status": Status.RUNNING, "created_at": 86400.0, "params": {}, "cancel_requested": False}
    return Job(id="0" * 32, subject_id="1" * 32, kind=JobKind.PORTRAIT, stages=list(stages), **defaults | rest)


DONE = stage(Stage.PREPROCESS, Status.SUCCEEDED, progress=1.0, attempt=2, started_at=10.0, ended_at=12.5)


def test_progress_counts_every_stage_alike() -> None:
    running = stage(Stage.MATTE, Status.RUNNING, progress=0.5, line="photo 3 of 6", attempt=1, started_at=12.5)
    out = JobOut.of(job(DONE, running, stage(Stage.TRAIN, Status.PENDING)))
    assert out.progress == 0.5
    assert out.line == "matte: photo 3 of 6"
    assert [each.seconds is None for each in out.stages] == [False, False, True]
    assert (out.stages[0].seconds, out.stages[0].attempts) == (2.5, 2)


def test_a_waiting_job_says_for_what() -> None:
    assert JobOut.of(job(DONE, stage(Stage.MATTE, Status.PENDING))).line == "waiting for matte"


def test_times_are_utc_in_iso_8601() -> None:
    out = JobOut.of(job(DONE))
    assert out.created_at == datetime(1970, 1, 2, tzinfo=UTC)
    assert out.model_dump(mode="json")["created_at"] == "1970-01-02T00:00:00Z"
    assert out.ended_at is None


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("UsageError", "We found no face in photo 3."),
        ("FatalError", OUR_FAULT),
        ("TransientError", OUR_FAULT),
    ],
)
def test_only_the_customers_errors_are_told(kind: str, told: str) -> None:
    failed = stage(Stage.PREPROCESS, Status.FAILED, attempt=1, started_at=1.0, ended_at=2.0)
    error = {"error_class": kind, "error_code": "no_face", "error": "We found no face in photo 3."}
    row = job(failed, stage(Stage.MATTE, Status.CANCELLED), status=Status.FAILED, **error)
    out = JobOut.of(row).model_dump(mode="json", by_alias=True)
    expected = {"class": kind, "code": "no_face", "sentence": told}
    assert out["error"] == expected
    assert [each["error"] for each in out["stages"]] == [expected, None]
    assert out["line"] == told
