"""What turns gradients into new weights: AdamW (also in 8 bits) and Prodigy, and how their learning rates go.

AdamW: Loshchilov and Hutter, arXiv 1711.05101; 8 bits: Dettmers et al., arXiv 2110.02861; Prodigy: Mishchenko and
Defazio, arXiv 2306.06101. No gradient is made here, and nothing is saved.
"""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import torch
from diffusers.optimization import get_scheduler

from gpu_worker.errors import WorkError
from gpu_worker.train.adapters import Group
from gpu_worker.train.config import TrainConfig


class NotInstalled(WorkError):
    """The settings ask for a library that this machine lacks."""


def make_optimizer(groups: Sequence[Group], config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser that the settings ask for. Raises NotInstalled."""
    given: list[dict[str, Any]] = [
        {"params": list(group.parameters.values()), "lr": group.learning_rate} for group in groups
    ]
    usual: dict[str, Any] = {
        "lr": config.learning_rate,
        "betas": (config.adam_beta1, config.adam_beta2),
        "eps": config.adam_epsilon,
        "weight_decay": config.adam_weight_decay,
    }
    if config.optimizer == "prodigy":
        return _prodigy(given, usual)
    if config.use_8bit_adam:
        return _adamw_8bit(given, usual)
    return torch.optim.AdamW(given, **usual, fused=True)  # one pass over all tensors, on the CPU too


def make_token_optimizer(group: Group, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW for new token embeddings; nothing pulls those towards zero."""
    betas = (config.adam_beta1, config.adam_beta2)
    parameters = list(group.parameters.values())
    rate = group.learning_rate
    return torch.optim.AdamW(parameters, lr=rate, betas=betas, eps=config.adam_epsilon, weight_decay=0.0, fused=True)


def make_lr_scheduler(optimizer: torch.optim.Optimizer, config: TrainConfig, train_steps: int) -> Any:
    """diffusers' lr_scheduler of that name, to be stepped after each of `train_steps` train steps."""
    return get_scheduler(
        config.lr_scheduler,
        optimizer,
        num_warmup_steps=config.lr_warmup_steps,
        num_training_steps=train_steps,
        num_cycles=config.lr_num_cycles,
        power=config.lr_power,
    )


def _prodigy(groups: list[dict[str, Any]], usual: dict[str, Any]) -> torch.optim.Optimizer:
    """It finds one learning rate for all parts; `learning_rate`, best 1, scales that."""
    try:
        from prodigyopt import Prodigy
    except ImportError as error:
        raise NotInstalled('optimizer "prodigy" needs the package prodigyopt, which is not installed') from error
    alike = [group | {"lr": usual["lr"]} for group in groups]
    with redirect_stdout(io.StringIO()):  # it prints what it was told
        made: torch.optim.Optimizer = Prodigy(alike, **usual, use_bias_correction=True, safeguard_warmup=True)
    return made


def _adamw_8bit(groups: list[dict[str, Any]], usual: dict[str, Any]) -> torch.optim.Optimizer:
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise NotInstalled("use_8bit_adam needs the package bitsandbytes, which is not installed") from error
    made: torch.optim.Optimizer = AdamW8bit(groups, **usual)
    return made
