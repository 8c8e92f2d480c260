"""DreamBooth itself: the train step that teaches the identifier while class images hold the rest in place.

Method: Ruiz et al., "DreamBooth: Fine Tuning Text-to-Image Diffusion Models for Subject-Driven Generation",
arXiv 2208.12242, equation 2. Latents and prompts in, trained parts of the base model out; no photo is seen here.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from gpu_worker.base_models.family import BaseModel, Conditioning, LossRecipe
from gpu_worker.train.adapters import HALF, open_parts
from gpu_worker.train.averaging import Average
from gpu_worker.train.batches import Batch, Batches
from gpu_worker.train.checkpoints import Progress
from gpu_worker.train.config import TrainConfig
from gpu_worker.train.divergence import check_scale, check_train_step
from gpu_worker.train.embeddings import Embeddings
from gpu_worker.train.lessons import Lesson
from gpu_worker.train.new_tokens import NAME, open_new_tokens
from gpu_worker.train.optimizers import make_lr_scheduler, make_optimizer, make_token_optimizer


class Trainer:
    """One training under way: `step()` as often as `total_steps` says."""

    def __init__(self, base: BaseModel, lesson: Lesson, config: TrainConfig, total_steps: int) -> None:
        """Opens parts of `base` for training; its VAE goes to the CPU. Raises BadWeights, NotInstalled."""
        self.base, self.config, self.total_steps = base, config, total_steps
        self.losses: list[float] = []
        self.prior_losses: list[float] = []
        self.generator = torch.Generator().manual_seed(config.seed)
        self.device = base.denoiser.device
        self.batches = Batches(lesson, config, self.device)
        self.images_per_piece = self.batches.images
        self.embeddings = Embeddings(base, lesson.prompts, lesson.empty_prompt)
        self._open()
        self._recipe = LossRecipe(config.snr_gamma, config.noise_offset)
        self.scaler = torch.amp.GradScaler(self.device.type) if config.mixed_precision == "fp16" else None
        base.parts["vae"].to("cpu")

    def _open(self) -> None:
        config, total = self.config, self.total_steps
        self.groups = open_parts(self.base, config)
        self.optimizers = [make_optimizer(self.groups, config)]
        self._tokens_until = 0
        if config.method == "pivotal":
            self._tokens_until = min(total, max(1, round(config.train_text_encoder_ti_frac * total)))
            self.groups.append(open_new_tokens(self.base, config))
            self.optimizers.append(make_token_optimizer(self.groups[-1], config))
        left = max(1, total - self._tokens_until)
        self._text_until = self._tokens_until + round(config.train_text_encoder_frac * left)
        self.lr_schedulers = [make_lr_scheduler(self.optimizers[0], config, left)]
        self.parameters = [parameter for group in self.groups for parameter in group.parameters.values()]
        self.average = Average(self.parameters, config.ema_decay) if config.use_ema else None
        self._learning: tuple[bool, bool] | None = None

    @property
    def progress(self) -> Progress:
        """What a checkpoint saves."""
        return Progress(
            parameters=self.parameters,
            optimizers=self.optimizers,
            lr_schedulers=self.lr_schedulers,
            generator=self.generator,
            losses=self.losses,
            prior_losses=self.prior_losses,
            scaler=self.scaler,
            average=self.average,
        )

    def step(self) -> float:
        """One train step; return the loss of its instance images. Raises TrainingDiverged, which names the step."""
        due = self._due()
        losses = self._backward(self.batches.take(len(self.losses)))
        norm = self._update(due)
        size = self.batches.size
        prior = [losses[size:].mean()] if len(losses) > size else []
        told = torch.stack([norm, losses[:size].mean(), *prior]).tolist()  # the one time that the device is waited for
        gradient, *parts = told
        self.losses.append(parts[0])
        self.prior_losses.extend(parts[1:])
        for kind in (self.losses, self.prior_losses):
            check_train_step(kind, 0.0 if self.scaler else gradient)  # the scaler skips train steps that overflow
        return self.losses[-1]

    @contextmanager
    def weights(self) -> Iterator[None]:
        """Meanwhile the base model draws as it will with what is saved: by the average, if there is one."""
        with self.average.worn() if self.average else nullcontext(), self._precision():
            yield

    def save(self, path: Path) -> None:
        """Write all that was learnt, as it is now, into one safetensors file, float32."""
        save_file({name: p.detach().cpu().contiguous() for name, p in self._named()}, path)

    def load(self, path: Path) -> None:
        """Read such a file back, or change nothing: raise SafetensorError, or ValueError where it does not fit."""
        held, named = load_file(path), dict(self._named())
        if {name: tensor.shape for name, tensor in held.items()} != {name: p.shape for name, p in named.items()}:
            raise ValueError(f"{path} holds other weights than this training's")
        if not all(tensor.is_floating_point() and tensor.isfinite().all() for tensor in held.values()):
            raise ValueError(f"{path} holds what is no finite number")
        with torch.no_grad():
            for name, parameter in named.items():
                parameter.copy_(held[name])

    def _named(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        return ((f"{g.part}.{name}", parameter) for g in self.groups for name, parameter in g.parameters.items())

    def _due(self) -> int:
        """Let learn what this train step is for; which of the optimisers is at work."""
        step, denoiser = len(self.losses), self.groups[0].part
        tokens, text = step < self._tokens_until, self.config.train_text_encoder and step < self._text_until
        if (tokens, text) != self._learning:
            self._learning = tokens, text
            for group in self.groups:
                learns = tokens == (group.part == NAME) and (text or group.part in (NAME, denoiser))
                for parameter in group.parameters.values():
                    parameter.requires_grad_(learns)
            self.embeddings.follow(tokens or text)
        return 1 if tokens else 0

    def _backward(self, batch: Batch) -> torch.Tensor:
        """Add up the gradients of all pieces; each image's loss, float32 (B,), without gradients."""
        losses = []
        for piece in batch.pieces(self.images_per_piece):
            with self._precision():
                conditioning: Conditioning = self.embeddings.take(piece.prompt)
                each = self.base.loss_per_image(
                    piece.latents, conditioning, self.generator, piece.weights, self._recipe
                )
            loss = (each * piece.share).sum()
            (self.scaler.scale(loss) if self.scaler else loss).backward()
            losses.append(each.detach())
        return torch.cat(losses)

    def _update(self, which: int) -> torch.Tensor:
        """Take the optimiser's step; the gradient's norm before it was clipped."""
        optimizer = self.optimizers[which]
        if self.scaler:
            self.scaler.unscale_(optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.max_grad_norm)
        taken = True
        if self.scaler:
            before = self.scaler.get_scale()
            self.scaler.step(optimizer)
            self.scaler.update()
            check_scale(self.scaler.get_scale(), len(self.losses) + 1)
            taken = self.scaler.get_scale() >= before
        else:
            optimizer.step()
        for parameter in self.parameters:
            parameter.grad = None
        if which < len(self.lr_schedulers) and taken:
            self.lr_schedulers[which].step()
        if self.average:
            self.average.update()
        return norm

    def _precision(self) -> Any:
        half = HALF.get(self.config.mixed_precision or "no")
        return torch.autocast(self.device.type, half) if half else nullcontext()
