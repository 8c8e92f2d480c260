"""LoRA files as layers: which weight of which part changes by what. Nothing is merged here.

A file's header is not believed: rank and place come from the tensors.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from diffusers.utils.state_dict_utils import (
    StateDictType,
    convert_state_dict_to_peft,
    convert_unet_state_dict_to_peft,
)
from peft import LoraConfig
from safetensors import safe_open

from gpu_worker.errors import BadWeights
from gpu_worker.weights import PARTS, telling_bad_weights

DOWN, UP = ".lora_A.weight", ".lora_B.weight"
MOST_ALPHA = 65_536
# What a training sets in its adapter's record beside rank and alpha; anything else is as peft has it.
OF_A_TRAINING = {"target_modules", "init_lora_weights", "peft_type", "peft_version", "base_model_name_or_path"}


@dataclass(frozen=True)
class Layer:
    """What is added to the weight of one module: `scale` times `up` (outputs, rank) times `down` (rank, inputs).

    Convolutions have float (rank, channels, k, k) for `down` and (channels, rank, 1, 1) for `up`.
    """

    part: str
    module: str
    down: torch.Tensor
    up: torch.Tensor
    scale: float


def read_lora(file: Path) -> list[Layer]:
    """The layers of a LoRA file (diffusers, peft or kohya names; Hu et al., 2021, section 4.1).

    Raises BadWeights for files that are broken, not finite, empty, or hold other things than LoRA.
    """
    with telling_bad_weights(f"the LoRA {file} does not load"):
        with safe_open(file, framework="pt") as opened:
            header = json.loads((opened.metadata() or {}).get(LORA_ADAPTER_METADATA_KEY, "{}"))
            _check_header(header)
            held = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
        tensors, alphas = StableDiffusionPipeline.lora_state_dict(dict(held))
        layers = [layer for part in PARTS for layer in _layers(part, tensors, alphas or {}, header)]
        if not layers or 2 * len(layers) != len(tensors):
            raise BadWeights(f"{len(held)} tensors in {file} make {len(layers)} LoRA layers of {' and '.join(PARTS)}")
        return layers


def _layers(
    part: str, tensors: Mapping[str, torch.Tensor], alphas: Mapping[str, float], header: Mapping[str, Any]
) -> Iterator[Layer]:
    own = _renamed(part, tensors)
    told = _renamed(part, {name.removesuffix(".alpha"): value for name, value in alphas.items()})
    for name, down in own.items():
        if name.endswith(DOWN):
            module, rank = name.removesuffix(DOWN), down.shape[0]
            alpha = told.get(
                name, told.get(module, _alpha(header, part, rank))
            )  # diffusers names some after the module
            yield _checked(Layer(part, plain_name(module), down, own[module + UP], float(alpha) / rank))


def _renamed(part: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Of this part, as peft calls them."""
    own = {name.removeprefix(f"{part}."): value for name, value in told.items() if name.startswith(f"{part}.")}
    if part == "unet":
        return dict(convert_unet_state_dict_to_peft(own))
    if any("_lora." in name for name in own):
        return dict(convert_state_dict_to_peft(own, StateDictType.DIFFUSERS_OLD))
    if any(".lora_linear_layer." in name for name in own):
        return dict(convert_state_dict_to_peft(own, StateDictType.DIFFUSERS))
    return own


def plain_name(module: str) -> str:
    """Of a text encoder's module: libraries have it with and without this prefix."""
    return module.removeprefix("text_model.")


def _alpha(header: Mapping[str, Any], part: str, rank: int) -> float:
    """Of the training's record in the header; without one the rank, so that the scale is 1."""
    if header.get(f"{part}.r", rank) != rank:
        raise BadWeights(f"the file says {part}.r is {header[f'{part}.r']!r:.80}, and its tensors say {rank}")
    return float(header.get(f"{part}.lora_alpha", rank))


def _check_header(header: Mapping[str, Any]) -> None:
    """What peft would act on, and we do not (DoRA, patterns of ranks, replicated layers), would be lost in silence."""
    usual = LoraConfig().to_dict()
    for name, value in header.items():
        field = name.rsplit(".", 1)[-1]
        if field == "lora_alpha":
            believed = isinstance(value, int | float) and 0 < value <= MOST_ALPHA
        else:
            believed = field == "r" or field in OF_A_TRAINING or not value or value == usual.get(field)
        if not believed:
            raise BadWeights(f"the file says {name} is {value!r:.80}, which no training of ours wrote")


def _checked(layer: Layer) -> Layer:
    for tensor in (layer.down, layer.up):
        if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
            raise BadWeights(f"{layer.module} is not finite")
    if layer.up.dim() != layer.down.dim() or layer.up.shape[1] != layer.down.shape[0]:
        raise BadWeights(f"{layer.module} has shapes {tuple(layer.up.shape)} and {tuple(layer.down.shape)}")
    return layer
