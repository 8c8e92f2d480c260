"""Subjects: listed in pages, deleted in an order that survives a failure half-way."""

from __future__ import annotations

import pytest

from photogen_tasks import jobs, keys, subjects
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import NotFound, TransientError
from photogen_tasks.models import Subject
from photogen_tasks.storage import storage, subject_prefix
from tests.conftest import forget


@pytest.fixture
def tenant(database: str) -> str:
    with session_scope() as session:
        found = keys.tenant_of(session, keys.create(session, "alice", ""))
    assert found is not None
    return found


def trained(tenant: str) -> str:
    with session_scope() as session:
        subject = Subject(tenant_id=tenant, class_noun="woman", base_model="pocket", weights_manifest="m")
        session.add(subject)
        session.flush()
        return subject.id


def test_pages_go_on_past_a_deleted_subject(tenant: str) -> None:
    for _ in range(3):
        trained(tenant)
    with read_scope() as session:  # SQLite's clock has milliseconds: in one of them ids decide
        made = [found.id for found in subjects.listing(session, tenant)][::-1]
    subjects.delete(tenant, made[1])
    with read_scope() as session:
        assert [found.id for found in subjects.listing(session, tenant)] == [made[2], made[0]]
        assert [found.id for found in subjects.listing(session, tenant, before=made[1])] == [made[0]]
        with pytest.raises(NotFound):
            subjects.listing(session, "f" * 32, before=made[0])


def test_a_deletion_that_failed_half_way_can_be_repeated(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = trained(tenant)
    storage().put_if_absent(subject_prefix(tenant, subject) + "w.safetensors", b"w")
    with monkeypatch.context() as away:
        for name, value in {
            "PHOTOGEN_STORAGE_URL": "s3://photogen",
            "PHOTOGEN_S3_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
        }.items():
            away.setenv(name, value)
        forget()
        with pytest.raises(TransientError):
            subjects.delete(tenant, subject)
    forget()
    with read_scope() as session:
        assert jobs.get_subject(session, tenant, subject).weights_manifest is None
    subjects.delete(tenant, subject)
    assert list(storage().keys(subject_prefix(tenant, subject))) == []
    with read_scope() as session, pytest.raises(NotFound):
        jobs.get_subject(session, tenant, subject)
