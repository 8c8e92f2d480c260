"""Training losses of denoisers: noise schedules in steps (Stable Diffusion to XL) and flow matching (SD3, FLUX).

No network here: `predict` is the family's. Noise is drawn on the CPU, so that a seed means the same on every device.
"""

from collections.abc import Callable
from typing import Any

import torch

from gpu_worker.base_models.family import LossRecipe

LOW = -0.5  # logit of the share of all timesteps

# Noisy latents (N, c, h, w), and for each its timestep, int64 (N,), or its share of noise, float32 (N,).
Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def noise_loss(
    scheduler: Any,
    predict: Predict,
    latents: torch.Tensor,
    generator: torch.Generator | None,
    weights: torch.Tensor | None,
    recipe: LossRecipe,
) -> torch.Tensor:
    """Squared error of a prediction at one random timestep per image, float32 (N,).

    Ho et al., "Denoising Diffusion Probabilistic Models", arXiv 2006.11239, equation 14; what is predicted ("epsilon",
    "v_prediction" or "sample") says `scheduler`, a DDPMScheduler of diffusers. Shapes as in `family.BaseModel`.
    """
    steps = int(scheduler.config.num_train_timesteps)
    timesteps = timesteps_for(len(latents), steps, generator, recipe.low_noise_share).to(latents.device)
    noise = _noise(latents, generator, recipe.noise_offset)
    predicted = predict(scheduler.add_noise(latents, noise, timesteps), timesteps)
    losses = _mean_error(predicted, _target(scheduler, latents, noise, timesteps), weights)
    if recipe.snr_gamma is None:
        return losses
    return losses * min_snr_weights(scheduler, timesteps, recipe.snr_gamma)


def timesteps_for(
    count: int, steps: int, generator: torch.Generator | None, low_noise_share: float = 0.0
) -> torch.Tensor:
    """Random timesteps, int64 (count,) below `steps`: uniform, but for `low_noise_share` of them, by chance.

    Those are logit-normal, mean -0.5 and deviation 1, one of the shapes that Esser et al., arXiv 2403.03206, table 1,
    compare: at its middle stands the timestep at three eighths of all.
    """
    uniform = torch.randint(0, steps, (count,), generator=generator)
    if not low_noise_share:
        return uniform
    low = ((torch.randn(count, generator=generator) + LOW).sigmoid() * steps).long().clamp(max=steps - 1)
    chosen = torch.rand(count, generator=generator) < low_noise_share
    return torch.where(chosen, low, uniform)


def min_snr_weights(scheduler: Any, timesteps: torch.Tensor, gamma: float) -> torch.Tensor:
    """What each timestep's loss counts, float32 (N,), so that easy ones do not drown the others.

    Hang et al., "Efficient Diffusion Training via Min-SNR Weighting Strategy", arXiv 2303.09556, equation 7: of a
    predicted sample min(SNR, gamma), and by section 3.4 that over SNR for epsilon, over SNR + 1 for v_prediction. Where
    the signal is zero, epsilon's weight is its limit 1 and the two others are 0.
    """
    kept: torch.Tensor = scheduler.alphas_cumprod.to(timesteps.device)[timesteps].float()
    snr = kept / (1 - kept)
    prediction = scheduler.config.prediction_type
    if prediction == "epsilon":
        return (gamma / snr).clamp(max=1)
    return snr.clamp(max=gamma) / (snr + 1 if prediction == "v_prediction" else 1)


def flow_loss(
    scheduler: Any,
    predict: Predict,
    latents: torch.Tensor,
    tokens: int,
    generator: torch.Generator | None,
    weights: torch.Tensor | None,
) -> torch.Tensor:
    """Squared error of the predicted velocity at one random share of noise per image, float32 (N,).

    Rectified flow with logit-normal shares, Esser et al., arXiv 2403.03206, section 3.1; see `noise_shares`.
    `scheduler` is a FlowMatchEulerDiscreteScheduler of diffusers, `tokens` how many image tokens the transformer reads.
    """
    shares = noise_shares(scheduler, len(latents), tokens, generator).to(latents.device)
    noise = _noise(latents, generator)
    share = shares.view(-1, 1, 1, 1).to(latents.dtype)
    predicted = predict((1 - share) * latents + share * noise, shares)
    return _mean_error(predicted, noise - latents, weights)


def noise_shares(scheduler: Any, count: int, tokens: int, generator: torch.Generator | None) -> torch.Tensor:
    """Shares of noise to train at, float32 (count,) in (0, 1), shifted as the scheduler shifts those it draws at.

    Logit-normal with mean 0 and deviation 1, the best of Esser et al., arXiv 2403.03206, section 3.1 and table 1; the
    shift towards noise for large images is their section 5.3.2, equation 23.
    """
    shares = torch.randn(count, generator=generator).sigmoid()
    config = scheduler.config
    if not config.use_dynamic_shifting:
        shift = float(config.shift)
        return shift * shares / (1 + (shift - 1) * shares)
    place = (tokens - config.base_image_seq_len) / (config.max_image_seq_len - config.base_image_seq_len)
    mu = config.base_shift + place * (config.max_shift - config.base_shift)
    shifted: torch.Tensor = scheduler.time_shift(mu, 1.0, shares)
    return shifted


def _noise(latents: torch.Tensor, generator: torch.Generator | None, offset: float = 0.0) -> torch.Tensor:
    """`offset`: of one value per image and channel on top, so that brightness can be learnt (Guttenberg, 2023)."""
    noise = torch.randn(latents.shape, generator=generator)
    if offset:
        noise += offset * torch.randn(*latents.shape[:2], 1, 1, generator=generator)
    return noise.to(latents.device, latents.dtype)


def _target(scheduler: Any, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
    prediction = scheduler.config.prediction_type
    if prediction == "v_prediction":
        velocity: torch.Tensor = scheduler.get_velocity(latents, noise, timesteps)
        return velocity
    return latents if prediction == "sample" else noise


def _mean_error(predicted: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    error = (predicted.float() - target.float()).square()
    return (error if weights is None else error * weights).mean(dim=(1, 2, 3))
