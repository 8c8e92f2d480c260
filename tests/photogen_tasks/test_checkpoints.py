"""Checkpoints cross from one worker to the next, each file once, and go when the stage is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from photogen_tasks.checkpoints import Checkpoints
from photogen_tasks.claims import Claim
from photogen_tasks.errors import TransientError
from photogen_tasks.stages import Stage
from photogen_tasks.storage import Storage


def opened(objects: Storage, folder: Path, fence: int) -> Checkpoints:
    folder.mkdir(exist_ok=True)
    return Checkpoints(objects, "t", Claim("j", Stage.TRAIN, fence, fence), folder)


def test_another_worker_goes_on_from_the_newest(objects: Storage, tmp_path: Path) -> None:
    first = opened(objects, tmp_path / "first", 1)
    for step in (100, 200):
        for old in (tmp_path / "first").iterdir():
            old.unlink()
        (tmp_path / "first" / f"step-{step:06d}.safetensors").write_bytes(bytes(step))
        first.keep()
    assert len(list(objects.keys("tenants/t/jobs/j/train/"))) == 1

    second = opened(objects, tmp_path / "second", 2)
    second.restore()
    found = list((tmp_path / "second").iterdir())
    assert [(path.name, path.stat().st_size) for path in found] == [("step-000200.safetensors", 200)]


def test_what_did_not_change_is_not_uploaded_again(objects: Storage, tmp_path: Path) -> None:
    checkpoints = opened(objects, tmp_path / "a", 1)
    (tmp_path / "a" / "step-000100.safetensors").write_bytes(b"x")
    checkpoints.keep()
    objects.delete_prefix("tenants/t/jobs/j/train/")
    checkpoints.keep()
    assert not list(objects.keys("tenants/t/jobs/j/train/"))


def test_a_fenced_out_run_leaves_the_newer_one_alone(objects: Storage, tmp_path: Path) -> None:
    zombie, holder = opened(objects, tmp_path / "zombie", 1), opened(objects, tmp_path / "holder", 2)
    (tmp_path / "holder" / "step-000300.safetensors").write_bytes(b"new")
    holder.keep()
    (tmp_path / "zombie" / "step-000100.safetensors").write_bytes(b"old")
    zombie.keep()
    third = opened(objects, tmp_path / "third", 3)
    third.restore()
    assert [path.name for path in (tmp_path / "third").iterdir()] == ["step-000300.safetensors"]


def test_a_committed_stage_keeps_none(objects: Storage, tmp_path: Path) -> None:
    checkpoints = opened(objects, tmp_path / "a", 1)
    (tmp_path / "a" / "step-000100.safetensors").write_bytes(b"x")
    checkpoints.keep()
    checkpoints.drop()
    assert not list(objects.keys("tenants/t/"))


class Replaced:
    """Storage whose newest checkpoint another run replaces between the look and the fetch, once."""

    def __init__(self, objects: Storage, replace: Callable[[], None]) -> None:
        self._objects, self._replace = objects, [replace]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    def get_file(self, key: str, path: Path) -> None:
        if self._replace:
            self._replace.pop()()
        self._objects.get_file(key, path)


def test_a_checkpoint_that_goes_while_it_is_fetched_is_looked_for_again(objects: Storage, tmp_path: Path) -> None:
    zombie = opened(objects, tmp_path / "zombie", 1)
    (tmp_path / "zombie" / "step-000100.safetensors").write_bytes(b"old")
    zombie.keep()

    def replace() -> None:
        (tmp_path / "zombie" / "step-000100.safetensors").unlink()
        (tmp_path / "zombie" / "step-000200.safetensors").write_bytes(b"newer")
        zombie.keep()

    (tmp_path / "next").mkdir()
    claim = Claim("j", Stage.TRAIN, 2, 2)
    Checkpoints(cast(Storage, Replaced(objects, replace)), "t", claim, tmp_path / "next").restore()
    assert [path.name for path in (tmp_path / "next").iterdir()] == ["step-000200.safetensors"]


JOB = "tenants/t/jobs/j/train/checkpoints/"
SET = {
    "step-000100.safetensors": "older",
    "step-000200.safetensors": "newest",
    "candidate-000100.safetensors": "weights",
    "candidate-000100.json": "scores",
    "candidate-000100.png": "samples",
    "micro_batch.json": "2",
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / f"{name}.partial").write_text(text)
        (folder / f"{name}.partial").replace(folder / name)


def read(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def restored(objects: Storage, folder: Path, fence: int) -> dict[str, str]:
    opened(objects, folder, fence).restore()
    return read(folder)


class Watched:
    """Storage that says which keys were sent and deleted, and refuses to send more than so many."""

    def __init__(self, objects: Storage) -> None:
        self._objects = objects
        self.sent: list[str] = []
        self.deleted: list[str] = []
        self.left: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        if self.left is not None and len(self.sent) >= self.left:
            raise TransientError("storage_unavailable", "Storage is away.")
        self.sent.append(key.removeprefix(JOB))
        self._objects.put_file(key, path, content_type)

    def delete_prefix(self, prefix: str) -> int:
        self.deleted.append(prefix.removeprefix(JOB))
        return self._objects.delete_prefix(prefix)


def watched(objects: Storage, folder: Path, fence: int) -> tuple[Checkpoints, Watched]:
    storage = Watched(objects)
    return opened(cast(Storage, storage), folder, fence), storage


def test_the_whole_folder_crosses_and_only_whole_files(objects: Storage, tmp_path: Path) -> None:
    first = opened(objects, tmp_path / "first", 1)
    write(tmp_path / "first", SET)
    (tmp_path / "first" / "step-000300.partial").write_text("half of it")
    first.keep()
    assert restored(objects, tmp_path / "second", 2) == SET


def test_step_files_are_sent_last_and_what_is_gone_goes_after_them(objects: Storage, tmp_path: Path) -> None:
    first, storage = watched(objects, tmp_path / "first", 1)
    write(tmp_path / "first", SET)
    first.keep()
    assert storage.sent[-2:] == ["a1/step-000100.safetensors", "a1/step-000200.safetensors"]
    assert storage.sent.index("a1/candidate-000100.json") > storage.sent.index("a1/candidate-000100.safetensors")
    (tmp_path / "first" / "step-000100.safetensors").unlink()
    (tmp_path / "first" / "candidate-000100.safetensors").unlink()
    write(tmp_path / "first", {"step-000300.safetensors": "newest"})
    storage.left = len(storage.sent)
    with pytest.raises(TransientError):
        first.keep()
    assert storage.deleted == []


@pytest.mark.parametrize("sent", range(5))
def test_a_run_that_dies_while_it_sends_leaves_a_whole_set(objects: Storage, tmp_path: Path, sent: int) -> None:
    first, storage = watched(objects, tmp_path / "first", 1)
    write(tmp_path / "first", {"step-000100.safetensors": "older", "candidate-000100.json": "scores"})
    first.keep()
    (tmp_path / "first" / "step-000100.safetensors").unlink()
    new = {f"candidate-000200.{kind}": kind for kind in ("json", "png", "safetensors")}
    write(tmp_path / "first", new | {"step-000200.safetensors": "newest"})
    storage.left = len(storage.sent) + sent
    if sent < 4:
        with pytest.raises(TransientError):
            first.keep()
    else:
        first.keep()
    found = restored(objects, tmp_path / "second", 2)
    newest = max(name for name in found if name.startswith("step-"))
    assert newest == ("step-000100.safetensors" if sent < 4 else "step-000200.safetensors")
    assert "candidate-000100.json" in found
    if newest == "step-000200.safetensors":
        assert found.keys() >= new.keys()


def test_what_storage_missed_goes_with_the_next_change(objects: Storage, tmp_path: Path) -> None:
    first, storage = watched(objects, tmp_path / "first", 1)
    write(tmp_path / "first", SET)
    storage.left = 2
    with pytest.raises(TransientError):
        first.keep()
    first.keep()  # nothing changed: storage that is away is not asked at every train step
    storage.left = None
    write(tmp_path / "first", {"step-000300.safetensors": "newer"})
    first.keep()
    assert len(storage.sent) == len(SET) + 1
    assert restored(objects, tmp_path / "second", 2) == SET | {"step-000300.safetensors": "newer"}


def test_every_file_is_sent_once_by_whichever_run(objects: Storage, tmp_path: Path) -> None:
    first, storage = watched(objects, tmp_path / "first", 1)
    write(tmp_path / "first", SET)
    first.keep()
    assert len(storage.sent) == len(SET)

    second, storage = watched(objects, tmp_path / "second", 2)
    second.restore()
    second.keep()
    assert storage.sent == []
    for step in (300, 400):
        write(tmp_path / "second", {f"step-{step:06d}.safetensors": str(step)})
        (tmp_path / "second" / f"step-{step - 200:06d}.safetensors").unlink()
        second.keep()
    assert storage.sent == ["a2/step-000300.safetensors", "a2/step-000400.safetensors"]
    assert storage.deleted == ["a1/step-000100.safetensors", "a1/step-000200.safetensors"]
    others = {name: text for name, text in SET.items() if not name.startswith("step-")}
    steps = {"step-000300.safetensors": "300", "step-000400.safetensors": "400"}
    assert restored(objects, tmp_path / "third", 3) == others | steps


def test_what_changed_is_sent_again_and_only_that(objects: Storage, tmp_path: Path) -> None:
    first, storage = watched(objects, tmp_path / "first", 1)
    write(tmp_path / "first", SET)
    first.keep()
    second, storage = watched(objects, tmp_path / "second", 2)
    second.restore()
    write(tmp_path / "second", {"micro_batch.json": "1, and smaller"})
    second.keep()
    assert (storage.sent, storage.deleted) == (["a2/micro_batch.json"], ["a1/micro_batch.json"])
    assert restored(objects, tmp_path / "third", 3) == SET | {"micro_batch.json": "1, and smaller"}


def test_before_the_first_step_file_the_rest_crosses_too(objects: Storage, tmp_path: Path) -> None:
    first = opened(objects, tmp_path / "first", 1)
    write(tmp_path / "first", {"micro_batch.json": "1"})
    first.keep()
    assert restored(objects, tmp_path / "second", 2) == {"micro_batch.json": "1"}


def test_a_fenced_out_run_deletes_and_sends_nothing_that_others_go_on_from(objects: Storage, tmp_path: Path) -> None:
    zombie, storage = watched(objects, tmp_path / "zombie", 1)
    write(tmp_path / "zombie", SET)
    zombie.keep()
    holder = opened(objects, tmp_path / "holder", 2)
    holder.restore()
    write(tmp_path / "holder", {"step-000300.safetensors": "the holder's"})
    holder.keep()

    for old in (tmp_path / "zombie").iterdir():
        old.unlink()
    write(tmp_path / "zombie", {"step-000900.safetensors": "the zombie's", "candidate-000900.json": "far ahead"})
    sent = len(storage.sent)
    zombie.keep()
    assert (len(storage.sent), storage.deleted) == (sent, [])
    found = restored(objects, tmp_path / "third", 3)
    assert found["step-000300.safetensors"] == "the holder's"
    assert found.keys() >= {name for name in SET if not name.startswith("step-")}


def test_what_a_fenced_out_run_took_away_is_sent_again(objects: Storage, tmp_path: Path) -> None:
    """It goes on for one report before it hears that it is fenced out, and the holder has sent nothing yet."""
    zombie = opened(objects, tmp_path / "zombie", 1)
    write(tmp_path / "zombie", SET)
    zombie.keep()
    holder = opened(objects, tmp_path / "holder", 2)
    holder.restore()
    (tmp_path / "zombie" / "candidate-000100.json").unlink()
    write(tmp_path / "zombie", {"step-000250.safetensors": "the zombie's"})
    zombie.keep()

    write(tmp_path / "holder", {"step-000300.safetensors": "the holder's"})
    holder.keep()
    found = restored(objects, tmp_path / "third", 3)
    assert found["candidate-000100.json"] == "scores"
    assert "step-000250.safetensors" not in found


def test_a_broken_newest_checkpoint_leaves_the_one_of_the_run_before(objects: Storage, tmp_path: Path) -> None:
    """Which one is broken, only training knows: all that may be gone on from crosses."""
    first = opened(objects, tmp_path / "first", 1)
    write(tmp_path / "first", SET)
    first.keep()
    second = opened(objects, tmp_path / "second", 2)
    second.restore()
    (tmp_path / "second" / "step-000100.safetensors").unlink()
    write(tmp_path / "second", {"step-000300.safetensors": "torn"})
    second.keep()
    steps = {name for name in restored(objects, tmp_path / "third", 3) if name.startswith("step-")}
    assert steps == {"step-000200.safetensors", "step-000300.safetensors"}


def test_steps_beyond_the_newest_runs_are_a_fenced_out_ones(objects: Storage, tmp_path: Path) -> None:
    """It was sending while the newer run sent, too."""
    for fence, step in ((1, 900), (2, 300), (1, 200)):
        (tmp_path / "file").write_text(f"{fence}")
        objects.put_file(f"{JOB}a{fence}/step-{step:06d}.safetensors", tmp_path / "file", "application/octet-stream")
    found = restored(objects, tmp_path / "third", 3)
    assert found == {"step-000200.safetensors": "1", "step-000300.safetensors": "2"}
