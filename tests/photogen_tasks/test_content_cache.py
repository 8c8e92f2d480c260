"""The cache stays within its bound, and nobody loses what he works with."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from photogen_tasks import runner
from photogen_tasks.config import settings
from photogen_tasks.content_cache import ContentCache
from photogen_tasks.runner import OpenStage
from photogen_tasks.shared_content import StoredContent
from photogen_tasks.stages import Stage, Status
from photogen_tasks.storage import storage
from tests.photogen_tasks.conftest import make_customer
from tests.photogen_tasks.test_claims import job_row

ONE, TWO, THREE = (f"{number:064x}" for number in (1, 2, 3))


def used(root: Path, name: str, long_ago: int, most: float = 1000) -> None:
    """Write 10 bytes there, in a run that is over."""
    cache = ContentCache(root, most)
    (cache.hold(name) / "latents.bin").write_bytes(bytes(10))
    cache.close()
    os.utime(root / name, (long_ago, long_ago))


def held(root: Path) -> set[str]:
    return {path.parent.name for path in root.glob("*/*.bin")}


def test_what_was_not_used_for_longest_leaves_first(tmp_path: Path) -> None:
    for name, second in ((ONE, 100), (TWO, 200)):
        used(tmp_path, name, second)
    used(tmp_path, ONE, 300)  # again
    used(tmp_path, THREE, 400, most=20)
    assert held(tmp_path) == {ONE, THREE}


def test_what_another_run_holds_stays(tmp_path: Path) -> None:
    used(tmp_path, ONE, 100)
    other = ContentCache(tmp_path, 0)
    folder = other.hold(ONE)
    used(tmp_path, TWO, 200, most=0)
    assert held(tmp_path) == {ONE}
    other.close()
    assert held(tmp_path) == set()
    assert folder.is_dir()


def test_weights_of_the_operator_are_not_touched(tmp_path: Path) -> None:
    weights = tmp_path / "weights" / "0123456789abcdef" / "u2net.onnx"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(bytes(1000))
    used(tmp_path, ONE, 100, most=0)
    assert weights.is_file()
    assert held(tmp_path) == set()


def test_what_left_is_fetched_again(sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_CACHE_SIZE", "0")
    settings.cache_clear()
    for make in (_write, lambda path: pytest.fail("made twice")):
        content = StoredContent(storage(), tmp_path / "cache")
        assert content.once(f"{ONE}.bin", make, lambda: None).read_text() == "latents"
        content.close()
        assert held(tmp_path / "cache") == set()


def _write(path: Path) -> None:
    path.write_text("latents")


def _work_with(seen: list[Path]) -> Callable[[OpenStage], None]:
    def work(stage: OpenStage) -> None:
        seen.append(stage.shared.once(f"{ONE}.bin", _write, lambda: None))
        used(seen[0].parent.parent, TWO, 100, most=0)  # another run ends meanwhile
        assert seen[0].is_file()
        (stage.outputs / "report.json").write_text('{"photos": []}')

    return work


def test_a_stage_keeps_its_content_for_as_long_as_it_runs(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_CACHE_SIZE", "0")
    settings.cache_clear()
    job_id, seen = make_customer("customer").job(), list[Path]()
    storage().put_if_absent("photos/x", b"a photo")
    runner.run(Stage.PREPROCESS, _work_with(seen), {"job": job_id, "epoch": 1})
    assert job_row(job_id).stages[0].status == Status.SUCCEEDED
    assert not seen[0].exists()
