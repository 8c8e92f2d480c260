"""Which parameters learn: LoRA or DoRA layers laid over parts of the base model, or those parts as they are.

No loss and no optimiser. LoRA: Hu et al., arXiv 2106.09685; DoRA: Liu et al., arXiv 2402.09353.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.training_utils import cast_training_params
from peft import LoraConfig

from gpu_worker.base_models.family import BaseModel, Precision
from gpu_worker.errors import BadWeights
from gpu_worker.train.config import TrainConfig

HALF = {"fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Group:
    """Parameters that learn at one rate: a part's, by name, or the new tokens'."""

    part: str
    parameters: Mapping[str, torch.nn.Parameter]
    learning_rate: float


def trained_parts(base: BaseModel, config: TrainConfig) -> tuple[str, ...]:
    """Names of the base model's parts that learn: the denoiser, then, where asked for, the text encoders."""
    denoiser, *text_encoders = base.lora_targets
    return (denoiser, *text_encoders) if config.train_text_encoder else (denoiser,)


def check_method(base: BaseModel, config: TrainConfig) -> None:
    """Raises BadWeights where the base model's family does not learn by this method."""
    denoiser, *text_encoders = base.lora_targets
    if config.method != "lora" and denoiser != "unet":
        raise BadWeights(f"{base.source} learns by method lora only, not {config.method}")
    if (config.method == "pivotal" or config.train_text_encoder) and not text_encoders:
        raise BadWeights(f"{base.source} has no text encoder that can learn")


def check_resolution(base: BaseModel, config: TrainConfig) -> None:
    """Raises BadWeights where the base model does not draw images of the side that the settings ask for."""
    if config.resolution and config.resolution % base.side_step:
        raise BadWeights(f"{base.source} takes a resolution in steps of {base.side_step} px, not {config.resolution}")


def opened_in(config: TrainConfig) -> Precision:
    """What the base model's weights are opened in, so that no more than what is trained with is ever in memory.

    The VAE stays whole: its latents are made once and are what is learnt.
    """
    half = HALF.get(config.mixed_precision or "no")
    return torch.float32 if half is None or config.method == "full" else {"default": half, "vae": torch.float32}


def open_parts(base: BaseModel, config: TrainConfig) -> list[Group]:
    """Make the parts learn, the denoiser first. What learns is float32 whatever `mixed_precision` says; with LoRA the
    frozen weights below are as `opened_in` has them.
    """
    groups = []
    for name in trained_parts(base, config):
        part = getattr(base, name)
        is_denoiser = part is base.denoiser
        if config.method == "full":
            part.requires_grad_(True)
        else:
            if is_denoiser:
                # Convolutions are a tenth faster. Only weights that are frozen: an optimiser's state has one layout.
                part.to(memory_format=torch.channels_last)
            _lay_over(part, _targets(base, name, config), config)
        rate = config.learning_rate if is_denoiser else config.text_encoder_lr
        groups.append(Group(name, {n: p for n, p in part.named_parameters() if p.requires_grad}, rate))
    if config.gradient_checkpointing:
        # The text encoders stay as they are: theirs works in training mode only, where dropout would be drawn from
        # the process's random numbers, and a resumed training would end elsewhere.
        base.denoiser.enable_gradient_checkpointing()
    return groups


def _targets(base: BaseModel, name: str, config: TrainConfig) -> list[str]:
    own = config.lora_targets if getattr(base, name) is base.denoiser else None
    return list(own or base.lora_targets[name])


def _lay_over(part: Any, targets: list[str], config: TrainConfig) -> None:
    if config.mixed_precision in HALF:
        part.to(HALF[config.mixed_precision])
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)  # peft draws the first factors from the process's random numbers
        part.add_adapter(
            LoraConfig(
                r=config.rank,
                lora_alpha=config.lora_alpha,
                init_lora_weights="gaussian",
                target_modules=targets,
                use_dora=config.use_dora,
            )
        )
    cast_training_params(part, torch.float32)
