"""LoRA files of several trainers, read into layers; DoRA as peft itself computes it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gpu_worker.errors import BadWeights
from gpu_worker.generate.engine import Resident
from gpu_worker.generate.lora_files import read_lora
from gpu_worker.generate.named_loras import NamedLora
from gpu_worker.prompt_language import Lora
from gpu_worker.weights import LORA_FILE

CPU = torch.device("cpu")
CONVOLUTIONS = ["to_q", "to_out.0", "ff.net.0.proj", "conv1", "conv_shortcut", "proj_in", "time_emb_proj"]
INNER = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
KOHYA = f"lora_unet_{INNER.replace('.', '_')}"


@pytest.fixture
def resident(random_pocket: Path) -> Resident:
    return Resident(str(random_pocket), None, CPU, torch.float32)


@pytest.fixture(scope="module")
def trained(random_pocket: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Resident, Path]:
    """A base model that wears a DoRA of random numbers by peft, and the file that diffusers writes of it, float32."""
    held = Resident(str(random_pocket), None, CPU, torch.float32)
    folder, given = tmp_path_factory.mktemp("dora"), {}
    generator = torch.Generator().manual_seed(1)
    for name, targets in (("unet", CONVOLUTIONS), ("text_encoder", ["q_proj", "out_proj", "fc1"])):
        part: Any = getattr(held.base, name)
        part.add_adapter(LoraConfig(r=4, lora_alpha=2, use_dora=True, target_modules=targets))
        for parameter in part.parameters():
            if parameter.requires_grad:
                parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
        layers = get_peft_model_state_dict(part)
        given[f"{name}_lora_layers"] = convert_state_dict_to_diffusers(layers)
        given[f"{name}_lora_adapter_metadata"] = part.peft_config["default"].to_dict()
    StableDiffusionPipeline.save_lora_weights(folder, **given)
    return held, folder / LORA_FILE


def wear(resident: Resident, file: Path, strength: float = 1.0) -> None:
    resident.wear(None, (NamedLora(Lora("film", strength, strength), (1, 1), tuple(read_lora(file))),))


@torch.no_grad()
def shown(resident: Resident) -> list[torch.Tensor]:
    """What both networks make of the same numbers."""
    generator = torch.Generator().manual_seed(2)
    latents, hidden = (torch.randn(*shape, generator=generator) for shape in ((2, 4, 16, 16), (2, 48, 32)))
    ids = torch.arange(96).view(2, 48)
    return [
        resident.base.denoiser(latents, 500, hidden, return_dict=False)[0],
        resident.base.text_encoder(ids)[0],
    ]


def test_dora_draws_as_peft_does(resident: Resident, trained: tuple[Resident, Path]) -> None:
    """Linear layers and convolutions, in both networks."""
    peft, file = trained
    bare = shown(resident)
    wear(resident, file)
    for ours, theirs, before in zip(shown(resident), shown(peft), bare, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
        assert (ours - before).abs().mean() > 0.1 * before.abs().mean()
    resident.wear(None)
    assert all(map(torch.equal, shown(resident), bare))


def test_every_weight_is_what_peft_merges(resident: Resident, trained: tuple[Resident, Path]) -> None:
    peft, file = trained
    wear(resident, file)
    merged = 0
    for part in ("unet", "text_encoder"):
        ours = dict(getattr(resident.base, part).named_modules())
        for name, module in getattr(peft.base, part).named_modules():
            if isinstance(module, BaseTunerLayer):
                module.merge()
                torch.testing.assert_close(ours[name].weight, module.get_base_layer().weight, atol=1e-6, rtol=1e-5)
                module.unmerge()
                merged += 1
    assert merged == len(read_lora(file)) > 20


def test_half_the_strength_is_half_the_way(resident: Resident, trained: tuple[Resident, Path]) -> None:
    weight = resident.base.denoiser.get_submodule(INNER).weight
    bare = weight.clone()
    wear(resident, trained[1])
    whole = weight.clone()
    wear(resident, trained[1], 0.5)
    torch.testing.assert_close(weight.detach(), (bare + whole) / 2)


def rewritten(file: Path, to: Path, change: Callable[[dict[str, torch.Tensor], dict[str, Any]], object]) -> Path:
    with safe_open(file, framework="pt") as opened:
        told = opened.metadata()
    tensors, header = load_file(file), json.loads(told["lora_adapter_metadata"])
    change(tensors, header)
    save_file(tensors, to, told | {"lora_adapter_metadata": json.dumps(header)})
    return to


@pytest.mark.parametrize("dora", [True, False])
def test_a_header_that_says_otherwise(trained: tuple[Resident, Path], tmp_path: Path, dora: bool) -> None:
    def change(tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> None:
        if dora:
            for name in [name for name in tensors if "magnitude" in name]:
                del tensors[name]
        else:
            header["unet.use_dora"] = False

    with pytest.raises(BadWeights, match="disagree"):
        read_lora(rewritten(trained[1], tmp_path / "film.safetensors", change))


def other_trainers(lengths: torch.Tensor) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        f"{KOHYA}.lora_down.weight": torch.randn(4, 32, generator=generator),
        f"{KOHYA}.lora_up.weight": torch.randn(32, 4, generator=generator),
        f"{KOHYA}.alpha": torch.tensor(2.0),
        f"{KOHYA}.dora_scale": lengths,
    }


@pytest.mark.parametrize("shape", [(32, 1), (1, 32)])
def test_dora_of_other_trainers(resident: Resident, tmp_path: Path, shape: tuple[int, int]) -> None:
    """Lengths by output or by input, under kohya's names."""
    tensors = other_trainers(torch.rand(shape) + 0.5)
    save_file(tensors, tmp_path / "film.safetensors")
    weight = resident.base.denoiser.get_submodule(INNER).weight
    turned = weight + 0.5 * tensors[f"{KOHYA}.lora_up.weight"] @ tensors[f"{KOHYA}.lora_down.weight"]
    lengths = turned.norm(dim=shape.index(1), keepdim=True)
    wear(resident, tmp_path / "film.safetensors")
    torch.testing.assert_close(weight.detach(), turned.detach() / lengths.detach() * tensors[f"{KOHYA}.dora_scale"])


@pytest.mark.parametrize(
    "wrong",
    {
        "another length": {f"{KOHYA}.dora_scale": torch.ones(31, 1)},
        "more of them": {f"{KOHYA}.dora_scale": torch.ones(32, 32)},
        "flat": {f"{KOHYA}.dora_scale": torch.ones(32)},
        "a scalar": {f"{KOHYA}.dora_scale": torch.ones(())},
        "none": {f"{KOHYA}.dora_scale": torch.ones(0, 1)},
        "NaN": {f"{KOHYA}.dora_scale": torch.full((32, 1), float("nan"))},
        "whole numbers": {f"{KOHYA}.dora_scale": torch.ones(32, 1, dtype=torch.int64)},
        "of no layer": {"lora_unet_conv_in.dora_scale": torch.ones(32, 1)},
        "a huge rank": {
            f"{KOHYA}.lora_down.weight": torch.zeros(10_000, 32),
            f"{KOHYA}.lora_up.weight": torch.zeros(32, 10_000),
        },
    }.items(),
    ids=lambda each: each[0],
)
def test_what_is_no_dora(tmp_path: Path, wrong: tuple[str, dict[str, torch.Tensor]]) -> None:
    save_file(other_trainers(torch.ones(32, 1)) | wrong[1], tmp_path / "film.safetensors")
    with pytest.raises(BadWeights, match=r"film\.safetensors"):
        read_lora(tmp_path / "film.safetensors")
