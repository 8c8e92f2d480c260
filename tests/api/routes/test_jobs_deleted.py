"""Jobs deleted over HTTP: gone at once for the customer, and with their bytes as soon as may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from photogen_tasks import claims, erase, tasks
from photogen_tasks.db import read_scope
from photogen_tasks.errors import TransientError
from photogen_tasks.models import Image, Job, Photo
from photogen_tasks.stages import Stage
from photogen_tasks.storage import storage
from photogen_tasks.storage_local import LocalStorage
from tests.api.conftest import Caller


def count(table: Any) -> int:
    with read_scope() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_deleted_job_is_gone_with_its_bytes(both: Callable[[str], Caller]) -> None:
    caller = both("alice")
    job = caller.job()
    caller.end(job["id"])
    weights = f"tenants/{caller.tenant}/subjects/{job['subject']}/w.safetensors"
    storage().put_if_absent(weights, b"w")
    path = f"/v1/jobs/{job['id']}"
    assert caller.http.delete(path).status_code == 204
    assert caller.http.get(path).status_code == 404
    assert caller.http.delete(path).status_code == 404
    assert caller.http.get("/v1/jobs").json()["jobs"] == []
    assert list(storage().keys(f"tenants/{caller.tenant}/")) == []
    assert count(Photo) == count(Image) == 0
    assert count(Job) == 1  # the tombstone


@pytest.mark.parametrize(
    "error",
    [
        TransientError("storage_unavailable", "Storage cannot be reached."),
        OSError("the disk is broken"),
        OperationalError("select 1", {}, Exception("the database is away")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_job_is_deleted_even_when_its_bytes_stay_for_now(
    both: Callable[[str], Caller], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Storage that fails once; everything else is real."""
    caller = both("alice")
    job = caller.job()

    def broken(self: LocalStorage, prefix: str) -> int:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "delete_prefix", broken)
        assert caller.http.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert caller.http.get(f"/v1/jobs/{job['id']}").status_code == 404
    assert count(Photo) == 1
    assert erase.erase_waiting() == 1
    assert count(Photo) == 0
    assert list(storage().keys("tenants/")) == []


def test_a_link_that_lives_on_brings_no_deleted_photo_back(caller: Caller) -> None:
    [upload] = caller.announce()

    def send() -> int:
        files = {"file": ("x.jpg", b"a photo")}
        status: int = caller.http.post(upload["url"], data=upload["fields"], files=files).status_code
        return status

    assert send() == 204
    job = caller.submit(photos=[upload["photo"]]).json()
    assert caller.http.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert send() == 204
    assert tasks.housekeeping() == 1
    assert list(storage().keys("tenants/")) == []


def test_deleting_a_generate_job_leaves_its_subject(caller: Caller) -> None:
    trained = caller.job()
    caller.end(trained["id"])
    body = {"kind": "generate", "subject": trained["subject"], "style": "demo"}
    drawn = caller.http.post("/v1/jobs", json=body).json()
    caller.http.delete(f"/v1/jobs/{trained['id']}", params={"keep_subject": True})
    caller.http.delete(f"/v1/jobs/{drawn['id']}")
    assert caller.http.get(f"/v1/subjects/{trained['subject']}").json()["trained"]


def test_a_deleted_job_may_leave_its_subject(caller: Caller) -> None:
    job = caller.job()
    caller.end(job["id"])
    caller.http.delete(f"/v1/jobs/{job['id']}", params={"keep_subject": True})
    assert caller.http.get(f"/v1/subjects/{job['subject']}").json()["trained"]


def test_a_job_that_runs_is_invisible_once_deleted_and_erased_later(caller: Caller) -> None:
    job = caller.job()
    claim = claims.claim({"job": job["id"], "epoch": 1}, Stage.PREPROCESS, "worker")
    assert isinstance(claim, claims.Claim)
    assert caller.http.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert caller.http.get(f"/v1/jobs/{job['id']}").status_code == 404
    assert count(Photo) == 1
    claims.cancelled(claim)
    assert erase.erase_waiting() == 1
    assert count(Photo) == 0
    assert erase.erase_waiting() == 0
