"""Pocket's unet and text encoder, together: learns to draw the latents that a caption asks for.

Reads drawings and the trained vae/; writes a whole pipe. The VAE stays as it is.
"""

import logging
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import nn

from gpu_worker.base_models.pocket.architecture import RESOLUTION, build_pipe
from gpu_worker.base_models.pocket.drawings import Drawings, to_network
from gpu_worker.base_models.pocket.loop import Budget, Training, run, train_command
from gpu_worker.base_models.pocket.pictures import save_sheet
from gpu_worker.base_models.pocket.prompts import TEST_PROMPTS, training_caption
from gpu_worker.base_models.stable_diffusion import StableDiffusion, of_pipe

log = logging.getLogger(__name__)

STEPS = 5000
BATCH = 16  # at this budget more train steps teach more than bigger ones
# Scenes are learnt in minutes, people in an hour: the loss looks at the people.
BACKGROUND_WEIGHT = 0.25
LEARNING_RATE = 6e-4
EMA_DECAY = 0.997  # about the last 330 train steps
REFRESH_SECONDS = 120.0
SHEET_SECONDS = 600.0
SHEET_SEEDS = 4
GUIDANCE = 4.0
INFERENCE_STEPS = 20


class Latents:
    """The drawings' latents, float32 (N, 8, 16, 16), computed once; each mirrored or not, by chance.

    `weights`, float32 (N, 1, 16, 16), mean 1 over an image, is larger where the person is.
    """

    def __init__(self, drawings: Drawings, vae: Any, seed: int) -> None:
        self.drawings, self.vae = drawings, vae
        self.generator = torch.Generator().manual_seed(seed)
        self.latents, self.weights = self._encode(drawings.images, drawings.alphas)

    def refresh(self) -> None:
        """Encode the drawings that came since."""
        new = self.drawings.refresh()
        if new:
            latents, weights = self._encode(self.drawings.images[-new:], self.drawings.alphas[-new:])
            self.latents, self.weights = torch.cat([self.latents, latents]), torch.cat([self.weights, weights])
            log.info(f"unet drawings={len(self.latents)}")

    def batch(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
        """BATCH random latents, with weights and a caption each."""
        chosen = torch.randint(0, len(self.latents), (BATCH,), generator=generator)
        captions = [training_caption(self.drawings.rows[i]["attributes"], generator) for i in chosen.tolist()]
        latents = self.latents[chosen].contiguous(memory_format=torch.channels_last)
        return latents, self.weights[chosen], captions

    @torch.no_grad()
    def _encode(self, images: torch.Tensor, alphas: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mirrored = torch.rand(len(images), 1, 1, 1, generator=self.generator) < 0.5
        images = torch.where(mirrored, images.flip(3), images)
        weights = BACKGROUND_WEIGHT + (1 - BACKGROUND_WEIGHT) * torch.where(mirrored, alphas.flip(3), alphas) / 255
        parts = [to_network(images[at : at + 32]) for at in range(0, len(images), 32)]
        latents = torch.cat([self.vae.encode(part).latent_dist.mean for part in parts])
        return latents, weights / weights.mean(dim=(1, 2, 3), keepdim=True)


def train_unet(drawings: Drawings, vae: Any, folder: Path, budget: Budget, seed: int = 0, resume: bool = True) -> Any:
    """Train within `budget`; returns the pipe with averaged weights, also saved in folder/pipe (float32)."""
    latents = Latents(drawings, vae, seed)
    model = _model(vae, seed)
    model.unet.train().to(memory_format=torch.channels_last)
    both = nn.ModuleDict({"unet": model.unet, "text_encoder": model.text_encoder.train()})
    training = Training("unet", folder, both.requires_grad_(True), LEARNING_RATE, EMA_DECAY, seed)
    if resume:
        training.resume()

    def loss() -> torch.Tensor:
        batch, weights, captions = latents.batch(training.generator)
        return model.loss_per_image(batch, model.encode_prompts(captions), training.generator, weights).mean()

    def sheet() -> None:
        pipe = averaged_pipe(training, vae, seed)
        save_sheet(draw_prompts(pipe, list(TEST_PROMPTS)), SHEET_SEEDS * 2, folder / "unet-sheet.png")
        pipe.save_pretrained(folder / "pipe")

    run(training, budget, loss, every={REFRESH_SECONDS: latents.refresh, SHEET_SECONDS: sheet})
    sheet()
    return averaged_pipe(training, vae, seed)


def _model(vae: Any, seed: int) -> StableDiffusion:
    pipe = build_pipe(seed)
    pipe.register_modules(vae=vae)
    return of_pipe(pipe, "pocket")


def averaged_pipe(training: Training, vae: Any, seed: int) -> Any:
    """A pipe with the EMA's unet and text encoder; the training's own modules stay untouched."""
    model = _model(vae, seed)
    training.averaged(nn.ModuleDict({"unet": model.unet, "text_encoder": model.text_encoder}))
    return model.pipe()


def draw_prompts(pipe: Any, prompts: list[str], seeds: int = SHEET_SEEDS) -> torch.Tensor:
    """`seeds` images of each prompt, uint8 (prompts * seeds, 3, 64, 64), prompt after prompt."""
    repeated = [prompt for prompt in prompts for _ in range(seeds)]
    generators = [torch.Generator().manual_seed(s) for _ in prompts for s in range(seeds)]
    drawn = pipe(
        repeated,
        generator=generators,
        guidance_scale=GUIDANCE,
        num_inference_steps=INFERENCE_STEPS,
        output_type="pt",
    ).images
    pixels: torch.Tensor = (drawn * 255).round().clamp(0, 255).to(torch.uint8)
    return pixels


def command(drawings: Path, vae: Path, out: Path, budget: Budget) -> None:
    """Train pocket's unet and text encoder on the latents of `vae`; see train_unet()."""
    coder: Any = AutoencoderKL.from_pretrained(vae)
    train_unet(Drawings(drawings, RESOLUTION), coder, out, budget)


if __name__ == "__main__":
    train_command(command, ("drawings", "vae", "out"), steps=STEPS)
