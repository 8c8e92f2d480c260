"""The VAE's training: what a batch holds, what its loss sees, and that it ends in latents of known spread."""

from pathlib import Path

import pytest
import torch

from gpu_worker.base_models.pocket.drawings import Drawings, to_network
from gpu_worker.base_models.pocket.loop import Budget
from gpu_worker.base_models.pocket.train_vae import (
    BATCH_OF_PARTS,
    BATCH_OF_WHOLES,
    Batch,
    batch_of,
    drawing_loss,
    train_vae,
)
from tests.gpu_worker.base_models.pocket.conftest import TINY


@pytest.fixture(scope="module")
def drawings(drawings_folder: Path) -> Drawings:
    return Drawings(drawings_folder, TINY.resolution)


@pytest.mark.parametrize(("whole", "count", "side"), [(False, BATCH_OF_PARTS, 16), (True, BATCH_OF_WHOLES, 32)])
def test_a_batch_is_of_parts_or_of_wholes(drawings: Drawings, whole: bool, count: int, side: int) -> None:
    batch = batch_of(drawings, torch.Generator().manual_seed(0), whole)
    assert batch.images.shape == (count, 3, side, side)
    assert batch.weights.shape == (count, 1, side, side)
    assert batch.images.abs().max() <= 1
    assert batch.weights.mean().item() == pytest.approx(1, abs=1e-5)


def test_equal_generators_make_equal_batches(drawings: Drawings) -> None:
    one, two = (batch_of(drawings, torch.Generator().manual_seed(4), False) for _ in range(2))
    assert torch.equal(one.images, two.images)


def test_an_error_in_the_face_counts_more() -> None:
    images = torch.zeros(1, 3, 16, 16)
    weights = torch.ones(1, 1, 16, 16)
    weights[..., :8, :] = 3
    batch, wrong = Batch(images, weights / weights.mean()), torch.zeros(1, 3, 16, 16)
    wrong[..., 2:6, 4:8] = 0.5
    assert drawing_loss(images, batch) == 0
    assert drawing_loss(wrong, batch) > 2 * drawing_loss(wrong.flip(2), batch)


def test_the_latents_have_mean_nothing_and_the_first_spreads_by_one(drawings: Drawings, tmp_path: Path) -> None:
    vae = train_vae(drawings, tmp_path, Budget(4), TINY)
    assert (tmp_path / "vae" / "config.json").is_file()
    with torch.no_grad():
        latents = vae.encode(to_network(drawings.images)).latent_dist.mean.transpose(0, 1).flatten(1)
    assert latents.mean(dim=1).abs().max() < 0.02
    together = torch.cov(latents)
    assert together.diagonal().max().item() == pytest.approx(1, abs=0.05)
    assert (together - together.diagonal().diag()).abs().max() < 0.05
