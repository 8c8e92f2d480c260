"""LoRA files as layers: which weight of which part changes by what. Nothing is merged here.

A file's header is not believed: rank and place come from the tensors.
"""

import json
import math
import re
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
from gpu_worker.generate.changes import Layer
from gpu_worker.weights import MAGNITUDE, PARTS, telling_bad_weights

DOWN, UP = ".lora_A.weight", ".lora_B.weight"
SCALE = ".dora_scale"  # other trainers': one for each output or each input; diffusers drops it
DOWN_ANYWHERE = re.compile(r"\.lora(_down|_A|\.down|_linear_layer\.down)\.weight$")
MOST_ALPHA = 65_536
# What a training sets in its adapter's record beside rank and alpha; anything else is as peft has it.
OF_A_TRAINING = {"target_modules", "init_lora_weights", "peft_type", "peft_version", "base_model_name_or_path"}


@dataclass(frozen=True)
class _Told:
    """A file's tensors as diffusers calls them, its alphas and header, and lengths by the id() of their `down`."""

    tensors: Mapping[str, torch.Tensor]
    alphas: Mapping[str, float]
    header: Mapping[str, Any]
    scales: Mapping[int, torch.Tensor]


def read_lora(file: Path) -> list[Layer]:
    """The layers of a LoRA or DoRA file (diffusers, peft or kohya names; `changes` has the sources).

    Raises BadWeights for files that are broken, not finite, empty, or hold other things than LoRA.
    """
    with telling_bad_weights(f"the LoRA {file} does not load"):
        with safe_open(file, framework="pt") as opened:
            header = json.loads((opened.metadata() or {}).get(LORA_ADAPTER_METADATA_KEY, "{}"))
            _check_header(header)
            held = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
        count, scales = len(held), _take_scales(held)
        tensors, alphas = StableDiffusionPipeline.lora_state_dict(dict(held))
        told = _Told(tensors, alphas or {}, header, scales)
        layers = [layer for part in PARTS for layer in _layers(part, told)]
        used = sum(2 if layer.magnitude is None else 3 for layer in layers)
        if not layers or used != len(tensors) + len(scales):
            raise BadWeights(f"{count} tensors in {file} make {len(layers)} LoRA layers of {' and '.join(PARTS)}")
        return layers


def _take_scales(held: dict[str, torch.Tensor]) -> dict[int, torch.Tensor]:
    """Out of `held`: diffusers renames the tensors that stay, and they stay the same objects."""
    downs = {DOWN_ANYWHERE.sub("", name): tensor for name, tensor in held.items() if DOWN_ANYWHERE.search(name)}
    names = [name for name in held if name.endswith(SCALE)]
    return {id(downs[name.removesuffix(SCALE)]): held.pop(name) for name in names}


def _layers(part: str, told: _Told) -> Iterator[Layer]:
    own = _renamed(part, told.tensors)
    alphas = _renamed(part, {name.removesuffix(".alpha"): value for name, value in told.alphas.items()})
    for name, down in own.items():
        if name.endswith(DOWN):
            module, rank = name.removesuffix(DOWN), down.shape[0]
            # diffusers names some alphas after the module
            alpha = alphas.get(name, alphas.get(module, _alpha(told.header, part, rank)))
            given = own.get(module + MAGNITUDE, own.get(f"{module}{MAGNITUDE}.weight"))
            magnitude = told.scales.get(id(down)) if given is None else _by_output(given, down.dim())
            if told.header.get(f"{part}.use_dora", magnitude is not None) != (magnitude is not None):
                raise BadWeights(f"the file's header and its tensors disagree whether {module} is DoRA")
            up = own[module + UP]
            yield _checked(Layer(part, plain_name(module), down, up, float(alpha) / rank, magnitude))


def _by_output(lengths: torch.Tensor, dims: int) -> torch.Tensor:
    """peft keeps (outputs,) for linear layers and (1, outputs, 1, 1) for convolutions."""
    return lengths.reshape(-1, *[1] * (dims - 1))


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
    """What peft would act on, and we do not (patterns of ranks, replicated layers), would be lost in silence."""
    usual = LoraConfig().to_dict()
    for name, value in header.items():
        field = name.rsplit(".", 1)[-1]
        if field == "lora_alpha":
            believed = isinstance(value, int | float) and 0 < value <= MOST_ALPHA
        elif field == "use_dora":
            believed = isinstance(value, bool)
        else:
            believed = field == "r" or field in OF_A_TRAINING or not value or value == usual.get(field)
        if not believed:
            raise BadWeights(f"the file says {name} is {value!r:.80}, which no training of ours wrote")


def _checked(layer: Layer) -> Layer:
    magnitudes: tuple[torch.Tensor, ...] = () if layer.magnitude is None else (layer.magnitude,)
    for tensor in (layer.down, layer.up, *magnitudes):
        if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
            raise BadWeights(f"{layer.module} is not finite")
    if layer.up.dim() != layer.down.dim() or layer.up.shape[1] != layer.down.shape[0]:
        raise BadWeights(f"{layer.module} has shapes {tuple(layer.up.shape)} and {tuple(layer.down.shape)}")
    outputs, inputs, *window = layer.shape
    if layer.down.shape[0] > max(outputs, inputs * math.prod(window)):
        raise BadWeights(f"{layer.module} has rank {layer.down.shape[0]}, more than any matrix {layer.shape}")
    ones = [1] * len(window)
    if any(list(each.shape) not in ([outputs, 1, *ones], [1, inputs, *ones]) for each in magnitudes):
        raise BadWeights(f"{layer.module} is {layer.shape} and its lengths {tuple(magnitudes[0].shape)}")
    return layer
