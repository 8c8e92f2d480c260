"""Images of a random pocket: count, size, seeds, subjects."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_worker.base_models.family import load_base_model
from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.errors import BadPrompt, BadStyle, BadWeights
from gpu_worker.evidence.findings import Evidence
from gpu_worker.generate import GenerateConfig, generate_images
from gpu_worker.images import read_rgb, write_png
from gpu_worker.train import TrainConfig, train_dreambooth
from gpu_worker.weights import save_full


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


class Approving:
    """Lets every image pass: a base model that was never trained draws noise."""

    def judge(self, image: Any, prompt: str) -> Evidence:
        return Evidence({})


def images(inputs: Path, outputs: Path, base: Path, **settings: Any) -> dict[str, Any]:
    outputs.mkdir(exist_ok=True)
    usual = {"prompts": ["a photo of a {token}", "a {token} in space"], "num_inference_steps": 2}
    config = GenerateConfig.from_params({"base_model": str(base)} | usual | settings)
    generate_images(inputs, outputs, config, judge=Approving())
    told: dict[str, Any] = json.loads((outputs / "images.json").read_text())
    return told


def test_every_prompt_gets_its_images(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    told = images(subject, tmp_path / "out", random_pocket, num_images_per_prompt=2, batch_size=3, seed=7)["images"]
    assert [image["file"] for image in told] == ["001.png", "002.png", "003.png", "004.png"]
    assert [image["seed"] for image in told] == [7, 8, 9, 10]
    assert [image["prompt_index"] for image in told] == [0, 0, 1, 1]
    assert told[0]["prompt"] == "a photo of a zwx woman"
    for image in told:
        shown = read_rgb(tmp_path / "out" / image["file"])
        assert shown.shape == (image["height"], image["width"], 3) == (64, 64, 3)
        assert shown.std() > 1


def test_seeds_decide(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        images(subject, tmp_path / name, random_pocket, seed=seed)
    first, same, other = (pixels(tmp_path / name / "001.png") for name in "abc")
    assert first == same
    assert first != other


def test_the_subject_changes_the_images(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    images(subject, tmp_path / "subject", random_pocket)
    told = images(tmp_path, tmp_path / "base", random_pocket, class_noun="man")["images"]
    assert told[0]["prompt"] == "a photo of a man"
    assert pixels(tmp_path / "subject/001.png") != pixels(tmp_path / "base/001.png")


def test_progress_grows_to_one(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    seen: list[float] = []
    (tmp_path / "out").mkdir()
    config = GenerateConfig(
        base_model=str(random_pocket), prompts=("{token}",) * 3, num_inference_steps=2, batch_size=2
    )
    told = lambda progress, line: seen.append(progress)  # noqa: E731
    generate_images(subject, tmp_path / "out", config, on_step=told, judge=Approving())
    assert seen == pytest.approx([0.3, 0.6, 0.75, 0.9, 1])


def drawn(subject: Path, folder: Path, base: Path, prompt: str, **settings: Any) -> bytes:
    """The first image of one prompt, 4 inference steps."""
    images(subject, folder, base, **{"prompts": [prompt], "num_inference_steps": 4} | settings)
    return pixels(folder / "001.png")


def pixels(file: Path) -> bytes:
    """Without the text beside them, which tells the prompt."""
    return read_rgb(file).tobytes()


def test_the_prompt_language_is_drawn(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    prompts = [
        "a photo of a {token}",
        "a (photo:1.5) of a {token}",
        "a photo [of:in:2] a {token}",
        "a [photo|person] of a {token}",
        "a photo BREAK of a {token}",
        "a photo of a {token} AND person :0.7",
        "a photo of a {token}" + ", person" * 40,
        "a photo of a {token} <lora:subject:0.3>",
    ]
    seen = {drawn(subject, tmp_path / str(at), random_pocket, prompt) for at, prompt in enumerate(prompts)}
    assert len(seen) == len(prompts)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a photo of a {token}", "a (photo:1) of a {token}"),
        ("a photo of a {token}", "a photo of a {token}[ at night:4]"),
        ("a photo of a {token}", "a photo of a [{token}|{token}]"),
        ("a photo of a {token}", "a photo of a {token}<lora:subject:1>"),
        ("a ((photo)) of a {token}", "a (photo:1.21) of a {token}"),
    ],
)
def test_the_same_said_otherwise(subject: Path, tmp_path: Path, random_pocket: Path, one: str, other: str) -> None:
    assert drawn(subject, tmp_path / "one", random_pocket, one) == drawn(
        subject, tmp_path / "other", random_pocket, other
    )


def test_an_edit_begins_as_its_first_text(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    """Of one inference step, nothing of what comes after it is seen."""
    first = drawn(subject, tmp_path / "first", random_pocket, "a photo of a {token}", num_inference_steps=1)
    edited = drawn(subject, tmp_path / "edited", random_pocket, "a [photo:hat:1] of a {token}", num_inference_steps=1)
    assert first == edited


def test_loras_stay_with_their_prompts(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    """The subject's file, named twice: a prompt without a tag is drawn as if there were no other prompts."""
    folder = tmp_path / "loras"
    folder.mkdir()
    shutil.copy(subject / "train/pytorch_lora_weights.safetensors", folder / "film.v1.safetensors")
    prompts = ["a {token}", "a {token} <lora:film.v1:0.8>", "a {token}", "a {token} <lora:subject:0>"]
    images(subject, tmp_path / "all", random_pocket, prompts=prompts, loras=str(folder), seed=5, batch_size=1)
    alone = drawn(subject, tmp_path / "alone", random_pocket, "a {token}", seed=7, num_inference_steps=2)
    found = [pixels(tmp_path / "all" / f"00{number}.png") for number in (1, 2, 3, 4)]
    assert found[2] == alone
    again = drawn(
        subject, tmp_path / "again", random_pocket, prompts[1], seed=6, num_inference_steps=2, loras=str(folder)
    )
    assert found[1] == again
    assert again != drawn(subject, tmp_path / "bare", random_pocket, "a {token} ", seed=6, num_inference_steps=2)


def test_a_lora_works_without_a_subject(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    folder = tmp_path / "loras"
    folder.mkdir()
    shutil.copy(subject / "train/pytorch_lora_weights.safetensors", folder / "film.safetensors")
    prompts = ["a {token} <lora:film:1>", "a {token}", "a {token} <lora:subject:0.5>"]
    images(tmp_path, tmp_path / "all", random_pocket, prompts=prompts, loras=str(folder))
    one, two = (
        drawn(tmp_path, tmp_path / str(s), random_pocket, "a {token}", seed=s, num_inference_steps=2) for s in (1, 2)
    )
    assert pixels(tmp_path / "all/001.png") != one
    assert pixels(tmp_path / "all/002.png") == one
    assert pixels(tmp_path / "all/003.png") == two


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"prompts": ["{token} (hat:99)"]}, "weight_out_of_range"),
        ({"prompts": ["{token}"], "negative_prompt": "<lora:a:1>"}, "lora_in_negative_prompt"),
        ({"prompts": ["{token} <lora:no-such:1>"]}, "unknown_lora"),
        ({"prompts": ["{token} <lora:no-such:1>"], "loras": "/nonexistent"}, "unknown_lora"),
    ],
)
def test_prompts_are_checked(
    subject: Path, tmp_path: Path, random_pocket: Path, settings: dict[str, Any], code: str
) -> None:
    with pytest.raises(BadPrompt, match=code):
        images(subject, tmp_path / "out", random_pocket, **settings)
    assert not list((tmp_path / "out").iterdir())


def test_prompts_are_read_before_weights(tmp_path: Path) -> None:
    with pytest.raises(BadPrompt, match="weight_out_of_range"):
        images(tmp_path, tmp_path / "out", tmp_path / "no base model here", prompts=["{token} (hat:99)"])


def test_full_weights_cannot_be_weakened(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    base = load_base_model(random_pocket)
    save_full(base, ("unet",), tmp_path / "train")
    shutil.copy(subject / "train/training.json", tmp_path / "train")
    with pytest.raises(BadPrompt, match="lora_not_scalable"):
        images(tmp_path, tmp_path / "out", random_pocket, prompts=["{token} <lora:subject:0.5>"])


def test_a_broken_lora_is_ours_to_mend(subject: Path, tmp_path: Path, random_pocket: Path) -> None:
    (tmp_path / "film.safetensors").write_bytes(b"garbage")
    with pytest.raises(BadWeights, match="film"):
        images(subject, tmp_path / "out", random_pocket, prompts=["{token} <lora:film:1>"], loras=str(tmp_path))


def test_styles_are_checked(tmp_path: Path, random_pocket: Path) -> None:
    for settings, code in (
        ({"prompts": (), "style": "nosuch"}, "unknown_style"),
        ({"prompts": ["a photo of me"]}, "prompt_without_token"),
        ({"prompts": (), "style": "rome", "base_model": str(WEIGHTS)}, "unsuited_style"),
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
