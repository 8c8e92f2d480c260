"""What dead attempts left in storage goes once the job is over; what rows name stays."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from photogen_tasks import db, jobs, orphans, sweeper
from photogen_tasks.models import Housekeeping, Job, StageRow
from photogen_tasks.stages import Stage, Status
from photogen_tasks.storage import Storage, job_prefix, subject_prefix
from tests.photogen_tasks.conftest import Customer, make_customer


@pytest.fixture
def customer(sqlite: str) -> Customer:
    return make_customer("customer")


def ended(customer: Customer, *, long_ago: bool = True) -> Job:
    job_id = customer.job()
    with db.session_scope() as session:
        jobs.end(session, job_id, Status.FAILED, error_class="FatalError", error_code="x", error="X.")
        if long_ago:
            session.execute(update(Job).values(ended_at=1.0))
        return session.get_one(Job, job_id, populate_existing=True)


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
