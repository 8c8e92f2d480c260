"""Pocket's backend: its file, its hash, its answers' shape. How good it is, the benchmark says."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gpu_worker.errors import BadWeights
from gpu_worker.matting.pocket import PocketMatting
from gpu_worker.matting.pocket_network import SIDE, MatteNetwork, save_network


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A network with random weights on disk."""
    torch.manual_seed(0)
    save_network(MatteNetwork(), tmp_path / "pocket.safetensors", {"licence": "Apache-2.0"})
    return tmp_path / "pocket.safetensors"


@pytest.mark.parametrize("size", [(40, 56), (256, 256), (300, 200)])
def test_alphas_fit_their_photos(weights: Path, size: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    alpha = PocketMatting(weights).alpha(photo)
    assert alpha.shape == size
    assert 0 <= alpha.min() <= alpha.max() <= 1


def test_the_network_is_small_and_keeps_its_size() -> None:
    network = MatteNetwork()
    assert 0.4e6 < sum(parameter.numel() for parameter in network.parameters()) < 0.6e6
    assert network(torch.zeros(2, 3, SIDE, SIDE)).shape == (2, 1, SIDE, SIDE)


def test_half_the_digits_give_the_same_alpha(weights: Path) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    again = PocketMatting(weights).alpha(photo)
    torch.manual_seed(0)
    save_network(MatteNetwork(), weights, {})
    assert np.array_equal(PocketMatting(weights).alpha(photo), again)


def test_facts_lie_beside_the_weights(weights: Path) -> None:
    assert json.loads(weights.with_suffix(".json").read_text())["licence"] == "Apache-2.0"


def test_without_weights_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="never trained"):
        PocketMatting(tmp_path / "pocket.safetensors")


def test_changed_weights_are_refused(weights: Path) -> None:
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(bytes(changed))
    with pytest.raises(BadWeights, match="SHA-256"):
        PocketMatting(weights)


@pytest.mark.parametrize("facts", ["", "[]", "{}", "\x00"])
def test_broken_facts_are_refused(weights: Path, facts: str) -> None:
    weights.with_suffix(".json").write_text(facts)
    with pytest.raises(BadWeights, match="hash"):
        PocketMatting(weights)


def test_another_networks_weights_are_refused(tmp_path: Path) -> None:
    network = MatteNetwork()
    network.exit = torch.nn.Conv2d(2, 1, 3)
    save_network(network, tmp_path / "pocket.safetensors", {})
    with pytest.raises(BadWeights, match="does not fit"):
        PocketMatting(tmp_path / "pocket.safetensors")
