"""The unet's training: what its loss looks at, and a second piece that goes on from what was packaged of the first."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gpu_worker.base_models.pocket.architecture import FIRST, build_pipe, new_vae
from gpu_worker.base_models.pocket.drawings import Drawings
from gpu_worker.base_models.pocket.loop import Budget
from gpu_worker.base_models.pocket.train_unet import Latents, Start, train_unet
from tests.gpu_worker.base_models.pocket.conftest import TINY


@pytest.fixture(scope="module")
def vae() -> Any:
    torch.manual_seed(0)
    return new_vae(TINY)


@pytest.fixture(scope="module")
def drawings(drawings_folder: Path) -> Drawings:
    return Drawings(drawings_folder, TINY.resolution)


def test_the_loss_looks_at_faces_most(drawings: Drawings, vae: Any) -> None:
    latents = Latents(drawings, vae, seed=0)
    assert latents.latents.shape == (48, 4, 8, 8)
    assert latents.weights.shape == (48, 1, 8, 8)
    assert torch.allclose(latents.weights.mean(dim=(1, 2, 3)), torch.ones(48), atol=1e-5)
    # The face is at the left, or in half of the drawings at the right.
    assert latents.weights[..., 2:4, :].mean() > 1.3 * latents.weights[..., 6:, :].mean()


def test_a_training_ends_in_a_pipe_and_starts_another(drawings: Drawings, vae: Any, tmp_path: Path) -> None:
    first = train_unet(drawings, vae, tmp_path / "one", Budget(2, pieces=2), Start(TINY, 1))
    first.to(torch.float16).save_pretrained(tmp_path / "packaged")
    first.to(torch.float32)  # the VAE is the others' too
    again = Start(TINY, folder=tmp_path / "packaged")
    told = again.model(vae)
    assert told.unet.dtype == told.text_encoder.dtype == torch.float32
    assert torch.equal(told.unet.conv_in.weight, first.unet.conv_in.weight)
    second = train_unet(drawings, vae, tmp_path / "two", Budget(2, piece=2, pieces=2), again, seed=2)
    moved = (second.unet.conv_in.weight - told.unet.conv_in.weight).abs().max()
    assert 0 < moved < 1e-3
    assert (tmp_path / "two" / "unet-sheet.png").is_file()
    assert (tmp_path / "two" / "pipe" / "model_index.json").is_file()


def test_a_start_that_does_not_fit_the_vae_is_refused(vae: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="8 latent channels"):
        Start(FIRST).model(vae)
    build_pipe(0, TINY).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="4 latent channels"):
        Start(TINY, folder=tmp_path).model(new_vae(FIRST))
