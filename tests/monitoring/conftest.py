"""Rows of jobs in every state, written through the real tables, and an exporter process over them."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session

from photogen_tasks.db import session_scope
from photogen_tasks.models import (
    Housekeeping,
    Image,
    Job,
    Outbox,
    StageRow,
    StageRun,
    Subject,
    Tenant,
    db_now,
    new_id,
)
from photogen_tasks.stages import JobKind, Stage, Status
from tests.conftest import await_true, free_port, running

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def write_rows() -> None:
    """Two jobs succeeded (one deleted since), two failed by each fault, one each runs, waits, was cancelled."""
    with session_scope() as session:
        subject = _subject(session)
        done = _job(session, subject, JobKind.PORTRAIT, Status.SUCCEEDED)
        _run(session, done, Stage.TRAIN, 1, "lost", 30.0)
        _run(session, done, Stage.TRAIN, 2, "succeeded", 250.0)
        picture = {"key": "k", "sha256": "0", "bytes": 1, "width": 1, "height": 1, "prompt": "p", "seed": 1}
        session.add(Image(tenant_id=done.tenant_id, job_id=done.id, position=0, **picture))
        _job(session, subject, JobKind.PORTRAIT, Status.SUCCEEDED, deleted_at=2000.0, erased_at=2001.0)
        theirs = {"error_class": "UsageError", "error_code": "no_face"}
        bad = _job(session, subject, JobKind.PORTRAIT, Status.FAILED, error="No face.", **theirs)
        _run(session, bad, Stage.PREPROCESS, 1, "failed", 1.5, **theirs)
        ours = {"error_class": "FatalError", "error_code": "deadline_passed"}
        _job(session, subject, JobKind.TRAIN, Status.FAILED, error="Late.", **ours)
        _job(session, subject, JobKind.GENERATE, Status.CANCELLED)
        working = _job(session, subject, JobKind.PORTRAIT, Status.RUNNING)
        working.stages[0].status, working.stages[0].progress = Status.RUNNING, 0.25
        _run(session, working, Stage.PREPROCESS, 1, None, 0.0)
        waiting = _job(session, subject, JobKind.GENERATE, Status.QUEUED)
        waiting.stages[0].pending_since = db_now() - 100
        session.add(Outbox(kind="chain", job_id=waiting.id, epoch=1, created_at=db_now() - 50))
        session.add(Housekeeping(action="lease_expired", count=3))
        session.add(Housekeeping(action="images_erased", count=4))


def _subject(session: Session) -> Subject:
    tenant = Tenant(name=new_id())
    session.add(tenant)
    session.flush()
    subject = Subject(tenant_id=tenant.id, class_noun="person", base_model="pocket")
    session.add(subject)
    session.flush()
    return subject


def _job(session: Session, subject: Subject, kind: JobKind, status: Status, **values: Any) -> Job:
    of = {"tenant_id": subject.tenant_id, "subject_id": subject.id}
    job = Job(kind=kind, status=status, params={}, deadline=db_now() + 3600, **of, **values)
    job.stages = [StageRow(name=stage, seq=seq) for seq, stage in enumerate(kind.stages)]
    session.add(job)
    session.flush()
    return job


def _run(session: Session, job: Job, stage: Stage, attempt: int, outcome: str | None, took: float, **why: str) -> None:
    ended = 1000.0 + took if outcome else None
    run = StageRun(job_id=job.id, stage=stage, attempt=attempt, fence=attempt, worker="w", **why)
    run.outcome, run.started_at, run.ended_at = outcome, 1000.0, ended
    session.add(run)


def parse(text: str) -> Samples:
    """{(name, labels): value} of an exposition."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[(name, frozenset(labels.items()))]


def fetch(url: str) -> tuple[int, str]:
    """Status and body, whatever the status."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@contextmanager
def exporter(log: Path) -> Iterator[str]:
    """The real exporter as its own process, over this test's database and broker; its base URL."""
    port = free_port()
    env = os.environ | {"PHOTOGEN_METRICS_PORT": str(port)}

    def seen() -> bool:
        try:
            return "photogen_jobs_total" in fetch(f"http://127.0.0.1:{port}/metrics")[1]
        except OSError:
            return False

    with running([sys.executable, "-m", "monitoring.exporter"], env, log):
        await_true(seen, "the exporter's first look")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def exporter_url(sqlite: str, broker: str, tmp_path: Path) -> Iterator[str]:
    write_rows()
    with exporter(tmp_path / "exporter.log") as url:
        yield url
