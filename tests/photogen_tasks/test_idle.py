"""A worker that is idle while messages wait leaves; one that works, or has nothing to do, stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery.worker import state

from photogen_tasks import idle
from photogen_tasks.celery import app
from photogen_tasks.config import settings
from photogen_tasks.queues import INSPECT


@pytest.fixture
def impatient(data_dir: object, broker: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PHOTOGEN_IDLE_SECONDS", "1e-9")
    settings.cache_clear()
    yield
    state.active_requests.clear()


def send() -> None:
    with app.connection_for_write() as connection:
        app.send_task(INSPECT, args=("0" * 32,), connection=connection)


def test_an_empty_queue_is_no_reason(impatient: None) -> None:
    watch = idle.IdleWatch(["inspect"], leave=pytest.fail)
    assert not watch.look()
    assert not watch.look()


def test_a_full_one_is(impatient: None) -> None:
    send()
    left: list[bool] = []
    idle.IdleWatch(["inspect"], leave=lambda: left.append(True)).run()
    assert left == [True]


def test_who_works_stays(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    send()
    monkeypatch.setattr(state, "active_requests", {"a request"})
    assert not idle.IdleWatch(["inspect"], leave=pytest.fail).look()


def test_without_a_broker_nobody_leaves(data_dir: object) -> None:
    assert idle.waiting(["inspect"]) == 0
