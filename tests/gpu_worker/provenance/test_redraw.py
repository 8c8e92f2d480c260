"""Images drawn again from their record, by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_worker.__main__ import main
from gpu_worker.images import write_png
from gpu_worker.provenance import read_record

SETTINGS: dict[str, Any] = {
    "prompts": ["a photo of a {token}", "a {token} in (snow:1.2)"],
    "num_inference_steps": 2,
    "seed": 11,
    "limits": {"one_face": False, "sharpness": None, "unsafe": 1.0},  # a base model that was never trained draws noise
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, random_pocket: Path) -> Path:
    """What the stage wrote: two images and their record."""
    outputs = tmp_path_factory.mktemp("drawn")
    told = SETTINGS | {"base_model": str(random_pocket)}
    given = [part for name, value in told.items() for part in ("--set", f"{name}={json.dumps(value)}")]
    assert main(["generate", str(outputs / "none"), str(outputs), *given]) == 0
    return outputs


def again(drawn: Path, outputs: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, list[str]]:
    """The program's answer, without its progress."""
    code = main(["redraw", str(drawn / "images.json"), "--inputs", str(drawn / "none"), str(outputs), *more])
    return code, [line for line in capsys.readouterr().out.splitlines() if "%" not in line]


def test_the_same_images_come_out(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert again(drawn, tmp_path / "out", capsys) == (0, ["same  001.png", "same  002.png"])
    first, second = ((folder / "images.json").read_bytes() for folder in (drawn, tmp_path / "out"))
    assert first == second


def test_what_differs_is_told(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = again(drawn, tmp_path / "out", capsys, "--set", "seed=12")
    assert code == 1
    assert lines == ["settings.seed: 11 then, 12 now", "different  001.png", "different  002.png"]


def test_a_changed_pixel_and_a_missing_image_differ(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "images.json").write_bytes((drawn / "images.json").read_bytes())
    write_png(np.zeros((64, 64, 3), np.uint8), kept / "001.png")
    assert again(kept, tmp_path / "out", capsys) == (1, ["different  001.png", "different  002.png"])


@pytest.mark.parametrize(
    ("change", "told"),
    [({"made_by": None}, "does not say how"), ({"images": "enlarged"}, "give the one that the stage `generate` wrote")],
)
def test_other_records_are_refused(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], told: str
) -> None:
    record = read_record(drawn / "images.json")
    changes = {"images": record.enlarged(4, {}).images} if "images" in change else change
    record.model_copy(update=changes).write(tmp_path)
    assert main(["redraw", str(tmp_path / "images.json"), "--inputs", str(drawn), str(tmp_path / "out")]) == 1
    assert told in capsys.readouterr().err
