"""DreamBooth itself: the train step that teaches the identifier while class images hold the rest in place.

Method: Ruiz et al., "DreamBooth: Fine Tuning Text-to-Image Diffusion Models for Subject-Driven Generation",
2022; with LoRA: Hu et al., 2021. No files here: latents and prompts in, trained parts of the base model out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from peft import LoraConfig

from gpu_worker.base_models.family import BaseModel
from gpu_worker.checkpoints import Progress
from gpu_worker.errors import TrainingDiverged
from gpu_worker.stage import StageConfig

Method = Literal["lora", "full"]


class Hyperparameters(StageConfig):
    """What shapes a train step, named as diffusers' training scripts name it."""

    method: Method = "lora"
    rank: int = 16
    lora_alpha: int = 16
    learning_rate: float = 1e-4
    train_text_encoder: bool = False
    text_encoder_lr: float = 5e-5  # lower: the text encoder over-fits first
    max_train_steps: int = 800
    train_batch_size: int = 1  # instance images a train step; as many class images come on top
    prior_loss_weight: float = 1.0
    lr_scheduler: Literal["constant", "cosine"] = "constant"
    lr_warmup_steps: int = 0
    adam_weight_decay: float = 1e-2
    max_grad_norm: float = 1.0
    mixed_precision: Literal["no", "fp16", "bf16"] = "no"
    seed: int = 0


@dataclass(frozen=True)
class Lesson:
    """What is learnt: latents of instance and class images, float32 (N, channels, h, w) and (M, channels, h, w).

    `instance_prompt`, int64 (N,), and `class_prompt`, int64 (M,), hold the index of each image's prompt in
    `prompts`; M = 0 switches prior preservation off.
    """

    prompts: Sequence[str]
    instance_latents: torch.Tensor
    instance_prompt: torch.Tensor
    class_latents: torch.Tensor
    class_prompt: torch.Tensor


def trained_parts(config: Hyperparameters) -> tuple[str, ...]:
    """Names of the base model's parts that learn."""
    return ("unet", "text_encoder") if config.train_text_encoder else ("unet",)


class DreamBooth:
    """One training under way."""

    def __init__(self, base: BaseModel, lesson: Lesson, config: Hyperparameters) -> None:
        self.base = base
        self.lesson = lesson
        self.config = config
        self.losses: list[float] = []
        self.generator = torch.Generator().manual_seed(config.seed)
        groups = [_open_for_training(base, name, config) for name in trained_parts(config)]
        self.parameters = [parameter for group in groups for parameter in group["params"]]
        # A worker trains many subjects in one process, and accelerate forbids a change of precision.
        AcceleratorState._reset_state(reset_partial_state=True)
        self.accelerator = Accelerator(mixed_precision=config.mixed_precision, cpu=_on_cpu(base))
        optimizer = torch.optim.AdamW(groups, weight_decay=config.adam_weight_decay)
        prepared = self.accelerator.prepare(optimizer, *(getattr(base, n) for n in trained_parts(config)))
        self.optimizer = prepared[0]
        self.embeds = None if config.train_text_encoder else base.encode_prompts(lesson.prompts).detach()

    @property
    def progress(self) -> Progress:
        """What a checkpoint saves."""
        scaler = self.accelerator.scaler
        return Progress(self.parameters, self.optimizer.optimizer, self.generator, scaler, self.losses)

    def step(self) -> float:
        """One train step; return its loss. Raises TrainingDiverged when that is no longer a number."""
        factor = _lr_factor(len(self.losses), self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_lr"] * factor
        loss = self._loss()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.parameters, self.config.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.losses.append(loss.item())
        if not math.isfinite(self.losses[-1]):
            raise TrainingDiverged(f"the loss was {self.losses[-1]} at train step {len(self.losses)}")
        return self.losses[-1]

    def _loss(self) -> torch.Tensor:
        lesson, batch = self.lesson, self.config.train_batch_size
        shown = self._draw(len(lesson.instance_latents))
        picked, prompt = lesson.instance_latents[shown], lesson.instance_prompt[shown]
        if len(lesson.class_latents):
            others = self._draw(len(lesson.class_latents))
            picked = torch.cat([picked, lesson.class_latents[others]])
            prompt = torch.cat([prompt, lesson.class_prompt[others]])
        with self.accelerator.autocast():
            latents = picked.to(self.accelerator.device)
            losses = self.base.loss_per_image(latents, self._encode(prompt), self.generator)
        prior = losses[batch:].mean() if len(losses) > batch else losses.new_zeros(())
        return losses[:batch].mean() + self.config.prior_loss_weight * prior

    def _draw(self, count: int) -> torch.Tensor:
        return torch.randint(count, (self.config.train_batch_size,), generator=self.generator)

    def _encode(self, prompt: torch.Tensor) -> torch.Tensor:
        """Embeddings of the lesson's prompts by index, each encoded once."""
        if self.embeds is not None:
            return self.embeds[prompt.to(self.embeds.device)]
        used, place = prompt.unique(return_inverse=True)
        embeds = self.base.encode_prompts([self.lesson.prompts[index] for index in used.tolist()])
        return embeds[place.to(embeds.device)]


def _open_for_training(base: BaseModel, name: str, config: Hyperparameters) -> dict[str, Any]:
    """Make one part learn and return its parameters with their learning rate, for the optimiser."""
    part = getattr(base, name)
    if config.method == "lora":
        targets = base.unet_lora_targets if name == "unet" else base.text_lora_targets
        torch.manual_seed(config.seed)  # peft draws the first factors from the global generator
        part.add_adapter(
            LoraConfig(
                r=config.rank,
                lora_alpha=config.lora_alpha,
                init_lora_weights="gaussian",
                target_modules=list(targets),
            )
        )
    else:
        part.requires_grad_(True)
    rate = config.learning_rate if name == "unet" else config.text_encoder_lr
    return {"params": [p for p in part.parameters() if p.requires_grad], "lr": rate, "full_lr": rate}


def _lr_factor(step: int, config: Hyperparameters) -> float:
    """Of the full learning rate, 0..1; a function of the step alone, so that resuming needs no state."""
    if step < config.lr_warmup_steps:
        return (step + 1) / config.lr_warmup_steps
    if config.lr_scheduler == "constant":
        return 1.0
    left = max(1, config.max_train_steps - config.lr_warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * (step - config.lr_warmup_steps) / left))


def _on_cpu(base: BaseModel) -> bool:
    return bool(base.unet.device.type == "cpu")
