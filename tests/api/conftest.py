"""A caller with a key, through FastAPI's own client: whole requests, no socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from photogen_tasks import keys
from photogen_tasks.celery import app as celery
from photogen_tasks.db import session_scope
from photogen_tasks.models import Image, Job, Subject
from tests.conftest import forget_broker

DRAWS = {"prompts": ["a photo of a {token}"]}


class Caller:
    """One tenant's view of the API."""

    def __init__(self, name: str) -> None:
        with session_scope() as session:
            self.key = keys.create(session, name, "test")
            tenant = keys.tenant_of(session, self.key)
            assert tenant is not None
            self.tenant = tenant
        headers = {"Authorization": f"Bearer {self.key}"}
        self.http = TestClient(create_app(), headers=headers, follow_redirects=False)

    def announce(self, count: int = 1) -> list[dict[str, Any]]:
        files = [{"filename": f"{number}.jpg"} for number in range(count)]
        answer = self.http.post("/v1/uploads", json={"files": files})
        assert answer.status_code == 201, answer.text
        uploads: list[dict[str, Any]] = answer.json()["uploads"]
        return uploads

    def photos(self, count: int = 1) -> list[str]:
        uploads = self.announce(count)
        for upload in uploads:
            sent = self.http.post(upload["url"], data=upload["fields"], files={"file": ("x.jpg", b"a photo")})
            assert sent.status_code == 204, sent.text
        return [upload["photo"] for upload in uploads]

    def submit(self, key: str | None = None, **body: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post("/v1/jobs", json=DRAWS | body, headers=headers)

    def job(self, **body: Any) -> dict[str, Any]:
        answer = self.submit(photos=self.photos(), **body)
        assert answer.status_code == 202, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def end(self, job_id: str) -> None:
        """As if the workers had run: weights, one image, success."""
        from photogen_tasks import jobs
        from photogen_tasks.stages import Status

        with session_scope() as session:
            job = session.get_one(Job, job_id)
            session.get_one(Subject, job.subject_id).weights_manifest = "a/manifest.json"
            session.add(
                Image(
                    tenant_id=self.tenant,
                    job_id=job_id,
                    position=0,
                    key=f"tenants/{self.tenant}/jobs/{job_id}/upscale/a1/000.png",
                    sha256="0" * 64,
                    bytes=4,
                    width=8,
                    height=8,
                    prompt="a photo of a sks person",
                    seed=3,
                )
            )
            jobs.end(session, job_id, Status.SUCCEEDED)


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Jobs stay in the outbox: sending is refused at once."""
    monkeypatch.setattr(celery.conf, "broker_url", "redis://127.0.0.1:1/0")
    forget_broker()
    yield
    forget_broker()


@pytest.fixture
def caller(sqlite: str, no_broker: None) -> Caller:
    return Caller("alice")


@pytest.fixture
def stranger(caller: Caller) -> Caller:
    return Caller("bob")


@pytest.fixture
def both(database: str, no_broker: None) -> Callable[[str], Caller]:
    """Callers on SQLite and on PostgreSQL."""
    return Caller
