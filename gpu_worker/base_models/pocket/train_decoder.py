"""The VAE's decoder alone, once more: sharper images from the same latents.

The encoder stays as it is, so the unet, which learnt its latents, never notices; this may run beside it.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import nn

from gpu_worker.base_models.pocket.architecture import RESOLUTION
from gpu_worker.base_models.pocket.drawings import Drawings
from gpu_worker.base_models.pocket.loop import Budget, Training, run, train_command
from gpu_worker.base_models.pocket.train_vae import batch_of, drawing_loss, save_round_trip

LEARNING_RATE = 6e-4
EMA_DECAY = 0.99
LATENT_NOISE = 0.08  # of the latents' spread; the unet's latents are not exact, the decoder must forgive that
SHEET_SECONDS = 120.0


def train_decoder(
    drawings: Drawings, vae: Any, folder: Path, budget: Budget, seed: int = 0, resume: bool = True
) -> Any:
    """Train the decoder of `vae` within `budget`; returns `vae` with it, also saved in folder/vae-sharp."""
    vae.requires_grad_(False).to(memory_format=torch.channels_last)
    trained = nn.ModuleDict({"into": vae.post_quant_conv, "decoder": vae.decoder}).requires_grad_(True)
    training = Training("decoder", folder, trained.train(), LEARNING_RATE, EMA_DECAY, seed)
    if resume:
        training.resume()

    def loss() -> torch.Tensor:
        images = batch_of(drawings.images, training.generator)
        with torch.no_grad():
            latents = vae.encode(images).latent_dist.mean
        noise = torch.randn(latents.shape, generator=training.generator)
        drawn = vae.decode(latents + LATENT_NOISE * noise).sample
        return drawing_loss(drawn, images)

    run(training, budget, loss, every={SHEET_SECONDS: lambda: _sheet(training, vae, drawings)})
    best = _averaged(training, vae)
    best.save_pretrained(folder / "vae-sharp")
    _sheet(training, vae, drawings)
    return best


def _averaged(training: Training, vae: Any) -> Any:
    copy: Any = AutoencoderKL.from_config(vae.config)
    copy.load_state_dict(vae.state_dict())
    training.averaged(nn.ModuleDict({"into": copy.post_quant_conv, "decoder": copy.decoder}))
    return copy.eval()


def _sheet(training: Training, vae: Any, drawings: Drawings) -> None:
    save_round_trip(_averaged(training, vae), drawings, training.folder / "decoder-sheet.png")


def command(drawings: Path, vae: Path, out: Path, seconds: float) -> None:
    """Train the decoder of `vae` once more; see train_decoder()."""
    coder: Any = AutoencoderKL.from_pretrained(vae)
    train_decoder(Drawings(drawings, RESOLUTION), coder, out, Budget(seconds=seconds))


if __name__ == "__main__":
    train_command(command, ("drawings", "vae", "out"), minutes=8)
