"""Pocket's unet and text encoder, together: learns to draw the latents that a caption asks for.

Reads drawings and the trained vae/; writes a whole pipe. The VAE stays as it is.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from torch import nn
from torch.nn import functional

from gpu_worker.base_models.family import LossRecipe
from gpu_worker.base_models.pocket.architecture import SHAPE_OPTION, SHAPES, Shape, build_pipe
from gpu_worker.base_models.pocket.drawings import Drawings, to_network
from gpu_worker.base_models.pocket.face_places import face_masks, mirrored
from gpu_worker.base_models.pocket.loop import Budget, Training, run, train_command
from gpu_worker.base_models.pocket.pictures import save_sheet
from gpu_worker.base_models.pocket.prompts import TEST_PROMPTS, training_caption
from gpu_worker.base_models.stable_diffusion import StableDiffusion, of_pipe
from gpu_worker.device import multiplies_bfloat16

log = logging.getLogger(__name__)

STEPS = 3500
BATCH = 16  # at this budget more train steps teach more than bigger ones
# Scenes are learnt in minutes, people in an hour: the loss looks at the people, and at their faces most.
RECIPE = LossRecipe(low_noise_share=0.5)
BEHIND, PERSON, FACE = 0.25, 1.0, 1.5  # FACE on top of PERSON
LEARNING_RATE = 6e-4
EMA_DECAY = 0.998  # about the last 500 train steps
REFRESH_SECONDS = 120.0
SHEET_SECONDS = 1800.0  # twenty seconds each
SHEET_SEEDS = 4
GUIDANCE = 4.0
INFERENCE_STEPS = 20
AT_ONCE = 16  # drawings that are encoded together, images that are drawn together


@dataclass(frozen=True)
class Start:
    """What a training begins with: random weights of `shape` by `seed`, or those of a packaged pipe in `folder`."""

    shape: Shape
    seed: int = 0
    folder: Path | None = None

    def model(self, vae: Any) -> StableDiffusion:
        """The parts in float32, `vae` among them, anew at each call. Raises ValueError where they do not fit."""
        if self.folder is None:
            pipe = build_pipe(self.seed, self.shape)
        else:
            pipe = StableDiffusionPipeline.from_pretrained(self.folder, safety_checker=None, dtype=torch.float32)
        if pipe.unet.config.in_channels != vae.config.latent_channels:
            raise ValueError(f"a unet of {pipe.unet.config.in_channels} latent channels, and the VAE writes others")
        pipe.register_modules(vae=vae)
        return of_pipe(pipe, "pocket")


class Latents:
    """The drawings' latents, float32 (N, channels, side, side), computed once; each mirrored or not, by chance.

    `weights`, float32 (N, 1, side, side), mean 1 over an image, is larger where the person is, most in the face.
    """

    def __init__(self, drawings: Drawings, vae: Any, seed: int) -> None:
        self.drawings, self.vae = drawings, vae
        self.generator = torch.Generator().manual_seed(seed)
        self.latents, self.weights = self._encode(drawings.images, drawings.alphas, drawings.faces)

    def refresh(self) -> None:
        """Encode the drawings that came since."""
        new = self.drawings.refresh()
        if new:
            came = (self.drawings.images[-new:], self.drawings.alphas[-new:], self.drawings.faces[-new:])
            latents, weights = self._encode(*came)
            self.latents, self.weights = torch.cat([self.latents, latents]), torch.cat([self.weights, weights])
            log.info(f"unet drawings={len(self.latents)}")

    def batch(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
        """BATCH random latents, with weights and a caption each."""
        chosen = torch.randint(0, len(self.latents), (BATCH,), generator=generator)
        captions = [training_caption(self.drawings.rows[i]["attributes"], generator) for i in chosen.tolist()]
        latents = self.latents[chosen].contiguous(memory_format=torch.channels_last)
        return latents, self.weights[chosen], captions

    @torch.no_grad()
    def _encode(
        self, images: torch.Tensor, alphas: torch.Tensor, faces: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        flipped = torch.rand(len(images), 1, 1, 1, generator=self.generator) < 0.5
        images, alphas = (torch.where(flipped, each.flip(3), each) for each in (images, alphas))
        faces = torch.where(flipped[:, :, 0, 0], mirrored(faces), faces)
        parts = [self.vae.encode(to_network(part)).latent_dist.mean for part in images.split(AT_ONCE)]
        latents = torch.cat(parts)
        return latents, _weights(alphas, faces, latents.shape[-1])


def _weights(alphas: torch.Tensor, faces: torch.Tensor, side: int) -> torch.Tensor:
    here = BEHIND + (PERSON - BEHIND) * alphas / 255 + FACE * face_masks(faces, alphas.shape[-1])
    here = functional.adaptive_avg_pool2d(here, side)
    return here / here.mean(dim=(1, 2, 3), keepdim=True)


def train_unet(
    drawings: Drawings, vae: Any, folder: Path, budget: Budget, start: Start, seed: int = 0, resume: bool = True
) -> Any:
    """Train within `budget`; returns the pipe with averaged weights, also saved in folder/pipe (float32).

    What learns is float32; a processor that multiplies bfloat16 does so, in three quarters of the time.

    The squared error of v counts alike at every timestep. Half of the timesteps are drawn low: at 16 latents to a side
    faces drown in noise early, and above nothing but the prompt is left to learn from. Min-SNR weights would be zero
    where there is no signal left, and there it is decided whether a picture is of a night or of snow.
    """
    latents = Latents(drawings, vae, seed)
    model = start.model(vae)
    model.unet.train().to(memory_format=torch.channels_last)
    both = nn.ModuleDict({"unet": model.unet, "text_encoder": model.text_encoder.train()})
    halves = multiplies_bfloat16()
    training = Training("unet", folder, both.requires_grad_(True), LEARNING_RATE, EMA_DECAY, seed)
    if resume:
        training.resume()

    def loss() -> torch.Tensor:
        batch, weights, captions = latents.batch(training.generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=halves):
            conditioning = model.encode_prompts(captions)
            return model.loss_per_image(batch, conditioning, training.generator, weights, RECIPE).mean()

    def sheet() -> None:
        pipe = averaged_pipe(training, vae, start)
        # One image of each: the packaged sheet has more.
        save_sheet(draw_prompts(pipe, list(TEST_PROMPTS), seeds=1), SHEET_SEEDS * 2, folder / "unet-sheet.png")
        pipe.save_pretrained(folder / "pipe")

    run(training, budget, loss, every={REFRESH_SECONDS: latents.refresh, SHEET_SECONDS: sheet})
    sheet()
    return averaged_pipe(training, vae, start)


def averaged_pipe(training: Training, vae: Any, start: Start) -> Any:
    """A pipe with the EMA's unet and text encoder; the training's own modules stay untouched."""
    model = start.model(vae)
    training.averaged(nn.ModuleDict({"unet": model.unet, "text_encoder": model.text_encoder}))
    return model.pipe()


def draw_prompts(pipe: Any, prompts: list[str], seeds: int = SHEET_SEEDS) -> torch.Tensor:
    """`seeds` images of each prompt, uint8 (prompts * seeds, 3, H, W), prompt after prompt."""
    each = max(1, AT_ONCE // seeds)
    drawn = [_drawn(pipe, prompts[at : at + each], seeds) for at in range(0, len(prompts), each)]
    pixels: torch.Tensor = (torch.cat(drawn) * 255).round().clamp(0, 255).to(torch.uint8)
    return pixels


def _drawn(pipe: Any, prompts: list[str], seeds: int) -> torch.Tensor:
    images: torch.Tensor = pipe(
        [prompt for prompt in prompts for _ in range(seeds)],
        generator=[torch.Generator().manual_seed(seed) for _ in prompts for seed in range(seeds)],
        guidance_scale=GUIDANCE,
        num_inference_steps=INFERENCE_STEPS,
        output_type="pt",
    ).images
    return images


def open_vae(folder: Path) -> Any:
    """The trained VAE in float32, whatever it was kept in."""
    vae: Any = AutoencoderKL.from_pretrained(folder, dtype=torch.float32)
    return vae


def command(drawings: Path, vae: Path, out: Path, budget: Budget, shape: str, start_from: Path | None) -> None:
    """Train pocket's unet and text encoder on the latents of `vae`; see train_unet()."""
    chosen, seed = SHAPES[shape], budget.piece
    start = Start(chosen, seed, start_from)
    train_unet(Drawings(drawings, chosen.resolution), open_vae(vae), out, budget, start, seed)


START_OPTION: dict[str, Any] = {"type": Path, "help": "a packaged pocket, whose weights are trained further"}

if __name__ == "__main__":
    train_command(
        command,
        ("drawings", "vae", "out"),
        steps=STEPS,
        options={"shape": SHAPE_OPTION, "start_from": START_OPTION},
    )
