"""What learns: LoRA and DoRA over parts as the settings say, written as diffusers reads them."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from gpu_worker.base_models.family import BaseModel
from gpu_worker.errors import BadWeights
from gpu_worker.generate.lora_files import read_lora
from gpu_worker.train.adapters import check_method, check_resolution, open_parts, trained_parts
from gpu_worker.weights import DIFFERENCE_FILE, LORA_FILE, MAGNITUDE, open_base_model, save_difference, save_lora
from tests.gpu_worker.train.taught import config_of


@pytest.fixture
def base(random_pocket: Path) -> BaseModel:
    return open_base_model(str(random_pocket), None, torch.device("cpu"))


def shaken(base: BaseModel, **settings: Any) -> BaseModel:
    """Opened, and all that learns moved as a training would."""
    generator = torch.Generator().manual_seed(0)
    for group in open_parts(base, config_of(**settings)):
        for parameter in group.parameters.values():
            parameter.data += 0.01 * torch.randn(parameter.shape, generator=generator)
    return base


@pytest.mark.parametrize("use_dora", [False, True])
def test_diffusers_draws_the_same_with_what_was_saved(
    base: BaseModel, random_pocket: Path, tmp_path: Path, use_dora: bool
) -> None:
    # transformers 5 looks for DoRA's lengths in a text encoder under another name than peft writes.
    settings = {"train_text_encoder": not use_dora, "use_dora": use_dora}
    taught = shaken(base, **settings)
    save_lora(taught, trained_parts(taught, config_of(**settings)), tmp_path)
    pipe = StableDiffusionPipeline.from_pretrained(random_pocket, safety_checker=None)
    pipe.load_lora_weights(tmp_path)
    latents, ids = torch.randn(1, 4, 16, 16), torch.arange(12)[None]
    with torch.no_grad():
        states = [each.text_encoder(ids)[0] for each in (taught, pipe)]
        drawn = [each.unet(latents, 5, state).sample for each, state in zip((taught, pipe), states, strict=True)]
    assert torch.allclose(states[0], states[1], atol=2e-3)
    assert torch.allclose(drawn[0], drawn[1], atol=5e-3)
    tensors = load_file(tmp_path / "pytorch_lora_weights.safetensors")
    assert any(MAGNITUDE in name for name in tensors) == use_dora
    assert {tensor.dtype for name, tensor in tensors.items() if MAGNITUDE not in name} == {torch.float16}


def test_doras_lengths_keep_their_digits(base: BaseModel, random_pocket: Path, tmp_path: Path) -> None:
    """In the file, for the engine, and for diffusers, which draws with it in half precision too."""
    taught = shaken(base, use_dora=True)
    save_lora(taught, ("unet",), tmp_path)
    learnt = {name.split(MAGNITUDE)[0]: p for name, p in taught.unet.named_parameters() if MAGNITUDE in name}
    layers = {layer.module: layer.magnitude for layer in read_lora(tmp_path / LORA_FILE)}
    assert layers.keys() == learnt.keys()
    for module, lengths in layers.items():
        assert lengths is not None
        assert torch.equal(lengths.flatten(), learnt[module].flatten())
    half = StableDiffusionPipeline.from_pretrained(random_pocket, safety_checker=None, dtype=torch.bfloat16)
    half.load_lora_weights(tmp_path)
    given = (torch.randn(1, 4, 16, 16), torch.randn(1, 12, 32))
    with torch.no_grad():
        expected = taught.unet(given[0], 5, given[1]).sample
        drawn = half.unet(given[0].bfloat16(), 5, given[1].bfloat16()).sample
    assert drawn.dtype == torch.bfloat16
    assert torch.allclose(drawn.float(), expected, atol=0.1)


def test_targets_are_the_denoisers_alone(base: BaseModel) -> None:
    groups = open_parts(base, config_of(lora_targets=("to_v",), train_text_encoder=True))
    assert all(".to_v." in name for name in groups[0].parameters)
    assert any(".q_proj." in name for name in groups[1].parameters)


def test_parts_learn_at_their_own_rates(base: BaseModel) -> None:
    config = config_of(train_text_encoder=True, learning_rate=1e-3, text_encoder_lr=1e-4)
    assert [(g.part, g.learning_rate) for g in open_parts(base, config)] == [("unet", 1e-3), ("text_encoder", 1e-4)]


def test_the_first_factors_are_drawn_by_the_seed_and_leave_the_process_its_numbers(base: BaseModel) -> None:
    def opened(seed: int) -> list[torch.Tensor]:
        return list(open_parts(copy.deepcopy(base), config_of(seed=seed))[0].parameters.values())

    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    first, again, other = opened(0), opened(0), opened(1)
    assert torch.equal(torch.rand(3), wanted)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_difference_and_the_base_make_the_whole(base: BaseModel, random_pocket: Path, tmp_path: Path) -> None:
    taught = shaken(copy.deepcopy(base), method="full")
    save_difference(taught, base, ("unet",), tmp_path)
    held = load_file(tmp_path / DIFFERENCE_FILE)
    before, after = base.denoiser.state_dict(), taught.denoiser.state_dict()
    assert held.keys() == {f"unet.{name}" for name in before}
    for name in before:
        assert held[f"unet.{name}"].dtype == torch.float16
        assert torch.allclose(before[name] + held[f"unet.{name}"].float(), after[name], atol=1e-4)


@pytest.mark.parametrize(
    ("method", "parts"), [("full", {"transformer": (), "text_encoder": ()}), ("pivotal", {"unet": ()})]
)
def test_methods_that_a_family_does_not_have(method: str, parts: dict[str, tuple[str, ...]]) -> None:
    family = cast(BaseModel, SimpleNamespace(source="folder", lora_targets=parts))
    with pytest.raises(BadWeights, match="folder"):
        check_method(family, config_of(method=method))


@pytest.mark.parametrize(("side", "fits"), [(None, True), (1024, True), (1000, False)])
def test_a_resolution_must_suit_the_family(side: int | None, fits: bool) -> None:
    family = cast(BaseModel, SimpleNamespace(source="folder", side_step=16))
    if fits:
        check_resolution(family, config_of(resolution=side))
        return
    with pytest.raises(BadWeights, match="folder takes a resolution in steps of 16 px, not 1000"):
        check_resolution(family, config_of(resolution=side))
