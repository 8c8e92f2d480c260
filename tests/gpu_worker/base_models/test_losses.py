"""Losses against values by hand, against other code, and where they must be nothing."""

import math
from collections.abc import Callable

import pytest
import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import calculate_shift

from gpu_worker.base_models.family import PLAIN_LOSS, LossRecipe
from gpu_worker.base_models.losses import flow_loss, min_snr_weights, noise_loss, noise_shares, timesteps_for

SHAPE = (2, 4, 8, 8)
Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def latents() -> torch.Tensor:
    return torch.randn(SHAPE, generator=seeded(7))


def schedule(prediction: str, kept: list[float] | None = None) -> DDPMScheduler:
    """DDPM's; `kept` are the shares of signal, alphas_cumprod, of as many timesteps."""
    scheduler = DDPMScheduler(num_train_timesteps=len(kept) if kept else 1000, prediction_type=prediction)
    if kept:
        scheduler.alphas_cumprod = torch.tensor(kept)
    return scheduler


def zeros(noisy: torch.Tensor, when: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(noisy)


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        ("epsilon", [5 / 99, 1.0, 1.0, 1.0]),  # min(SNR, 5) / SNR
        ("v_prediction", [5 / 100, 1 / 2, 0.25 / 1.25, 0.0]),  # min(SNR, 5) / (SNR + 1)
        ("sample", [5.0, 1.0, 0.25, 0.0]),  # min(SNR, 5)
    ],
)
def test_min_snr_weights_by_hand(prediction: str, expected: list[float]) -> None:
    scheduler = schedule(prediction, [0.99, 0.5, 0.2, 0.0])  # SNR 99, 1, 1/4, 0
    assert min_snr_weights(scheduler, torch.arange(4), 5.0).tolist() == pytest.approx(expected, rel=1e-5)


def test_min_snr_scales_each_images_loss() -> None:
    scheduler = schedule("epsilon")
    plain = noise_loss(scheduler, zeros, latents(), seeded(), None, PLAIN_LOSS)
    weighed = noise_loss(scheduler, zeros, latents(), seeded(), None, LossRecipe(snr_gamma=5.0))
    timesteps = torch.randint(0, 1000, (2,), generator=seeded())
    assert torch.equal(weighed, plain * min_snr_weights(scheduler, timesteps, 5.0))
    assert not torch.equal(weighed, plain)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_timesteps_are_drawn_before_noise(prediction: str) -> None:
    """The order that trained results depend on."""
    scheduler, generator = schedule(prediction), seeded(3)
    timesteps = torch.randint(0, 1000, (2,), generator=generator)
    noise = torch.randn(SHAPE, generator=generator)
    target = {
        "epsilon": noise,
        "v_prediction": scheduler.get_velocity(latents(), noise, timesteps),
        "sample": latents(),
    }[prediction]
    seen: list[torch.Tensor] = []

    def predict(noisy: torch.Tensor, when: torch.Tensor) -> torch.Tensor:
        seen.extend([noisy, when])
        return target

    assert noise_loss(scheduler, predict, latents(), seeded(3), None, PLAIN_LOSS).tolist() == [0, 0]
    assert torch.equal(seen[0], scheduler.add_noise(latents(), noise, timesteps))
    assert torch.equal(seen[1], timesteps)


def test_noise_offset_moves_whole_channels() -> None:
    scheduler = schedule("sample", [0.0])  # nothing but noise is seen
    seen: list[torch.Tensor] = []

    def predict(noisy: torch.Tensor, when: torch.Tensor) -> torch.Tensor:
        seen.append(noisy)
        return noisy

    for offset in (0.0, 0.5):
        noise_loss(scheduler, predict, latents(), seeded(), None, LossRecipe(noise_offset=offset))
    moved = seen[1] - seen[0]
    assert torch.allclose(moved, moved.mean(dim=(2, 3), keepdim=True).expand(SHAPE), atol=1e-6)
    assert moved.mean(dim=(2, 3)).std() == pytest.approx(0.5, rel=0.6)


def by_noise(weights: torch.Tensor | None) -> torch.Tensor:
    return noise_loss(schedule("epsilon"), zeros, latents(), seeded(), weights, PLAIN_LOSS)


def by_flow(weights: torch.Tensor | None) -> torch.Tensor:
    return flow_loss(FlowMatchEulerDiscreteScheduler(), zeros, latents(), 16, seeded(), weights)


@pytest.mark.parametrize("loss", [by_noise, by_flow])
def test_weights_say_where_errors_count(loss: Callable[[torch.Tensor | None], torch.Tensor]) -> None:
    left = torch.zeros(2, 1, 8, 8)
    left[..., :4] = 2
    assert torch.allclose(loss(torch.ones(2, 1, 8, 8)), loss(None))
    assert torch.allclose((loss(left) + loss(2 - left)) / 2, loss(None))
    assert not torch.allclose(loss(left), loss(None))


def test_a_perfect_velocity_loses_nothing() -> None:
    def perfect(noisy: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        # noisy = (1 - s) latents + s noise, so that (noisy - latents) / s = noise - latents.
        return (noisy - latents()) / shares.view(-1, 1, 1, 1)

    losses = flow_loss(FlowMatchEulerDiscreteScheduler(), perfect, latents(), 16, seeded(), None)
    assert losses.tolist() == pytest.approx([0, 0], abs=1e-9)


def test_no_velocity_loses_as_much_as_there_is() -> None:
    generator = seeded()
    torch.randn(2, generator=generator)
    expected = (torch.randn(SHAPE, generator=generator) - latents()).square().mean(dim=(1, 2, 3))
    assert torch.allclose(by_flow(None), expected)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_shares_are_logit_normal_and_shifted_towards_noise(shift: float) -> None:
    shares = noise_shares(FlowMatchEulerDiscreteScheduler(shift=shift), 20_000, 16, seeded())
    logits = shares.double().logit()
    # The shift multiplies s / (1 - s), which moves the logits by its logarithm.
    assert logits.mean().item() == pytest.approx(math.log(shift), abs=0.03)
    assert logits.std().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("tokens", [256, 1024, 4096])
def test_large_images_are_shifted_as_the_pipe_shifts_them(tokens: int) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    plain = noise_shares(FlowMatchEulerDiscreteScheduler(), 8, tokens, seeded())
    mu = calculate_shift(tokens)
    moved = noise_shares(scheduler, 8, tokens, seeded()).logit() - plain.logit()
    assert moved.tolist() == pytest.approx([mu] * 8, abs=1e-3)


def test_timesteps_are_uniform_unless_a_share_of_them_lies_low() -> None:
    uniform, low, mixed = (timesteps_for(20_000, 1000, seeded(), share) for share in (0.0, 1.0, 0.5))
    for timesteps in (uniform, low, mixed):
        assert timesteps.min() >= 0
        assert timesteps.max() <= 999
    assert uniform.float().mean() == pytest.approx(499.5, abs=8)
    assert low.float().median() == pytest.approx(1000 / (1 + math.exp(0.5)), abs=12)
    assert (mixed > 900).float().mean() > 3 * (low > 900).float().mean()
    assert torch.equal(uniform, torch.randint(0, 1000, (20_000,), generator=seeded()))
