"""The stage on a random pocket: what it writes, that it learns, that it resumes, and how it ends when it cannot."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from gpu_worker.errors import BadWeights, OutOfMemory, TooLarge, TrainingDiverged
from gpu_worker.images import read_rgb, write_png
from gpu_worker.train import TrainConfig, dreambooth, train_dreambooth
from gpu_worker.weights import DIFFERENCE_FILE, LORA_FILE, TOKENS_FILE, hash_base_model, open_base_model
from tests.gpu_worker.base_models import tiny
from tests.gpu_worker.evidence.tiny_clip import untrained_clip

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
    "token_lr": 1e-2,
    "num_validation_images": 0,
    "save_full_as": "folder",
    "gradient_checkpointing": False,
}
SAMPLED = {"num_validation_images": 1, "validation_inference_steps": 1, "validation_steps": 1}


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
    assert set(record["seconds"]) == {"load", "prepare", "train", "save"}
    assert len(record["losses"]) == 4
    report = json.loads((outputs / "report.json").read_text())
    assert len(report["prior_losses"]) == 4
    assert "no samples were asked for" in report["choice"]["why"]
    assert read_rgb(outputs / "loss.png").shape == (360, 720, 3)
    assert lines[-1][0] == 1
    assert lines[-1][1].startswith("train step 4/4 loss ")
    assert ", prior loss " in lines[-1][1]
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


def test_a_difference_is_what_full_weights_have_more(inputs: Path, random_pocket: Path) -> None:
    whole = trained(inputs, "whole", random_pocket, method="full")
    difference = load_file(
        trained(inputs, "less", random_pocket, method="full", save_full_as="difference") / DIFFERENCE_FILE
    )
    before = StableDiffusionPipeline.from_pretrained(random_pocket, safety_checker=None).unet.state_dict()
    for name, tensor in load_file(whole / "unet" / "diffusion_pytorch_model.safetensors").items():
        assert torch.allclose(before[name] + difference[f"unet.{name}"].float(), tensor.float(), atol=2e-3)


def test_pivotal_writes_tokens_beside_lora(inputs: Path, random_pocket: Path) -> None:
    outputs = trained(inputs, "out", random_pocket, method="pivotal")
    assert set(load_file(outputs / TOKENS_FILE)) == {"<s0>", "<s1>"}
    assert (outputs / LORA_FILE).is_file()
    assert json.loads((outputs / "training.json").read_text())["config"]["identifier"] == "sks"


@pytest.mark.parametrize("method", ["lora", "pivotal"])
def test_it_trains_draws_and_writes_in_half_precision(inputs: Path, random_pocket: Path, method: str) -> None:
    outputs = trained(inputs, "out", random_pocket, method=method, mixed_precision="bf16", **SAMPLED)
    assert all(tensor.isfinite().all() for tensor in weights(outputs).values())
    assert (outputs / "samples.png").is_file()


class StopAt:
    """An orchestrator that stops after given train steps, one an attempt, and remembers what it was told."""

    def __init__(self, *steps: int) -> None:
        self.steps = list(steps)
        self.lines: list[str] = []

    def __call__(self, progress: float, line: str) -> None:
        self.lines.append(line)
        if self.steps and line.startswith(f"train step {self.steps[0]}/"):
            self.steps.pop(0)
            raise Stop


RESUMED: list[dict[str, Any]] = [
    {"method": "lora", "train_text_encoder": True, "checkpointing_steps": 1} | SAMPLED,
    {"method": "full", "train_text_encoder": True, "use_ema": True, "gradient_accumulation_steps": 3},
    {"method": "pivotal", "use_ema": True} | SAMPLED,
]


@pytest.mark.parametrize("settings", RESUMED, ids=lambda settings: settings["method"])
def test_a_training_stopped_twice_ends_with_the_same_result(
    inputs: Path, random_pocket: Path, settings: dict[str, Any]
) -> None:
    whole = trained(inputs, "whole", random_pocket, **settings)
    checkpoints, stop = inputs.parent / "checkpoints", StopAt(1, 3)
    for attempt in ("first", "second"):
        with pytest.raises(Stop):
            trained(inputs, attempt, random_pocket, checkpoints=checkpoints, on_step=stop, **settings)
    resumed = trained(inputs, "resumed", random_pocket, checkpoints=checkpoints, on_step=stop, **settings)
    assert [line for line in stop.lines if line.startswith("going on")] == [
        "going on from train step 1/4",
        "going on from train step 3/4",
    ]
    first, second = weights(whole), weights(resumed)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    one, other = (json.loads((folder / "report.json").read_text()) for folder in (whole, resumed))
    assert one["choice"] == other["choice"]
    assert one["candidates"] == other["candidates"]


def test_a_worker_with_the_base_model_in_another_folder_goes_on(inputs: Path, random_pocket: Path) -> None:
    checkpoints, stop, elsewhere = inputs.parent / "checkpoints", StopAt(2), inputs.parent / "elsewhere"
    shutil.copytree(random_pocket, elsewhere)
    with pytest.raises(Stop):
        trained(inputs, "first", random_pocket, checkpoints=checkpoints, on_step=stop)
    trained(inputs, "second", elsewhere, checkpoints=checkpoints, on_step=stop)
    assert "going on from train step 2/4" in stop.lines


def test_the_chosen_candidates_weights_are_written(inputs: Path, random_pocket: Path) -> None:
    """Whichever it is, they are those of a training that ended there."""
    outputs = trained(inputs, "out", random_pocket, **SAMPLED)
    step = json.loads((outputs / "report.json").read_text())["choice"]["step"]
    shorter = trained(inputs, "shorter", random_pocket, max_train_steps=step)
    first, second = weights(outputs), weights(shorter)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert (outputs / "samples.png").is_file()


def test_what_another_clip_scored_is_not_compared(inputs: Path, random_pocket: Path, tmp_path: Path) -> None:
    """The training goes on all the same, and the train step that it goes on from is scored again."""
    one, other = (untrained_clip(tmp_path / name, seed) for seed, name in enumerate(("one", "other")))
    settings: dict[str, Any] = SAMPLED | {"checkpoints": tmp_path / "checkpoints"}
    with pytest.raises(Stop):
        trained(inputs, "stopped", random_pocket, clip_weights=one, on_step=StopAt(2), **settings)
    told = StopAt()
    outputs = trained(inputs, "resumed", random_pocket, clip_weights=other, on_step=told, **settings)
    assert "going on from train step 2/4" in told.lines
    report = json.loads((outputs / "report.json").read_text())
    assert [row["step"] for row in report["candidates"]] == [2, 3, 4]
    assert report["clip_sha256"] == (other / "model.safetensors.sha256").read_text().split()[0]


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Say how many images a train step may take through the networks at once."""

    def allow(most: int) -> None:
        def opened(*arguments: Any) -> Any:
            base: Any = open_base_model(*arguments)
            enough = base.loss_per_image

            def loss_per_image(latents: torch.Tensor, *more: Any) -> torch.Tensor:
                if len(latents) > most:
                    raise torch.OutOfMemoryError("CUDA out of memory")
                losses: torch.Tensor = enough(latents, *more)
                return losses

            base.loss_per_image = loss_per_image
            return base

        monkeypatch.setattr(dreambooth, "open_base_model", opened)

    return allow


def test_after_out_of_memory_the_same_batch_is_taken_in_smaller_pieces(
    inputs: Path, random_pocket: Path, little_memory: Callable[[int], None]
) -> None:
    """Two instance and two class images a train step; the second attempt takes two at once, the third one."""
    little_memory(1)
    told = StopAt()
    keywords: dict[str, Any] = {"checkpoints": inputs.parent / "checkpoints", "on_step": told}
    for attempt in ("first", "second"):
        with pytest.raises(OutOfMemory):
            trained(inputs, attempt, random_pocket, **keywords)
    outputs = trained(inputs, "third", random_pocket, **keywords)
    assert [line for line in told.lines if line.startswith("out of memory")] == [
        "out of memory with 4 images at once; the next attempt takes 2",
        "out of memory with 2 images at once; the next attempt takes 1",
    ]
    report = json.loads((outputs / "report.json").read_text())
    assert report["phases"]["train"]["examples"] == 4 * 4


def test_one_image_that_does_not_fit_ends_the_training_and_says_what_to_do(
    inputs: Path, random_pocket: Path, little_memory: Callable[[int], None]
) -> None:
    """Four images, two, one: then no other attempt would end better."""
    little_memory(0)
    checkpoints = inputs.parent / "checkpoints"
    for attempt in ("first", "second"):
        with pytest.raises(OutOfMemory):
            trained(inputs, attempt, random_pocket, checkpoints=checkpoints)
    with pytest.raises(TooLarge, match="one image at a time: set a smaller resolution, gradient_checkpointing"):
        trained(inputs, "third", random_pocket, checkpoints=checkpoints)


def test_a_ruined_training_names_the_train_step_and_the_last_good_checkpoint(
    inputs: Path, random_pocket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*arguments: Any) -> Any:
        """Its loss is no number from the fourth train step on."""
        base: Any = open_base_model(*arguments)
        sound, asked = base.loss_per_image, []

        def loss_per_image(*more: Any) -> torch.Tensor:
            asked.append(1)
            losses: torch.Tensor = sound(*more)
            return losses * (float("nan") if len(asked) > 3 else 1)

        base.loss_per_image = loss_per_image
        return base

    monkeypatch.setattr(dreambooth, "open_base_model", opened)
    with pytest.raises(TrainingDiverged, match=r"at train step 4; .*step-000002\.safetensors"):
        trained(inputs, "out", random_pocket, checkpoints=inputs.parent / "checkpoints")


@pytest.mark.parametrize("settings", [{"method": "pivotal"}, {"method": "full"}])
def test_a_method_that_the_family_lacks_is_told_before_any_work(
    inputs: Path, random_pocket: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    def opened(*arguments: Any) -> Any:
        base: Any = open_base_model(*arguments)
        base.lora_targets = {"transformer": ("to_q",)}
        return base

    monkeypatch.setattr(dreambooth, "open_base_model", opened)
    lines = StopAt()
    with pytest.raises(BadWeights, match="lora only"):
        trained(inputs, "out", random_pocket, on_step=lines, **settings)
    assert lines.lines == []


def test_a_repository_is_trained_as_its_family_is(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny.seeded(tiny.stable_diffusion_xl, tmp_path / "fetched")
    monkeypatch.setattr(dreambooth, "open_base_model", lambda _, *more: open_base_model(str(folder), *more))
    asked = {"base_model": "owner/name"} | SMALL
    outputs = trained(inputs, "out", Path("owner/name"))
    config = json.loads((outputs / "training.json").read_text())["config"]
    assert TrainConfig.from_params(asked).train_text_encoder  # as of Stable Diffusion 1.x
    assert not config["train_text_encoder"]
    assert config.items() >= {name: value for name, value in asked.items() if name != "base_model"}.items()


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
