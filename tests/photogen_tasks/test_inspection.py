"""One photo judged before a job: the message brings an id, the verdict lands in the row."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from photogen_tasks import db, inspection
from photogen_tasks.celery import app
from photogen_tasks.errors import NotFound, TransientError, UsageError
from photogen_tasks.models import Photo, new_id
from photogen_tasks.storage import Storage
from tests.conftest import await_true
from tests.photogen_tasks.conftest import Customer, make_customer

GOOD = {"verdict": "accepted", "findings": []}


def uploaded(customer: Customer, objects: Storage, content: bytes = b"pixels") -> str:
    photo_id = new_id()
    key = f"tenants/{customer.tenant_id}/photos/{photo_id}"
    objects.put_if_absent(key, content)
    with db.session_scope() as session:
        session.add(Photo(id=photo_id, tenant_id=customer.tenant_id, key=key, filename="a.jpg"))
    return photo_id


def verdict(photo_id: str) -> dict[str, Any] | None:
    with db.read_scope() as session:
        return session.get_one(Photo, photo_id).verdict


@pytest.fixture
def customer(sqlite: str) -> Customer:
    return make_customer("customer")


def test_the_verdict_of_a_waiting_worker_is_the_answer(customer: Customer, objects: Storage, broker: str) -> None:
    photo_id = uploaded(customer, objects)
    seen: list[bytes] = []

    def judged(path: Path) -> dict[str, Any]:
        seen.append(path.read_bytes())
        return GOOD

    def work() -> None:
        with app.connection_for_read() as connection:
            channel = connection.default_channel
            await_true(lambda: channel._size("inspect") == 1, "the message")
            assert photo_id in str(channel.basic_get("inspect", no_ack=True).body)
        inspection.judge(photo_id, judged)

    worker = threading.Thread(target=work)
    worker.start()
    (found,) = inspection.inspect(customer.tenant_id, [photo_id], wait=60)
    worker.join()
    assert found.verdict == GOOD
    assert seen == [b"pixels"]


def test_without_a_worker_the_answer_comes_without_a_verdict(customer: Customer, objects: Storage, broker: str) -> None:
    (found,) = inspection.inspect(customer.tenant_id, [uploaded(customer, objects)], wait=0.2)
    assert found.verdict is None


def test_asking_again_at_once_sends_no_second_message(
    customer: Customer, objects: Storage, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = uploaded(customer, objects)
    for _ in range(3):
        inspection.inspect(customer.tenant_id, [photo_id], wait=0)
    with app.connection_for_read() as connection:
        assert connection.default_channel._size("inspect") == 1
        monkeypatch.setattr(inspection, "AGAIN_SECONDS", -1.0)  # as if that time were over
        inspection.inspect(customer.tenant_id, [photo_id], wait=0)
        assert connection.default_channel._size("inspect") == 2


def test_a_photo_is_judged_once(customer: Customer, objects: Storage, broker: str) -> None:
    photo_id = uploaded(customer, objects)
    inspection.inspect(customer.tenant_id, [photo_id], wait=0)
    assert inspection.judge(photo_id, lambda _: GOOD)
    assert not inspection.judge(photo_id, lambda _: {"verdict": "refused"})
    assert verdict(photo_id) == GOOD


def test_what_was_deleted_meanwhile_is_passed_over(customer: Customer, objects: Storage, broker: str) -> None:
    photo_id = uploaded(customer, objects)
    inspection.inspect(customer.tenant_id, [photo_id], wait=0)
    objects.delete_prefix(f"tenants/{customer.tenant_id}/photos/{photo_id}")
    assert not inspection.judge(photo_id, lambda _: GOOD)
    assert not inspection.judge(new_id(), lambda _: GOOD)
    assert verdict(photo_id) is None


def test_a_photo_that_breaks_the_judge_gets_a_verdict(customer: Customer, objects: Storage, broker: str) -> None:
    photo_id = uploaded(customer, objects)
    inspection.inspect(customer.tenant_id, [photo_id], wait=0)

    def broken(_: Path) -> dict[str, Any]:
        raise ArithmeticError("a bug of ours")

    assert inspection.judge(photo_id, broken)
    told = verdict(photo_id)
    assert told is not None
    assert [found["code"] for found in told["findings"]] == ["not_judged"]


def test_only_so_many_calls_wait(
    customer: Customer, objects: Storage, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = uploaded(customer, objects)
    monkeypatch.setattr(inspection, "_waiting", threading.BoundedSemaphore(1))
    assert inspection._waiting.acquire(blocking=False)  # as somebody who waits does
    (found,) = inspection.inspect(customer.tenant_id, [photo_id], wait=3600)
    assert found.verdict is None


def test_a_strangers_photo_does_not_exist(customer: Customer, objects: Storage, broker: str) -> None:
    photo_id = uploaded(customer, objects)
    with pytest.raises(NotFound):
        inspection.inspect(make_customer("stranger").tenant_id, [photo_id])


def test_a_photo_must_be_uploaded_first(customer: Customer, objects: Storage, broker: str) -> None:
    with db.session_scope() as session:
        photo = Photo(id=new_id(), tenant_id=customer.tenant_id, key="nowhere", filename="a.jpg")
        session.add(photo)
    with pytest.raises(UsageError, match=r"Upload a\.jpg first"):
        inspection.inspect(customer.tenant_id, [photo.id])


def test_without_a_broker_the_caller_is_told_to_come_back(customer: Customer, objects: Storage) -> None:
    photo_id = uploaded(customer, objects)
    for _ in range(2):  # a message that was never sent does not count as sent
        with pytest.raises(TransientError):
            inspection.inspect(customer.tenant_id, [photo_id])
