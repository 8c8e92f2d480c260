"""Training on a random pocket: what it writes, that it learns, that it resumes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from gpu_worker.errors import BadWeights
from gpu_worker.images import read_rgb, write_png
from gpu_worker.train import TrainConfig, train_dreambooth
from gpu_worker.weights import LORA_FILE, hash_base_model, open_base_model

SMALL: dict[str, Any] = {
    "method": "lora",
    "rank": 4,
    "lora_alpha": 8,
    "max_train_steps": 4,
    "train_batch_size": 2,
    "num_class_images": 2,
    "class_inference_steps": 2,
    "variants_per_photo": 2,
    "checkpointing_steps": 2,
    "learning_rate": 1e-2,
    "text_encoder_lr": 1e-2,
}


class Stop(Exception):
    """What an orchestrator raises to end the work."""


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """preprocess/ with two photos, no mattes."""
    rng = np.random.default_rng(0)
    (tmp_path / "inputs/preprocess/instance").mkdir(parents=True)
    for number in (1, 2):
        pixels = rng.integers(0, 256, (80, 80, 3)).astype(np.uint8)
        write_png(pixels, tmp_path / f"inputs/preprocess/instance/{number:03d}.png")
    return tmp_path / "inputs"


def trained(inputs: Path, name: str, base: Path, **settings: Any) -> Path:
    """Train into a new folder and return it."""
    outputs = inputs.parent / name
    outputs.mkdir()
    keywords = {key: settings.pop(key) for key in ("checkpoints", "on_step", "shared") if key in settings}
    config = TrainConfig.from_params({"base_model": str(base)} | SMALL | settings)
    train_dreambooth(inputs, outputs, config, **keywords)
    return outputs


def weights(outputs: Path) -> dict[str, torch.Tensor]:
    return {f"{p.relative_to(outputs)}/{k}": t for p in outputs.rglob("*.safetensors") for k, t in load_file(p).items()}


@pytest.mark.parametrize("text", [False, True])
def test_lora_is_what_diffusers_loads(inputs: Path, random_pocket: Path, text: bool) -> None:
    outputs = trained(inputs, "out", random_pocket, train_text_encoder=text)
    pipe = StableDiffusionPipeline.from_pretrained(random_pocket, safety_checker=None)
    pipe.load_lora_weights(outputs)
    assert pipe.get_list_adapters() == ({"unet": ["default_0"]} | ({"text_encoder": ["default_0"]} if text else {}))
    (adapter,) = pipe.unet.peft_config.values()
    assert (adapter.r, adapter.lora_alpha) == (4, 8)
    assert all(tensor.dtype == torch.float16 for tensor in load_file(outputs / LORA_FILE).values())


def test_the_record_says_what_made_the_weights(inputs: Path, random_pocket: Path) -> None:
    lines: list[tuple[float, str]] = []
    outputs = trained(inputs, "out", random_pocket, on_step=lambda p, line: lines.append((p, line)))
    record = json.loads((outputs / "training.json").read_text())
    assert record["config"]["rank"] == 4
    assert record["base_model_hash"] == hash_base_model(str(random_pocket), None)
    assert set(record["seconds"]) == {"load", "prepare", "train"}
    assert len(record["losses"]) == 4
    assert read_rgb(outputs / "loss.png").shape == (360, 720, 3)
    assert lines[-1][0] == 1
    assert lines[-1][1].startswith("train step 4/4 loss ")
    assert [progress for progress, _ in lines] == sorted(progress for progress, _ in lines)


def test_full_weights_load_as_parts(inputs: Path, random_pocket: Path) -> None:
    outputs = trained(inputs, "out", random_pocket, method="full", train_text_encoder=True)
    pipe = StableDiffusionPipeline.from_pretrained(random_pocket, safety_checker=None)
    for name in ("unet", "text_encoder"):
        part = getattr(pipe, name)
        before = part.state_dict()
        loaded = type(part).from_pretrained(outputs / name).state_dict()
        assert loaded.keys() == before.keys()
        assert any(not torch.allclose(loaded[key].float(), before[key], atol=1e-3) for key in before)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_stopped_training_goes_on_to_the_same_result(inputs: Path, random_pocket: Path, method: str) -> None:
    settings: dict[str, Any] = {"method": method, "train_text_encoder": True}
    whole = trained(inputs, "whole", random_pocket, **settings)
    checkpoints = inputs.parent / "checkpoints"

    def stop_at_three(progress: float, line: str) -> None:
        if line.startswith("train step 3/"):
            raise Stop

    with pytest.raises(Stop):
        trained(inputs, "stopped", random_pocket, checkpoints=checkpoints, on_step=stop_at_three, **settings)
    assert [path.name for path in checkpoints.glob("step-*")] == ["step-000003.safetensors"]
    lines: list[str] = []
    resumed = trained(
        inputs,
        "resumed",
        random_pocket,
        checkpoints=checkpoints,
        on_step=lambda progress, line: lines.append(line),
        **settings,
    )
    assert lines[0] == "going on from train step 3/4"
    first, second = weights(whole), weights(resumed)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_another_trainings_checkpoint_is_left_alone(inputs: Path, random_pocket: Path) -> None:
    checkpoints = inputs.parent / "checkpoints"
    trained(inputs, "first", random_pocket, checkpoints=checkpoints)
    lines: list[str] = []
    trained(
        inputs,
        "second",
        random_pocket,
        seed=1,
        checkpoints=checkpoints,
        on_step=lambda progress, line: lines.append(line),
    )
    assert not any(line.startswith("going on") for line in lines)


def test_it_learns(inputs: Path, random_pocket: Path) -> None:
    settings: dict[str, Any] = {"method": "full", "learning_rate": 3e-3, "train_batch_size": 8}
    outputs = trained(inputs, "out", random_pocket, max_train_steps=40, num_class_images=0, **settings)
    losses = json.loads((outputs / "training.json").read_text())["losses"]
    assert np.mean(losses[-10:]) < 0.97 * np.mean(losses[:10])


def test_a_missing_base_model_is_bad_weights(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadWeights):
        trained(inputs, "out", tmp_path / "empty")


def test_unsafe_formats_are_not_opened(random_pocket: Path, tmp_path: Path) -> None:
    """A folder that holds its unet as a pickle only."""
    import shutil

    folder = tmp_path / "pickled"
    shutil.copytree(random_pocket, folder)
    kept = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(kept), folder / "unet" / "diffusion_pytorch_model.bin")
    kept.unlink()
    with pytest.raises(BadWeights):
        open_base_model(str(folder), None, torch.device("cpu"))
