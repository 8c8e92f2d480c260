"""Only accepted images go out; rejected ones are drawn again; the counts are honest."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_worker.errors import NothingAccepted, OutOfMemory
from gpu_worker.evidence.findings import Evidence
from gpu_worker.generate import GenerateConfig, generate_images
from gpu_worker.generate import engine as rooms
from gpu_worker.generate.batches import Painter
from gpu_worker.generate.engine import Engine
from gpu_worker.images import read_rgb


class Judging:
    """Rejects an image by its number in the order of drawing, from 1."""

    def __init__(self, accepts: Callable[[int], bool]) -> None:
        self._accepts = accepts
        self.seen: list[np.ndarray] = []

    def judge(self, image: Any, prompt: str) -> Evidence:
        self.seen.append(image)
        return Evidence({"sharpness": 0.5}, () if self._accepts(len(self.seen)) else ("blurry",))


def deliver(folder: Path, base: Path, judging: Judging, **settings: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    usual = {"prompts": ["a {token}", "the {token}"], "num_images_per_prompt": 2, "num_inference_steps": 2}
    config = GenerateConfig.from_params({"base_model": str(base), "seed": 10} | usual | settings)
    generate_images(folder, folder, config, judge=judging)
    told: dict[str, Any] = json.loads((folder / "images.json").read_text())
    return told


def test_all_accepted(tmp_path: Path, random_pocket: Path) -> None:
    judging = Judging(lambda number: True)
    told = deliver(tmp_path, random_pocket, judging)
    assert told["delivery"] == {"wanted": 4, "drawn": 4, "accepted": 4, "rejected": {}}
    assert [image["seed"] for image in told["images"]] == [10, 11, 12, 13]
    assert told["images"][0]["evidence"]["verdict"] == "accepted"
    assert (read_rgb(tmp_path / "001.png") == judging.seen[0]).all()


def test_a_rejected_image_is_drawn_again_with_a_new_seed(tmp_path: Path, random_pocket: Path) -> None:
    told = deliver(tmp_path, random_pocket, Judging(lambda number: number not in (2, 5)))
    assert told["delivery"] == {"wanted": 4, "drawn": 6, "accepted": 4, "rejected": {"blurry": 2}}
    assert [image["file"] for image in told["images"]] == ["001.png", "002.png", "003.png", "004.png"]
    assert [image["seed"] for image in told["images"]] == [10, 11 + 4 + 4, 12, 13]
    assert told["images"][1]["prompt"] == told["images"][0]["prompt"]


def test_the_budget_ends(tmp_path: Path, random_pocket: Path) -> None:
    told = deliver(tmp_path, random_pocket, Judging(lambda number: number in (1, 2, 4)), draws_per_image=2)
    assert told["delivery"] == {"wanted": 4, "drawn": 5, "accepted": 3, "rejected": {"blurry": 2}}
    assert [image["file"] for image in told["images"]] == ["001.png", "002.png", "004.png"]
    assert not (tmp_path / "003.png").exists()


def test_nothing_accepted_is_told(tmp_path: Path, random_pocket: Path) -> None:
    with pytest.raises(NothingAccepted, match=r"None of 8 images was good enough \(8 blurry\)") as raised:
        deliver(tmp_path, random_pocket, Judging(lambda number: False), draws_per_image=2)
    assert raised.value.rejected == {"blurry": 8}
    assert not list(tmp_path.iterdir())


def test_progress_never_falls(tmp_path: Path, random_pocket: Path) -> None:
    seen: list[float] = []
    told = GenerateConfig(
        base_model=str(random_pocket), prompts=("{token}",) * 3, num_inference_steps=2, draws_per_image=2, batch_size=2
    )
    judging = Judging(lambda number: number != 1)
    generate_images(tmp_path, tmp_path, told, on_step=lambda progress, line: seen.append(progress), judge=judging)
    assert seen == sorted(seen)
    assert (seen[-2] < 1, seen[-1]) == (True, 1)


def test_short_memory_makes_batches_smaller(
    tmp_path: Path, random_pocket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gpu of a given size cannot be had here: drawing more than two at once fails as it would there."""
    sizes: list[int] = []
    draw = Painter.draw

    def cramped(self: Painter, plans: Any, on_step: Any) -> Any:
        sizes.append(len(plans))
        if len(plans) > 2:
            raise OutOfMemory("no more")
        return draw(self, plans, on_step)

    monkeypatch.setattr(Painter, "draw", cramped)
    told = deliver(tmp_path / "out", random_pocket, Judging(lambda number: True), num_images_per_prompt=3)
    assert sizes == [6, 3, 1, 1, 1, 1, 1, 1]
    assert told["made_by"]["settings"]["batch_size"] == 1
    assert told["delivery"]["accepted"] == 6


def test_one_image_that_does_not_fit_beside_another_base_model(
    tmp_path: Path, random_pocket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no smaller batch: the other base model leaves, and the image is drawn again."""
    monkeypatch.setattr(rooms, "_engine", Engine())
    other = shutil.copytree(random_pocket, tmp_path / "other")
    deliver(tmp_path / "before", other, Judging(lambda number: True))
    draw = Painter.draw

    def cramped(self: Painter, plans: Any, on_step: Any) -> Any:
        if len(rooms.engine().held()) > 1:
            raise OutOfMemory("no more")
        return draw(self, plans, on_step)

    monkeypatch.setattr(Painter, "draw", cramped)
    one = {"prompts": ["a {token}"], "num_images_per_prompt": 1}
    told = deliver(tmp_path / "out", random_pocket, Judging(lambda number: True), **one)
    assert told["delivery"]["accepted"] == 1
    assert len(rooms.engine().held()) == 1


def test_equal_settings_equal_bytes(tmp_path: Path, random_pocket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the process drew before: here nothing, and there other prompts, one of them the same."""
    for name in ("one", "two"):
        monkeypatch.setattr(rooms, "_engine", Engine())
        if name == "two":
            deliver(
                tmp_path / "before", random_pocket, Judging(lambda number: True), prompts=["the {token}", "{token}"]
            )
        deliver(tmp_path / name, random_pocket, Judging(lambda number: number != 2))
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
