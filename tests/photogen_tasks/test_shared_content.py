"""What all share is made once, whoever asks, whoever dies at it; a copy that is damaged or away fails no job."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import Ignore
from sqlalchemy import update

from photogen_tasks import db, jobs, runner, shared_content, tasks
from photogen_tasks.config import settings
from photogen_tasks.errors import TransientError
from photogen_tasks.models import Job, SharedContent, StageRow, db_now
from photogen_tasks.runner import OpenStage
from photogen_tasks.shared_content import StoredContent
from photogen_tasks.stages import Stage, Status
from photogen_tasks.storage import Storage, storage
from photogen_tasks.storage_local import LocalStorage
from tests.conftest import await_true, forget
from tests.photogen_tasks.conftest import make_customer
from tests.photogen_tasks.test_claims import job_row

HASH = "0a" * 32
NAME = f"{HASH}.safetensors"
Make = Callable[[Path], None]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_content, "WAIT_SECONDS", 0.01)


@pytest.fixture
def workers(database: str, objects: Storage, tmp_path: Path) -> Callable[[str], StoredContent]:
    """Workers by name, each with a disk of its own."""
    return lambda name: StoredContent(objects, tmp_path / name)


@pytest.fixture
def embedded(sqlite: str, tmp_path: Path) -> Callable[[str], StoredContent]:
    """The same with SQLite and a folder, for what neither decides."""
    return lambda name: StoredContent(storage(), tmp_path / name)


def writing(text: str) -> Make:
    def make(path: Path) -> None:
        path.write_text(text)

    return make


def unwanted(path: Path) -> None:
    pytest.fail("made twice")


def nobody_waits() -> None:
    pytest.fail("waited for nobody")


def key_of(text: str) -> str:
    return f"shared/{HASH}/{hashlib.sha256(text.encode()).hexdigest()}.safetensors"


def row() -> SharedContent:
    with db.read_scope() as session:
        return session.get_one(SharedContent, HASH)


def change(**values: Any) -> None:
    with db.session_scope() as session:
        session.execute(update(SharedContent).values(**values))


def held_by_another() -> None:
    """Another worker is at it, for an hour more."""
    assert shared_content._claim(HASH, "another", None)
    change(lease_until=db_now() + 3600)


def test_it_is_made_once_and_found_by_others(workers: Callable[[str], StoredContent], objects: Storage) -> None:
    first = workers("a").once(NAME, writing("latents"), nobody_waits)
    for name in ("a", "b", "b"):
        assert workers(name).once(NAME, unwanted, nobody_waits).read_text() == "latents"
    assert list(objects.keys("shared/")) == [key_of("latents")]
    assert list(objects.keys("tenants/")) == []
    found = row()
    assert (found.state, found.sha256, found.bytes) == ("ready", first.stem, 7)
    assert found.made_at is not None


def test_of_two_at_once_one_makes_it(workers: Callable[[str], StoredContent]) -> None:
    begun, waited = threading.Event(), threading.Event()

    def make(path: Path) -> None:
        begun.set()
        assert waited.wait(10), "the other one did not wait"
        path.write_text("the first one's")

    first = threading.Thread(target=lambda: workers("a").once(NAME, make, nobody_waits))
    first.start()
    assert begun.wait(10)
    assert workers("b").once(NAME, unwanted, waited.set).read_text() == "the first one's"
    first.join()


def test_who_fails_lets_the_next_one_at_it_at_once(embedded: Callable[[str], StoredContent]) -> None:
    def fail(path: Path) -> None:
        path.write_text("half of it")
        raise MemoryError

    with pytest.raises(MemoryError):
        embedded("a").once(NAME, fail, nobody_waits)
    assert embedded("b").once(NAME, writing("whole"), nobody_waits).read_text() == "whole"


AT_WORK = """
import sys
from pathlib import Path
from photogen_tasks.shared_content import StoredContent
from photogen_tasks.storage import storage

def make(path):
    print("working", flush=True)
    sys.stdin.read()

StoredContent(storage(), Path(sys.argv[1])).once(sys.argv[2], make, lambda: None)
"""


def test_who_is_killed_is_followed_once_the_lease_is_over(
    embedded: Callable[[str], StoredContent], tmp_path: Path
) -> None:
    env = os.environ | {"PHOTOGEN_LEASE_SECONDS": "1"}
    command = [sys.executable, "-c", AT_WORK, str(tmp_path / "killed"), NAME]
    waits: list[int] = []
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"

        def kill() -> None:
            process.send_signal(signal.SIGKILL)
            waits.append(1)

        assert embedded("b").once(NAME, writing("whole"), kill).read_text() == "whole"
    assert waits


def test_the_lease_is_renewed_as_long_as_it_takes(
    embedded: Callable[[str], StoredContent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOGEN_LEASE_SECONDS", "0.2")
    settings.cache_clear()

    def make(path: Path) -> None:
        first = row().lease_until
        assert first is not None
        await_true(lambda: (row().lease_until or 0) > first + 0.3, "renewals beyond one lease", 10)
        path.write_text("slowly")

    assert embedded("a").once(NAME, make, nobody_waits).read_text() == "slowly"


def test_who_was_taken_for_dead_harms_nobody(workers: Callable[[str], StoredContent], objects: Storage) -> None:
    """It wakes after another has made it, with other bytes: on another gpu they are others."""

    def frozen(path: Path) -> None:
        change(lease_until=db_now() - 1)
        assert workers("b").once(NAME, writing("theirs"), nobody_waits).read_text() == "theirs"
        path.write_text("ours")

    assert workers("a").once(NAME, frozen, nobody_waits).read_text() == "ours"
    assert objects.get_bytes(key_of("theirs")) == b"theirs"
    for name in ("a", "c"):
        assert workers(name).once(NAME, unwanted, nobody_waits).read_text() == "theirs"


@pytest.mark.parametrize("damage", ["other bytes", "gone"])
def test_what_is_damaged_in_storage_is_made_again(
    workers: Callable[[str], StoredContent], objects: Storage, tmp_path: Path, damage: str
) -> None:
    workers("a").once(NAME, writing("latents"), nobody_waits)
    objects.delete_prefix(f"shared/{HASH}/")
    if damage == "other bytes":
        objects.put_if_absent(key_of("latents"), b"latentz")
    assert workers("b").once(NAME, writing("latents"), nobody_waits).read_text() == "latents"
    assert workers("c").once(NAME, unwanted, nobody_waits).read_text() == "latents"


def test_what_is_damaged_on_the_disk_is_fetched_again(embedded: Callable[[str], StoredContent]) -> None:
    embedded("a").once(NAME, writing("latents"), nobody_waits).write_text("latentz")
    assert embedded("a").once(NAME, unwanted, nobody_waits).read_text() == "latents"


@pytest.fixture
def quick_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_LEASE_SECONDS", "0.1")
    settings.cache_clear()


def test_without_storage_each_makes_its_own_and_offers_it_later(
    sqlite: str, quick_to_give_up: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: LocalStorage, key: str, path: Path, content_type: str) -> None:
        raise TransientError("storage_unavailable", "Storage is away.")

    waits: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "put_file", away)
        for _ in range(2):  # the second time it is there already
            made = StoredContent(storage(), tmp_path / "a").once(NAME, writing("latents"), lambda: waits.append(1))
            assert made.read_text() == "latents"
    assert waits
    assert list(storage().keys("shared/")) == []
    assert StoredContent(storage(), tmp_path / "a").once(NAME, unwanted, nobody_waits).read_text() == "latents"
    assert StoredContent(storage(), tmp_path / "b").once(NAME, unwanted, nobody_waits).read_text() == "latents"


def test_many_files_wait_once_for_storage_that_is_away(
    sqlite: str, quick_to_give_up: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: LocalStorage, key: str, path: Path, content_type: str) -> None:
        raise TransientError("storage_unavailable", "Storage is away.")

    monkeypatch.setattr(LocalStorage, "put_file", away)
    shared, waits = StoredContent(storage(), tmp_path / "a"), []
    for number in range(3):
        shared.once(f"{number:064x}.bin", writing("x"), lambda: waits.append(number))  # noqa: B023 - called at once
    assert set(waits) == {0}


def test_without_a_database_each_makes_its_own(
    sqlite: str, quick_to_give_up: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOGEN_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")  # no tables in it
    forget()
    found = StoredContent(storage(), tmp_path / "a").once(NAME, writing("latents"), lambda: None)
    assert found.read_text() == "latents"
    assert list(storage().keys("shared/")) == []


def test_what_nobody_used_for_long_goes(workers: Callable[[str], StoredContent], objects: Storage) -> None:
    workers("a").once(NAME, writing("latents"), nobody_waits)
    change(last_used_at=db_now() - shared_content.UNUSED_SECONDS + 60)
    assert tasks.housekeeping() == 0
    workers("b").once(NAME, unwanted, nobody_waits)  # that is a use
    assert tasks.housekeeping() == 0
    change(last_used_at=db_now() - shared_content.UNUSED_SECONDS - 60)
    assert tasks.housekeeping() == 1
    assert list(objects.keys("shared/")) == []
    assert workers("c").once(NAME, writing("latents"), nobody_waits).read_text() == "latents"


def test_a_use_is_written_down_once_a_day(embedded: Callable[[str], StoredContent]) -> None:
    embedded("a").once(NAME, writing("latents"), nobody_waits)
    for ago, moves in ((3600.0, False), (2 * 86400.0, True)):
        change(last_used_at=db_now() - ago)
        before = row().last_used_at
        embedded("a").once(NAME, unwanted, nobody_waits)
        assert (row().last_used_at > before) == moves


def waiting(stage: OpenStage, on_wait: Callable[[], None]) -> None:
    """A stage's work that needs the content, and reports while it waits for it."""

    def wait() -> None:
        on_wait()
        stage.report(0.1, "another job draws class images")

    stage.shared.once(NAME, writing("made after all"), wait)
    (stage.outputs / "report.json").write_text('{"photos": []}')


@pytest.fixture
def job_id(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PHOTOGEN_HEARTBEAT_SECONDS", "0.05")
    settings.cache_clear()
    job_id = make_customer("customer").job()
    storage().put_if_absent("photos/x", b"a photo")
    held_by_another()
    return job_id


def test_who_waits_moves_and_works_once_the_other_is_gone(job_id: str) -> None:
    moves: set[float | None] = set()

    def on_wait() -> None:
        with db.read_scope() as session:
            moves.add(session.get_one(StageRow, (job_id, Stage.PREPROCESS)).progress_at)
        if len(moves) > 3:  # nobody takes it for stalled
            change(lease_until=1.0)

    runner.run(Stage.PREPROCESS, lambda stage: waiting(stage, on_wait), {"job": job_id, "epoch": 1})
    assert job_row(job_id).stages[0].status == Status.SUCCEEDED
    assert row().state == "ready"


def test_who_waits_can_be_cancelled(job_id: str) -> None:
    def on_wait() -> None:
        with db.session_scope() as session:
            jobs.cancel(session, session.get_one(Job, job_id))

    with pytest.raises(Ignore):
        runner.run(Stage.PREPROCESS, lambda stage: waiting(stage, on_wait), {"job": job_id, "epoch": 1})
    assert job_row(job_id).status == Status.CANCELLED
    assert row().holder == "another"
