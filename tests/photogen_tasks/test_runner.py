"""Every stage run ends in a row: done, refused, failed by whom, stopped. Real storage, real rows, work of our own."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from gpu_worker.errors import BadPhotos, BadWeights, OutOfMemory, TooLarge
from photogen_tasks import db, erase, jobs, runner
from photogen_tasks.config import settings
from photogen_tasks.errors import TransientError
from photogen_tasks.heartbeat import drain_flag
from photogen_tasks.models import Job, Photo, StageRow, StageRun
from photogen_tasks.runner import OpenStage
from photogen_tasks.stages import Stage, Status
from photogen_tasks.storage import storage
from photogen_tasks.storage_local import LocalStorage
from tests.conftest import forget
from tests.photogen_tasks.conftest import make_customer
from tests.photogen_tasks.test_claims import job_row


@pytest.fixture
def job_id(sqlite: str, tmp_path: Path) -> str:
    customer = make_customer("customer")
    job_id = customer.job()
    (tmp_path / "photo").write_bytes(b"a photo")
    with db.read_scope() as session:
        key = session.scalars(select(Photo.key).where(Photo.job_id == job_id)).one()
    storage().put_file(key, tmp_path / "photo", "image/jpeg")
    return job_id


def preprocess(job_id: str, work: Callable[[OpenStage], None], epoch: int = 1) -> object:
    return runner.run(Stage.PREPROCESS, work, {"job": job_id, "epoch": epoch})


def good(stage: OpenStage) -> None:
    assert [path.read_bytes() for path in (stage.inputs / "photos").iterdir()] == [b"a photo"]
    stage.report(0.5, "half")
    good_outputs(stage)


def good_outputs(stage: OpenStage) -> None:
    (stage.outputs / "report.json").write_text('{"photos": [{"verdict": "good"}]}')


def failing(error: Exception) -> Callable[[OpenStage], None]:
    def work(_: OpenStage) -> None:
        raise error

    return work


def last_run(job_id: str) -> StageRun:
    with db.read_scope() as session:
        return session.scalars(select(StageRun).where(StageRun.job_id == job_id).order_by(StageRun.attempt)).all()[-1]


def test_work_is_fetched_done_kept_and_written_down(job_id: str) -> None:
    ref = {"job": job_id, "epoch": 1}
    assert preprocess(job_id, good) == ref
    row = job_row(job_id).stages[0]
    assert row.status == Status.SUCCEEDED
    assert row.manifest_key is not None
    assert storage().size(row.manifest_key)
    with db.read_scope() as session:
        assert session.scalars(select(Photo.verdict).where(Photo.job_id == job_id)).one() == {"verdict": "good"}


def test_what_is_done_already_lets_the_chain_go_on_without_work(job_id: str) -> None:
    preprocess(job_id, good)
    assert preprocess(job_id, failing(AssertionError("worked twice"))) == {"job": job_id, "epoch": 1}


def test_a_stale_message_ends_quietly(job_id: str) -> None:
    with pytest.raises(Ignore):
        preprocess(job_id, good, epoch=7)


def test_a_customers_error_ends_the_job_with_its_sentence(job_id: str) -> None:
    with pytest.raises(Ignore):
        preprocess(job_id, failing(BadPhotos("no_face", "We found no face in photo 1.")))
    job = job_row(job_id)
    assert (job.status, job.error_class, job.error_code) == (Status.FAILED, "UsageError", "no_face")
    assert job.error == "We found no face in photo 1."
    assert last_run(job_id).error == "We found no face in photo 1."


def test_a_refused_set_still_tells_each_photos_verdict(job_id: str) -> None:
    def work(stage: OpenStage) -> None:
        (stage.outputs / "report.json").write_text('{"photos": [{"verdict": "refused"}], "set": {"accepted": 0}}')
        (stage.outputs / "photos.jpg").write_bytes(b"a sheet")
        raise BadPhotos("too_few_photos", "We can use 0 of 1 photos and need 4.")

    with pytest.raises(Ignore):
        preprocess(job_id, work)
    with db.read_scope() as session:
        assert session.scalars(select(Photo.verdict).where(Photo.job_id == job_id)).one() == {"verdict": "refused"}
    job = job_row(job_id)
    assert job.photo_set == {"accepted": 0}
    assert job.photo_sheet is not None
    assert storage().get_bytes(job.photo_sheet) == b"a sheet"


def test_uploaded_files_go_once_they_are_judged(job_id: str) -> None:
    with db.read_scope() as session:
        key = session.scalars(select(Photo.key).where(Photo.job_id == job_id)).one()

    def away(stage: OpenStage) -> None:
        raise TransientError("storage_unavailable", "Storage is away.")

    with pytest.raises(Ignore):
        preprocess(job_id, away)
    assert storage().size(key)  # it is not over yet
    with db.session_scope() as session:
        for row in session.get_one(Job, job_id).stages:
            row.not_before = 0
    preprocess(job_id, good, epoch=2)
    assert storage().size(key) is None
    with db.read_scope() as session:
        assert session.scalars(select(Photo.erased_at).where(Photo.job_id == job_id)).one()


def test_a_refused_jobs_files_go_too(job_id: str) -> None:
    with db.read_scope() as session:
        key = session.scalars(select(Photo.key).where(Photo.job_id == job_id)).one()
    with pytest.raises(Ignore):
        preprocess(job_id, failing(BadPhotos("no_face", "We found no face in photo 1.")))
    assert storage().size(key) is None
    assert erase.originals() == 0


def test_who_lost_the_stage_writes_no_verdicts(job_id: str) -> None:
    def work(stage: OpenStage) -> None:
        (stage.outputs / "report.json").write_text('{"photos": [{"verdict": "refused"}]}')
        (stage.outputs / "photos.jpg").write_bytes(b"a sheet")
        with db.session_scope() as session:  # the lease ran out, and somebody else took the stage
            session.execute(update(StageRow).where(StageRow.job_id == job_id).values(fence=StageRow.fence + 1))
        raise BadPhotos("too_few_photos", "We can use 0 of 1 photos and need 4.")

    with pytest.raises(Ignore):
        preprocess(job_id, work)
    with db.read_scope() as session:
        assert session.scalars(select(Photo.verdict).where(Photo.job_id == job_id)).one() is None
    assert job_row(job_id).photo_sheet is None
    assert not [key for key in storage().keys("tenants") if key.endswith("photos.jpg")]


@pytest.mark.parametrize("error", [OutOfMemory("cuda"), MemoryError()])
def test_out_of_memory_is_tried_again_up_to_the_cap(job_id: str, error: Exception) -> None:
    for attempt in range(settings().max_failures):
        with db.session_scope() as session:
            session.execute(update(Job).values(epoch=attempt + 1))
            for row in session.get_one(Job, job_id).stages:
                row.not_before = 0
        with pytest.raises(Ignore):
            preprocess(job_id, failing(error), epoch=attempt + 1)
    assert (job_row(job_id).status, job_row(job_id).error_code) == (Status.FAILED, "attempts_used_up")


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EMFILE, errno.EIO, errno.EROFS])
def test_a_machine_in_trouble_is_a_loss_and_no_fault_of_the_stage(job_id: str, trouble: int) -> None:
    with pytest.raises(Ignore):
        preprocess(job_id, failing(OSError(trouble, os.strerror(trouble))))
    row = job_row(job_id).stages[0]
    assert (row.status, row.failures, row.losses) == (Status.PENDING, 0, 1)
    assert last_run(job_id).error_code == "machine_trouble"


def test_a_missing_file_of_ours_is_ours(job_id: str) -> None:
    with pytest.raises(Ignore):
        preprocess(job_id, failing(FileNotFoundError("report.json")))
    assert job_row(job_id).error_class == "FatalError"


def test_without_a_database_the_message_goes_back(job_id: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHOTOGEN_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")  # no tables in it
    monkeypatch.setattr(runner, "AGAIN_SECONDS", 0.01)
    forget()
    with pytest.raises(Reject) as told:
        preprocess(job_id, failing(AssertionError("worked without a lease")))
    assert told.value.requeue


@pytest.mark.parametrize("error", [BadWeights("cannot be read"), TooLarge("not one image at a time")])
def test_what_is_ours_keeps_its_traceback_and_is_not_tried_again(job_id: str, error: Exception) -> None:
    with pytest.raises(Ignore):
        preprocess(job_id, failing(error))
    job = job_row(job_id)
    assert (job.status, job.error_class, job.error_code) == (Status.FAILED, "FatalError", type(error).__name__)
    assert "Traceback" in (last_run(job_id).error or "")


def test_a_cancelled_job_stops_at_the_next_step(job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_HEARTBEAT_SECONDS", "0.05")
    settings.cache_clear()

    def work(stage: OpenStage) -> None:
        with db.session_scope() as session:
            jobs.cancel(session, session.get_one(Job, job_id))
        while True:
            stage.report(0.5, "still working")

    with pytest.raises(Ignore):
        preprocess(job_id, work)
    assert job_row(job_id).status == Status.CANCELLED
    assert last_run(job_id).outcome == "cancelled"


def test_a_cancel_that_comes_before_the_commit_ends_the_job_at_once(job_id: str) -> None:
    def work(stage: OpenStage) -> None:
        good_outputs(stage)
        with db.session_scope() as session:
            jobs.cancel(session, session.get_one(Job, job_id))

    with pytest.raises(Ignore):
        preprocess(job_id, work)
    assert job_row(job_id).status == Status.CANCELLED
    assert last_run(job_id).outcome == "cancelled"
    assert not list(storage().keys(f"tenants/{job_row(job_id).tenant_id}/jobs/"))


def test_told_to_drain_it_keeps_one_more_checkpoint(
    job_id: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("PHOTOGEN_HEARTBEAT_SECONDS", "0.05")
    settings.cache_clear()
    flag = drain_flag(os.getppid())
    request.addfinalizer(lambda: flag.unlink(missing_ok=True))
    saved: list[str] = []

    def work(stage: OpenStage) -> None:
        flag.touch()
        try:
            while True:
                stage.report(0.5, "still working")
        except Exception:  # as a training does
            (stage.checkpoints / "step-000007.safetensors").write_bytes(b"weights")
            saved.append("yes")
            raise

    with pytest.raises(Ignore):
        preprocess(job_id, work)
    assert saved
    assert (last_run(job_id).outcome, job_row(job_id).stages[0].status) == ("draining", Status.PENDING)
    flag.unlink()
    found: list[bytes] = []

    def go_on(stage: OpenStage) -> None:
        found.extend(path.read_bytes() for path in stage.checkpoints.iterdir())
        good(stage)

    preprocess(job_id, go_on, epoch=2)
    assert found == [b"weights"]


def test_what_an_attempt_learnt_of_the_memory_is_told_to_the_next(job_id: str) -> None:
    def too_large(stage: OpenStage) -> None:
        (stage.checkpoints / "micro_batch.json").write_text("2")
        raise OutOfMemory("cuda")

    with pytest.raises(Ignore):
        preprocess(job_id, too_large)
    with db.session_scope() as session:
        for row in session.get_one(Job, job_id).stages:
            row.not_before = 0
    found: list[str] = []

    def smaller(stage: OpenStage) -> None:
        found.extend(path.read_text() for path in stage.checkpoints.iterdir())
        good(stage)

    preprocess(job_id, smaller, epoch=2)
    assert found == ["2"]
    assert not [key for key in storage().keys("tenants/") if "checkpoints" in key]


def test_a_checkpoint_that_storage_refuses_stops_no_training(job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = LocalStorage.put_file

    def away(self: LocalStorage, key: str, path: Path, content_type: str) -> None:
        if "checkpoints" in key:
            raise TransientError("storage_unavailable", "Storage is away.")
        whole(self, key, path, content_type)

    monkeypatch.setattr(LocalStorage, "put_file", away)

    def work(stage: OpenStage) -> None:
        (stage.checkpoints / "step-000007.safetensors").write_bytes(b"weights")
        stage.report(0.5, "saved, we thought")
        good(stage)

    preprocess(job_id, work)
    assert job_row(job_id).stages[0].status == Status.SUCCEEDED


def test_whoever_is_fenced_out_leaves_the_other_ones_checkpoint(job_id: str) -> None:
    def work(stage: OpenStage) -> None:
        (stage.checkpoints / "step-000007.safetensors").write_bytes(b"weights")
        stage.report(0.5, "saved")
        with db.session_scope() as session:
            session.execute(update(StageRow).values(fence=StageRow.fence + 1))
        good_outputs(stage)

    with pytest.raises(Ignore):
        preprocess(job_id, work)
    assert [key for key in storage().keys("tenants/") if key.endswith("step-000007.safetensors")]


def test_a_database_that_was_away_is_ours_and_passing(job_id: str) -> None:
    with pytest.raises(Ignore):
        preprocess(job_id, failing(OperationalError("select 1", {}, Exception("restarting"))))
    assert job_row(job_id).status == Status.RUNNING
    assert (last_run(job_id).outcome, last_run(job_id).error_code) == ("away", "database_unavailable")
    assert (job_row(job_id).stages[0].failures, job_row(job_id).stages[0].losses) == (0, 0)


def test_a_stage_that_is_too_slow_counts_as_our_failure(job_id: str) -> None:
    with pytest.raises(Ignore):
        preprocess(job_id, failing(SoftTimeLimitExceeded()))
    assert (job_row(job_id).stages[0].failures, last_run(job_id).error_code) == (1, "too_slow")


def test_a_photo_that_never_came_is_the_customers_to_send(job_id: str) -> None:
    storage().delete_prefix("photos/")
    with pytest.raises(Ignore):
        preprocess(job_id, good)
    assert job_row(job_id).error_code == "photo_missing"


def test_nothing_of_a_customer_stays_on_the_worker(job_id: str) -> None:
    seen: list[Path] = []

    def work(stage: OpenStage) -> None:
        seen.append(stage.inputs)
        good(stage)

    preprocess(job_id, work)
    assert not seen[0].exists()
