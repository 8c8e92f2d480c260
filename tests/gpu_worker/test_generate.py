"""Images of a random pocket: count, size, seeds, subjects."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_worker.errors import BadStyle, BadWeights
from gpu_worker.generate import GenerateConfig, generate_images
from gpu_worker.images import read_rgb, write_png
from gpu_worker.train import TrainConfig, train_dreambooth


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory, random_pocket: Path) -> Path:
    """An `inputs` folder with a subject's LoRA in train/."""
    inputs = tmp_path_factory.mktemp("subject")
    (inputs / "preprocess/instance").mkdir(parents=True)
    (inputs / "train").mkdir()
    write_png(np.full((64, 64, 3), 200, np.uint8), inputs / "preprocess/instance/001.png")
    settings = {"method": "lora", "max_train_steps": 2, "num_class_images": 0, "learning_rate": 0.05}
    named = {"identifier": "zwx", "class_noun": "woman", "base_model": str(random_pocket)}
    train_dreambooth(inputs, inputs / "train", TrainConfig.from_params(settings | named))
    return inputs


def images(inputs: Path, outputs: Path, base: Path, **settings: Any) -> dict[str, Any]:
    outputs.mkdir(exist_ok=True)
    usual = {"prompts": ["a photo of a {token}", "a {token} in space"], "num_inference_steps": 2}
    config = GenerateConfig.from_params({"base_model": str(base)} | usual | settings)
    generate_images(inputs, outputs, config)
    told: dict[str, Any] = json.loads((outputs / "images.json").read_text())
    return told


def test_every_prompt_gets_its_images(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    told = images(subject, tmp_path / "out", random_pocket, num_images_per_prompt=2, batch_size=3, seed=7)["images"]
    assert [image["file"] for image in told] == ["001.png", "002.png", "003.png", "004.png"]
    assert [image["seed"] for image in told] == [7, 8, 9, 10]
    assert [image["prompt_index"] for image in told] == [0, 0, 1, 1]
    assert told[0]["prompt"] == "a photo of a zwx woman"
    for image in told:
        pixels = read_rgb(tmp_path / "out" / image["file"])
        assert pixels.shape == (image["height"], image["width"], 3) == (64, 64, 3)
        assert pixels.std() > 1


def test_seeds_decide(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        images(subject, tmp_path / name, random_pocket, seed=seed)
    first, same, other = ((tmp_path / name / "001.png").read_bytes() for name in "abc")
    assert first == same
    assert first != other


def test_the_subject_changes_the_images(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    images(subject, tmp_path / "subject", random_pocket)
    told = images(tmp_path, tmp_path / "base", random_pocket, class_noun="man")["images"]
    assert told[0]["prompt"] == "a photo of a man"
    assert (tmp_path / "subject/001.png").read_bytes() != (tmp_path / "base/001.png").read_bytes()


def test_progress_grows_to_one(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    seen: list[float] = []
    (tmp_path / "out").mkdir()
    config = GenerateConfig(
        base_model=str(random_pocket), prompts=("{token}",) * 3, num_inference_steps=2, batch_size=2
    )
    generate_images(subject, tmp_path / "out", config, on_step=lambda progress, line: seen.append(progress))
    assert seen == pytest.approx([1 / 3, 2 / 3, 5 / 6, 1])


def test_styles_are_checked(tmp_path: Path, random_pocket: Path) -> None:
    for settings, code in (
        ({"prompts": (), "style": "nosuch"}, "unknown_style"),
        ({"prompts": ["a photo of me"]}, "prompt_without_token"),
        ({"prompts": (), "style": "demo", "base_model": "owner/name"}, "unsuited_style"),
    ):
        with pytest.raises(BadStyle, match=code):
            images(tmp_path, tmp_path / "out", random_pocket, **settings)


def test_broken_weights_are_told(tmp_path: Path, random_pocket: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train/training.json").write_text('{"config": {}}')
    with pytest.raises(BadWeights):
        images(tmp_path, tmp_path / "out", random_pocket)
    (tmp_path / "train/pytorch_lora_weights.safetensors").write_bytes(b"garbage")
    with pytest.raises(BadWeights):
        images(tmp_path, tmp_path / "out", random_pocket)
