"""Workers' rows: one enters, says what it holds, falls silent and is dropped; warming up harms nobody."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest
from sqlalchemy import select, update

from photogen_tasks import claims, db, workers
from photogen_tasks.config import settings
from photogen_tasks.models import StageRow, Worker
from photogen_tasks.stages import Stage, Status
from tests.conftest import await_true
from tests.photogen_tasks.conftest import Customer
from tests.photogen_tasks.drawing import drawing, trained, worker_row


@pytest.fixture
def me(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """This process is the child and the parent of one infer worker."""
    monkeypatch.setenv("PHOTOGEN_WORKER_NAME", "me@here")
    monkeypatch.setenv("PHOTOGEN_PRIVATE_QUEUE", "infer.me@here")
    monkeypatch.setenv("PHOTOGEN_BASE_MODEL", "sdxl")
    monkeypatch.setattr(workers, "_memory", workers.Memory())
    settings.cache_clear()
    return "me@here"


def row(name: str = "me@here") -> Worker | None:
    with db.read_scope() as session:
        return session.get(Worker, name)


def found(name: str = "me@here") -> Worker:
    seen = row(name)
    assert seen is not None
    return seen


def draw(base_model: str, subject: str) -> None:
    with db.session_scope() as session:
        workers.drew(session, base_model, subject)


def test_a_worker_enters_and_says_what_it_holds_newest_first(me: str) -> None:
    workers.enter()
    assert (found().queue, found().subjects, found().base_models) == ("infer.me@here", [], [])
    for subject in ("a", "b", "a"):
        draw("sdxl", subject)
    draw("pocket", "c")
    assert found().subjects == ["c", "a", "b"]
    assert found().base_models == ["pocket", "sdxl"]


def test_it_tells_of_no_more_than_it_keeps(me: str) -> None:
    workers.enter()
    for number in range(40):
        draw(f"base {number}", f"subject {number}")
    assert found().subjects == [f"subject {39 - n}" for n in range(workers.SUBJECTS)]
    assert found().base_models == [f"base {39 - n}" for n in range(workers.BASE_MODELS)]


def test_who_starts_anew_holds_nothing_and_who_only_lives_keeps_what_it_said(me: str) -> None:
    workers.enter()
    draw("sdxl", "a")
    with db.session_scope() as session:
        session.execute(update(Worker).values(seen_at=1.0))
    workers.renew()
    assert found().subjects == ["a"]
    assert time.time() - found().seen_at < 60
    workers.enter()
    assert (found().subjects, found().base_models) == ([], [])


def test_who_was_taken_for_dead_comes_back(me: str) -> None:
    workers.enter()
    workers.leave()
    assert row() is None
    draw("sdxl", "a")  # no row, no harm
    workers.renew()
    assert found().subjects == []
    draw("sdxl", "b")
    assert found().subjects == ["b", "a"]


def test_a_worker_without_a_private_queue_writes_nothing(me: str, monkeypatch: pytest.MonkeyPatch) -> None:
    workers.enter()
    monkeypatch.setenv("PHOTOGEN_PRIVATE_QUEUE", "")
    settings.cache_clear()
    draw("sdxl", "a")
    assert found().subjects == []


def test_a_commit_that_fails_tells_nothing(me: str) -> None:
    workers.enter()
    with suppress(RuntimeError), db.session_scope() as session:
        workers.drew(session, "sdxl", "a")
        raise RuntimeError
    assert found().subjects == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_commit_waits_for_nobody_who_holds_the_row(me: str) -> None:
    workers.enter()
    with db.session_scope() as frozen:
        frozen.execute(select(Worker).with_for_update())
        draw("sdxl", "a")
        assert workers.forget_dead() == 0
    assert found().subjects == []
    draw("sdxl", "b")
    assert found().subjects == ["b", "a"]


def test_only_the_silent_are_dropped(me: str) -> None:
    workers.enter()
    worker_row("silent", silent=workers.silence() + 1)
    assert workers.forget_dead() == 1
    assert workers.forget_dead() == 0
    assert row() is not None
    assert row("silent") is None


def test_a_doubted_worker_that_works_stays(customer: Customer, me: str) -> None:
    workers.enter()
    claims.claim({"job": drawing(customer, trained(customer)), "epoch": 1}, Stage.GENERATE, me)
    assert workers.doubt("infer.me@here") == 0
    with db.session_scope() as session:
        session.execute(update(StageRow).values(status=Status.SUCCEEDED))
    assert workers.doubt("infer.me@here") == 1


def test_it_says_again_and_again_that_it_lives_until_it_leaves(me: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_LEASE_SECONDS", "0.05")
    settings.cache_clear()
    stop = threading.Event()
    thread = threading.Thread(target=workers.keep_renewing, args=(stop,))
    thread.start()
    await_true(lambda: row() is not None, "the row")
    first = found().seen_at
    await_true(lambda: found().seen_at > first, "the next beat")
    stop.set()
    thread.join()


def test_warming_up_loads_the_base_model_and_says_so(me: str) -> None:
    workers.enter()
    loaded: list[str] = []
    workers.warm_up(loaded.append)
    assert loaded == ["sdxl"]
    assert found().base_models == ["sdxl"]


def test_a_fresh_child_forgets_what_the_last_one_held(me: str, monkeypatch: pytest.MonkeyPatch) -> None:
    workers.enter()
    draw("pocket", "a")
    monkeypatch.setattr(workers, "_memory", workers.Memory())
    monkeypatch.setenv("PHOTOGEN_WARM", "false")
    settings.cache_clear()
    workers.warm_up(lambda _: pytest.fail("it was not to be warmed up"))
    assert (found().base_models, found().subjects) == ([], [])


def test_warming_up_that_fails_is_harmless(me: str) -> None:
    workers.enter()

    def load(_: str) -> None:
        raise MemoryError("no room")

    workers.warm_up(load)
    assert found().base_models == []
