"""Our trainer, the floor and the script, each in a process of its own: `SIDE LOAD`, then on stdin how many train steps.

For each line of stdin one of stdout: seconds and losses of so many train steps; at the end how far the weights moved
and the most memory that the process ever had.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file

from tests.benchmarks.train_load import CLASS_PROMPT, INSTANCE_PROMPT, LEARNING_RATE, RANK, Load, load_of

MANY = 10**6  # train steps that the trainer is told: it never ends


class Side(Protocol):
    """A training under way."""

    def prepare(self, steps: int) -> None:
        """Whatever the next train steps need and nobody pays for."""
        ...

    def step(self) -> float:
        """One train step; the loss of its instance image plus that of its class image."""
        ...

    def moved(self) -> float:
        """Mean size of what LoRA's second factors have become; they began at zero."""
        ...


class Ours:
    """The Trainer of a job, on latents of the same photos, which it encodes at the beginning.

    It does what the floor does: text encoder, weighing by the matte and min-SNR are off.
    """

    def __init__(self, load: Load) -> None:
        from gpu_worker.base_models.family import load_base_model
        from gpu_worker.train.config import TrainConfig
        from gpu_worker.train.lessons import Lesson
        from gpu_worker.train.trainer import Trainer
        from tests.benchmarks.train_models import latents

        base = load_base_model(load.base_model)
        photos, others = (latents(base, sorted((Path(load.folder) / kind).iterdir())) for kind in ("instance", "class"))
        lesson = Lesson(
            [INSTANCE_PROMPT, CLASS_PROMPT],
            photos,
            torch.zeros(len(photos), dtype=torch.int64),
            others,
            torch.ones(len(others), dtype=torch.int64),
        )
        config = TrainConfig(
            base_model=load.base_model,
            rank=RANK,
            lora_alpha=RANK,
            learning_rate=LEARNING_RATE,
            mixed_precision="bf16" if load.precision == "bf16" else "no",
        )
        self._trainer = Trainer(base, lesson, config, MANY)

    def prepare(self, steps: int) -> None:
        """Nothing."""

    def step(self) -> float:
        return self._trainer.step() + self._trainer.prior_losses[-1]

    def moved(self) -> float:
        return _moved(self._trainer.base.denoiser)


class Floor:
    """Forward, backward and optimiser step of the same UNet with the same LoRA, on tensors that lie ready."""

    def __init__(self, load: Load) -> None:
        from diffusers import DDPMScheduler, UNet2DConditionModel
        from peft import LoraConfig

        from tests.benchmarks.train_models import PREPARED

        self._told = load_file(Path(load.folder) / PREPARED)
        self._dtype = torch.bfloat16 if load.precision == "bf16" else torch.float32
        self._noise: Any = DDPMScheduler.from_pretrained(load.base_model, subfolder="scheduler")
        self._unet: Any = UNet2DConditionModel.from_pretrained(load.base_model, subfolder="unet")
        self._unet.requires_grad_(False).to(self._dtype)
        targets = ["to_k", "to_q", "to_v", "to_out.0"]
        lora = LoraConfig(r=RANK, lora_alpha=RANK, init_lora_weights="gaussian", target_modules=targets)
        self._unet.add_adapter(lora)
        learning = [parameter for parameter in self._unet.parameters() if parameter.requires_grad]
        for parameter in learning:
            parameter.data = parameter.data.float()
        self._optimizer = torch.optim.AdamW(learning, lr=LEARNING_RATE, weight_decay=1e-2, fused=True)
        self._ready: list[tuple[torch.Tensor, ...]] = []

    def prepare(self, steps: int) -> None:
        """Noisy latents, timesteps, embeddings and targets."""
        self._ready = [self._batch() for _ in range(steps)]

    def _batch(self) -> tuple[torch.Tensor, ...]:
        picked = [torch.randint(len(self._told[kind]), (1,)) for kind in ("instance", "class")]
        latents = torch.cat([self._told[kind][at] for kind, at in zip(("instance", "class"), picked, strict=True)])
        noise, timesteps = torch.randn_like(latents), torch.randint(self._noise.config.num_train_timesteps, (2,))
        noisy = self._noise.add_noise(latents, noise, timesteps)
        is_velocity = self._noise.config.prediction_type == "v_prediction"
        target = self._noise.get_velocity(latents, noise, timesteps) if is_velocity else noise
        return noisy.to(self._dtype), timesteps, self._told["embeds"].to(self._dtype), target

    def step(self) -> float:
        noisy, timesteps, embeds, target = self._ready.pop()
        with self._precision():
            predicted = self._unet(noisy, timesteps, embeds, return_dict=False)[0]
        loss = 2 * torch.nn.functional.mse_loss(predicted.float(), target)
        loss.backward()
        self._optimizer.step()
        self._optimizer.zero_grad()
        return float(loss.item())

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast("cpu", self._dtype) if self._dtype != torch.float32 else nullcontext()

    def moved(self) -> float:
        return _moved(self._unet)


def _moved(unet: torch.nn.Module) -> float:
    second = [p.detach().abs().flatten() for name, p in unet.named_parameters() if "lora_B" in name]
    return float(torch.cat(second).mean())


def _side(name: str, load: Load) -> Side:
    if name == "script":
        from tests.benchmarks.train_script import Script

        return Script(load)
    return Ours(load) if name == "ours" else Floor(load)


def main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr  # libraries print
    begun = time.perf_counter()
    side = _side(sys.argv[1], load_of(sys.argv[2]))
    print(json.dumps({"seconds": time.perf_counter() - begun}), file=out, flush=True)
    for line in sys.stdin:
        steps = int(line)
        side.prepare(steps)
        begun = time.perf_counter()
        losses = [side.step() for _ in range(steps)]
        print(json.dumps({"seconds": time.perf_counter() - begun, "losses": losses}), file=out, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # bytes
    print(json.dumps({"moved": side.moved(), "peak": peak}), file=out, flush=True)


if __name__ == "__main__":
    main()
