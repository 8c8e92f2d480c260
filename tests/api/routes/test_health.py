"""Alive, ready, degraded, unavailable: against real parts that are there or are not."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from tests.conftest import await_true, forget


@pytest.fixture
def visitor() -> TestClient:
    """Somebody without a key."""
    return TestClient(create_app())


def test_alive_needs_nothing(data_dir: object, visitor: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    forget()
    assert visitor.get("/healthz").json() == {"status": "ok"}


def test_ready_with_all_parts(database: str, objects: object, broker: str, visitor: TestClient) -> None:
    answer = awaited(visitor, "ready")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "storage": "ok", "broker": "ok"}


def test_without_a_broker_jobs_are_still_accepted(sqlite: str, no_broker: None, visitor: TestClient) -> None:
    answer = awaited(visitor, "degraded")
    assert answer.status_code == 200
    assert answer.json()["checks"]["broker"] == "unreachable"


def test_a_database_without_tables_is_not_ready(data_dir: object, no_broker: None, visitor: TestClient) -> None:
    answer = visitor.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["checks"]["database"] == "unreachable"


def test_without_storage_nothing_is_ready(
    sqlite: str, no_broker: None, visitor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOGEN_STORAGE_URL", "s3://photogen")
    monkeypatch.setenv("PHOTOGEN_S3_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    forget()
    answer = visitor.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["checks"]["storage"] == "unreachable"


def awaited(visitor: TestClient, status: str) -> Any:
    """The answer once this status has come: on a busy machine a part may answer too late at first."""
    answers: list[Any] = []

    def says_so() -> bool:
        answers.append(visitor.get("/readyz"))
        return bool(answers[-1].json()["status"] == status)

    await_true(says_so, status, 60)
    return answers[-1]
