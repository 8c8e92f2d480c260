"""A checkpoint crosses from one worker to the next, the newest one only, and goes when the stage is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from photogen_tasks.checkpoints import Checkpoints
from photogen_tasks.claims import Claim
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
