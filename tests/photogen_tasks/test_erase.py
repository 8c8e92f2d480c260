"""Erasing: what fails is tried again and holds up no other; photos and counters lose nothing on the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError

from photogen_tasks import db, erase, jobs, photos
from photogen_tasks.errors import TransientError, UsageError
from photogen_tasks.models import Housekeeping, Image, Job, Photo, Tenant, db_now
from photogen_tasks.params import JobParams
from photogen_tasks.stages import Status
from photogen_tasks.storage import Storage, job_prefix, storage
from photogen_tasks.storage_local import LocalStorage
from tests.conftest import await_true, forget
from tests.photogen_tasks.conftest import Customer
from tests.photogen_tasks.refusals import door_to

ERRORS = [
    TransientError("storage_unavailable", "Storage cannot be reached."),
    OSError("the disk is broken"),
    OperationalError("select 1", {}, Exception("the database is away")),
    RuntimeError("a bug"),
]
WAITING = text("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")


def deleted(customer: Customer) -> str:
    job_id = customer.job()
    storage().put_if_absent(job_prefix(customer.tenant_id, job_id) + "matte/a1/x", b"x")
    with db.session_scope() as session:
        jobs.delete(session, jobs.get(session, customer.tenant_id, job_id))
    return job_id


def erased(job_id: str) -> bool:
    with db.read_scope() as session:
        return session.get_one(Job, job_id).erased_at is not None


def uploaded(customer: Customer, objects: Storage, *, days_ago: int = 0) -> Photo:
    """A photo that lies in storage and that no job took."""
    with db.session_scope() as session:
        [photo] = photos.create(session, customer.tenant_id, ["a.jpg"])
        session.execute(update(Photo).where(Photo.id == photo.id).values(created_at=db_now() - days_ago * 86400))
    objects.put_if_absent(photo.key, b"a photo")
    photos.mark_uploaded(customer.tenant_id, [photo.id])
    return photo


def rows(photo_id: str) -> int:
    with db.read_scope() as session:
        return session.scalar(select(func.count()).select_from(Photo).where(Photo.id == photo_id)) or 0


def submit(customer: Customer, photo_id: str) -> str:
    with db.session_scope() as session:
        return jobs.create(session, customer.tenant_id, JobParams(style="demo"), photo_ids=[photo_id]).id


def failing(monkeypatch: pytest.MonkeyPatch, what: str, error: Exception) -> None:
    """Storage that fails for one key; everything else is real."""
    whole = LocalStorage.delete_prefix

    def broken(self: LocalStorage, prefix: str) -> int:
        if what in prefix:
            raise error
        return whole(self, prefix)

    monkeypatch.setattr(LocalStorage, "delete_prefix", broken)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_one_job_that_cannot_be_erased_holds_up_no_other(
    customer: Customer, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    made = [deleted(customer) for _ in range(3)]
    with monkeypatch.context() as patch:
        failing(patch, made[1], error)
        assert erase.erase_waiting() == 2
    assert [erased(job_id) for job_id in made] == [True, False, True]
    assert erase.erase_waiting() == 1
    assert list(storage().keys("tenants/")) == []


def test_storage_that_is_away_for_all_is_asked_once(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of a hundred jobs would wait for it as long as the first; the sweeper has other things to do."""
    asked = []
    for _ in range(3):
        deleted(customer)

    def away(self: LocalStorage, prefix: str = "") -> int:
        asked.append(prefix)
        raise TransientError("storage_unavailable", "Storage cannot be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "delete_prefix", away)
        patch.setattr(LocalStorage, "check", away)
        assert erase.erase_waiting() == 0
    assert len([prefix for prefix in asked if prefix]) == 1
    assert erase.erase_waiting() == 3


def waits() -> bool:
    with db.read_scope() as session:  # anew each time: a transaction is shown the activity of its beginning
        return bool(session.scalar(WAITING))


def test_two_first_erasers_count_both_their_images(customer: Customer) -> None:
    """The other has made the counter's row and not committed yet, so that nobody sees it."""
    job_id = deleted(customer)
    told = {"key": "x", "sha256": "0" * 64, "bytes": 1, "width": 1, "height": 1, "prompt": "", "seed": 1}
    with db.session_scope() as session:
        session.add(Image(tenant_id=customer.tenant_id, job_id=job_id, position=0, **told))
    with ThreadPoolExecutor(1) as pool:
        with db.session_scope() as other:
            other.add(Housekeeping(action=erase.IMAGES_ERASED, count=1))
            other.flush()
            result = pool.submit(erase.erase, job_id)
            if other.get_bind().dialect.name == "postgresql":  # SQLite lets nobody in
                await_true(waits, "the second eraser to wait for the first")
        assert result.result()
    with db.read_scope() as session:
        assert session.get_one(Housekeeping, erase.IMAGES_ERASED).count == 2


def test_an_old_photo_goes_with_its_bytes(customer: Customer, objects: Storage) -> None:
    old, young = uploaded(customer, objects, days_ago=2), uploaded(customer, objects)
    assert erase.abandoned_photos() == 1
    assert list(objects.keys("tenants/")) == [young.key]
    assert (rows(old.id), rows(young.id)) == (0, 1)


def test_bytes_that_s3_keeps_for_now_are_not_forgotten(
    customer: Customer, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOGEN_STORAGE_URL", f"s3://photogen/{os.urandom(6).hex()}")
    refusing = [(403, "AccessDenied")] * 2  # by way of its row, and by way of its key

    def no_deleting(method: str, path: str) -> tuple[int, str] | None:
        return refusing.pop() if method == "DELETE" and refusing else None

    with door_to(s3_url, no_deleting) as door:
        monkeypatch.setenv("PHOTOGEN_S3_ENDPOINT_URL", door.url)
        forget()
        photo = uploaded(customer, storage(), days_ago=2)
        assert erase.abandoned_photos() == 0
        assert storage().size(photo.key)
        assert rows(photo.id) == 1
        assert erase.abandoned_photos() == 1
        assert storage().size(photo.key) is None
        assert rows(photo.id) == 0


def test_a_job_takes_no_photo_that_is_being_erased(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that comes between the mark and the bytes; the deleting itself is real."""
    photo = uploaded(customer, storage(), days_ago=2)
    refused: list[str] = []
    whole = LocalStorage.delete_prefix

    def meanwhile(self: LocalStorage, prefix: str) -> int:
        with pytest.raises(UsageError) as error:
            submit(customer, photo.id)
        refused.append(error.value.code)
        return whole(self, prefix)

    monkeypatch.setattr(LocalStorage, "delete_prefix", meanwhile)
    assert erase.abandoned_photos() == 1
    assert refused == ["photo_unusable"]


def test_an_old_photo_that_a_job_took_stays(customer: Customer, objects: Storage) -> None:
    photo = uploaded(customer, objects, days_ago=2)
    submit(customer, photo.id)
    assert erase.abandoned_photos() == 0
    assert objects.size(photo.key)


def delete(customer: Customer, job_id: str) -> None:
    with db.session_scope() as session:
        jobs.delete(session, jobs.get(session, customer.tenant_id, job_id))
    assert erase.erase(job_id)


def judge(_: Customer, job_id: str) -> None:
    with db.session_scope() as session:
        jobs.end(session, job_id, Status.SUCCEEDED)
    assert erase.originals(job_id) == 1


@pytest.mark.parametrize("erase_it", [delete, judge])
def test_an_upload_that_comes_after_the_erasing_goes_too(
    customer: Customer, objects: Storage, erase_it: Callable[[Customer, str], None]
) -> None:
    photo = uploaded(customer, objects)
    waits = uploaded(customer, objects)
    erase_it(customer, submit(customer, photo.id))
    assert objects.size(photo.key) is None
    objects.put_if_absent(photo.key, b"again, by a link that still lives")
    assert erase.abandoned_photos() == 1
    assert list(objects.keys("tenants/")) == [waits.key]


def test_half_an_upload_to_a_folder_goes_with_its_photo(customer: Customer) -> None:
    photo, waits = uploaded(customer, storage()), uploaded(customer, storage())
    for each in (photo, waits):
        folder, _, name = each.key.rpartition("/")
        storage().put_if_absent(f"{folder}/.{name}.0123abcd", b"half")
    delete(customer, submit(customer, photo.id))
    assert erase.abandoned_photos() == 1
    assert len(list(storage().keys("tenants/"))) == 2  # of the one that waits


def test_one_photo_that_cannot_be_erased_holds_up_no_other(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [uploaded(customer, storage()) for _ in range(3)]
    for photo in made:
        judged = submit(customer, photo.id)
        with db.session_scope() as session:
            jobs.end(session, judged, Status.SUCCEEDED)
    with monkeypatch.context() as patch:
        failing(patch, made[1].id, OSError("the disk is broken"))
        assert erase.originals() == 2
    assert erase.originals() == 1
    assert list(storage().keys("tenants/")) == []


def test_the_photos_of_others_are_left_alone(customer: Customer, objects: Storage) -> None:
    with db.session_scope() as session:
        session.add(Tenant(id="f" * 32, name="another"))
    other = uploaded(Customer("f" * 32), objects)
    delete(customer, submit(customer, uploaded(customer, objects).id))
    assert erase.abandoned_photos() == 0
    assert list(objects.keys("tenants/")) == [other.key]
