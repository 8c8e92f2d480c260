"""What dead attempts left goes once the job is over, what rows name stays; an erased job is looked at again."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from sqlalchemy import update

from photogen_tasks import claims, db, erase, jobs, manifests, orphans, sweeper
from photogen_tasks.checkpoints import Checkpoints
from photogen_tasks.config import settings
from photogen_tasks.models import Housekeeping, Job, StageRow, Subject, db_now
from photogen_tasks.stages import Stage, Status
from photogen_tasks.storage import Storage, job_prefix, storage, subject_prefix
from photogen_tasks.storage_local import LocalStorage
from photogen_tasks.storage_s3 import S3Storage
from tests.photogen_tasks.conftest import Customer


def ended(customer: Customer, *, long_ago: bool = True) -> Job:
    job_id = customer.job()
    with db.session_scope() as session:
        jobs.end(session, job_id, Status.FAILED, error_class="FatalError", error_code="x", error="X.")
        if long_ago:
            session.execute(update(Job).where(Job.id == job_id).values(ended_at=1.0))
        return session.get_one(Job, job_id, populate_existing=True)


def delete(customer: Customer, job_id: str, *, keep_subject: bool = False) -> None:
    with db.session_scope() as session:
        jobs.delete(session, jobs.get(session, customer.tenant_id, job_id), keep_subject=keep_subject)
    assert erase.erase_waiting() == 1


def erased_before(seconds: float) -> None:
    with db.session_scope() as session:
        session.execute(update(Job).values(erased_at=db_now() - seconds))


def test_only_what_rows_name_is_kept(customer: Customer, objects: Storage) -> None:
    job = ended(customer)
    own, weights = job_prefix(customer.tenant_id, job.id), subject_prefix(customer.tenant_id, job.subject_id)
    kept = [f"{own}matte/a2/manifest.json", f"{own}matte/a2/alpha/001.png", f"{own}preprocess/a3/photos.jpg"]
    gone = [f"{own}matte/a1/alpha/001.png", f"{own}train/checkpoints/a1/x.safetensors", f"{weights}{job.id}/a1/w"]
    others = [f"{weights}another-job/a1/w", job_prefix(customer.tenant_id, "another") + "matte/a1/x"]
    for key in (*kept, *gone, *others):
        objects.put_if_absent(key, b"x")
    with db.session_scope() as session:
        session.execute(update(StageRow).where(StageRow.name == Stage.MATTE).values(manifest_key=kept[0]))
        session.execute(update(Job).values(photo_sheet=kept[2]))
    assert sweeper.sweep()["orphans_erased"] == len(gone)
    with db.read_scope() as session:
        assert session.get_one(Housekeeping, "orphans_erased").count == len(gone)
    assert sorted(objects.keys("tenants/")) == sorted([*kept, *others])
    assert orphans.erase_all() == 0  # each job is looked at once


def test_a_job_that_ended_just_now_waits(customer: Customer, objects: Storage) -> None:
    job = ended(customer, long_ago=False)
    objects.put_if_absent(job_prefix(customer.tenant_id, job.id) + "matte/a1/x", b"x")
    assert orphans.erase_all() == 0


def test_what_a_frozen_worker_writes_after_the_erasing_goes(
    customer: Customer, objects: Storage, tmp_path: Path
) -> None:
    job_id = customer.job()
    claim = claims.claim({"job": job_id, "epoch": 1}, Stage.PREPROCESS, "frozen")
    assert isinstance(claim, claims.Claim)
    with db.session_scope() as session:
        session.execute(update(StageRow).where(StageRow.name == Stage.PREPROCESS).values(lease_until=1.0))
    sweeper.sweep()
    delete(customer, job_id)
    with db.read_scope() as session:
        job = session.get_one(Job, job_id)

    # It wakes, and ends what it was about: weights, a checkpoint, half a file.
    weights = subject_prefix(customer.tenant_id, job.subject_id) + f"{job_id}/a1/"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "lora.safetensors").write_bytes(b"a face")
    manifests.keep(objects, weights, tmp_path / "out")
    Checkpoints(objects, customer.tenant_id, claim, tmp_path / "out").keep()
    half_written(objects, job_prefix(customer.tenant_id, job_id) + "train/checkpoints/a1/x")

    assert orphans.erase_all() == 0  # it may not be the last that it writes
    erased_before(settings().presign_seconds + 1)
    assert sweeper.sweep()["orphans_erased"] == 4
    assert list(objects.keys("tenants/")) == []
    assert half_written_ones(objects) == []
    with db.read_scope() as session:
        assert session.get_one(Housekeeping, "orphans_erased").count == 4
    objects.put_if_absent(weights + "x", b"x")
    assert orphans.erase_all() == 0  # looked at again once


def half_written(objects: Storage, key: str) -> None:
    """What is left of a large upload whose writer was killed."""
    if isinstance(objects, S3Storage):
        client = boto3.client("s3", endpoint_url=settings().s3_endpoint_url, region_name="us-east-1")
        client.create_multipart_upload(Bucket=objects.bucket, Key=objects.prefix + key)
    elif isinstance(objects, LocalStorage):
        folder, _, name = key.rpartition("/")
        objects.put_if_absent(f"{folder}/.{name}.0123abcd", b"x")


def half_written_ones(objects: Storage) -> list[str]:
    if not isinstance(objects, S3Storage):
        return []
    client = boto3.client("s3", endpoint_url=settings().s3_endpoint_url, region_name="us-east-1")
    listed = client.list_multipart_uploads(Bucket=objects.bucket, Prefix=objects.prefix)
    return [upload["Key"] for upload in listed.get("Uploads", ())]


@pytest.mark.parametrize(("lease", "link", "late"), [(30, 900, 900), (600, 900, 1800)])
def test_an_erased_job_is_looked_at_once_leases_and_links_are_over(
    customer: Customer, monkeypatch: pytest.MonkeyPatch, lease: int, link: int, late: int
) -> None:
    monkeypatch.setenv("PHOTOGEN_LEASE_SECONDS", str(lease))
    monkeypatch.setenv("PHOTOGEN_PRESIGN_SECONDS", str(link))
    settings.cache_clear()
    job_id = customer.job()
    delete(customer, job_id)
    storage().put_if_absent(job_prefix(customer.tenant_id, job_id) + "x", b"x")
    erased_before(late - 30)
    assert orphans.erase_all() == 0
    erased_before(late + 30)
    assert orphans.erase_all() == 1


def test_a_job_that_was_tidied_before_its_erasing_is_looked_at_again(customer: Customer, objects: Storage) -> None:
    job = ended(customer)
    assert orphans.erase_all() == 0
    delete(customer, job.id)
    objects.put_if_absent(job_prefix(customer.tenant_id, job.id) + "matte/a1/x", b"x")
    with db.session_scope() as session:
        session.execute(update(Job).values(orphans_erased_at=db_now() - 2000, erased_at=db_now() - 1000))
    assert orphans.erase_all() == 1
    assert list(objects.keys("tenants/")) == []


def test_a_kept_subject_keeps_its_weights_and_nothing_else(customer: Customer, objects: Storage) -> None:
    job = ended(customer)
    weights = subject_prefix(customer.tenant_id, job.subject_id) + job.id
    kept = [f"{weights}/a2/lora.safetensors", f"{weights}/a2/manifest.json"]
    own = job_prefix(customer.tenant_id, job.id) + "matte/a1/"
    with db.session_scope() as session:
        session.execute(update(Subject).values(weights_manifest=kept[1]))
        matte = (StageRow.job_id == job.id) & (StageRow.name == Stage.MATTE)
        session.execute(update(StageRow).where(matte).values(manifest_key=f"{own}manifest.json"))
    delete(customer, job.id, keep_subject=True)
    for key in (*kept, f"{weights}/a1/lora.safetensors", f"{own}manifest.json"):
        objects.put_if_absent(key, b"x")
    erased_before(1000)
    assert orphans.erase_all() == 2
    assert sorted(objects.keys("tenants/")) == kept


@pytest.mark.parametrize("error", [OSError("disk"), RuntimeError("a bug")])
def test_one_job_that_cannot_be_tidied_holds_up_no_other(
    customer: Customer, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Storage that fails for one job; everything else is real."""
    stuck, other = ended(customer), ended(customer)
    for job in (stuck, other):
        storage().put_if_absent(job_prefix(customer.tenant_id, job.id) + "matte/a1/x", b"x")
    whole = LocalStorage.delete_prefix

    def broken(self: LocalStorage, prefix: str) -> int:
        if stuck.id in prefix:
            raise error
        return whole(self, prefix)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "delete_prefix", broken)
        assert sweeper.sweep()["orphans_erased"] == 1
    assert sweeper.sweep()["orphans_erased"] == 1
    assert list(storage().keys("tenants/")) == []
