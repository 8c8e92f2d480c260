"""The matte network's training: what it is shown, that it learns, that a killed one goes on."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from gpu_worker.base_models.pocket.loop import Budget
from gpu_worker.base_models.pocket.matte_batches import (
    BATCH,
    PHOTOGRAPHS,
    composites,
    own_colours,
    paint_backgrounds,
    part_of,
    read_people,
)
from gpu_worker.base_models.pocket.train_matte import matte_loss, train_matte
from gpu_worker.matting.pocket import PocketMatting
from gpu_worker.matting.pocket_network import SIDE, MatteNetwork

RED, GREEN = (0.8, 0.1, 0.1), (0.1, 0.8, 0.2)


class Killed(Exception):
    """Stands for the power cut."""


@dataclass(frozen=True)
class KilledAt(Budget):
    """A budget that breaks off at one train step; every step before it was kept."""

    step: int = 2

    def progress(self, step: int) -> float:
        if step == self.step:
            raise Killed
        return super().progress(step)


def discs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Red discs with soft rims on green, float (count, 128, 128, 3), and their alphas, float (count, 128, 128)."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    centres, radii = rng.uniform(40, 88, (count, 2, 1, 1)), rng.uniform(20, 50, (count, 1, 1))
    alphas = np.clip((radii - np.hypot(x - centres[:, 0], y - centres[:, 1])) / 3, 0, 1)
    return alphas[..., None] * RED + (1 - alphas[..., None]) * GREEN, alphas


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shard of discs in the form that the drawer writes."""
    folder = tmp_path_factory.mktemp("drawings")
    images, alphas = ((values * 255).round().astype(np.uint8) for values in discs(48))
    np.savez(folder / "shard-00000.npz", images=images, alphas=alphas)
    lines = [json.dumps({"person": number, "attributes": {}}) for number in range(48)]
    (folder / "shard-00000.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_a_persons_own_colour_reaches_the_rim() -> None:
    images, alphas = (torch.from_numpy(values).float() for values in discs(4))
    images, alphas = images.permute(0, 3, 1, 2), alphas[:, None]
    rim = ((alphas > 0.05) & (alphas < 0.95)).expand_as(images)
    red = torch.tensor(RED).view(1, 3, 1, 1).expand_as(images)
    assert (images - red)[rim].abs().mean() > 0.1
    assert (own_colours(images, alphas) - red)[rim].abs().max() < 0.03


def test_composites_are_the_seeds(drawings: Path) -> None:
    people, kept = read_people(drawings)
    assert len(people.images) + len(kept.images) == 48
    backgrounds = paint_backgrounds(10, seed=0)
    first, again, other = (composites(people, backgrounds, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    photos, alphas = first
    assert photos.shape == (BATCH, 3, SIDE, SIDE)
    assert alphas.shape == (BATCH, 1, SIDE, SIDE)
    assert photos.abs().max() <= 1
    assert 0 <= alphas.min() < alphas.max() <= 1


def test_backgrounds_are_many_kinds_and_the_seeds() -> None:
    backgrounds = paint_backgrounds(10, seed=3)
    assert torch.equal(backgrounds, paint_backgrounds(10, seed=3))
    assert backgrounds.shape == (10, 3, SIDE, SIDE)
    assert len({background.numpy().tobytes() for background in backgrounds}) == 10


def test_drawings_of_another_size_are_brought_to_the_networks(tmp_path: Path) -> None:
    shape = (3, 192, 192)
    np.savez(tmp_path / "shard-00000.npz", images=np.zeros((*shape, 3), np.uint8), alphas=np.full(shape, 9, np.uint8))
    (tmp_path / "shard-00000.jsonl").write_text("".join(f'{{"person": {n}}}\n' for n in range(3)))
    people, kept = read_people(tmp_path)
    alphas = torch.cat([people.alphas, kept.alphas])
    assert alphas.shape == (3, 1, SIDE, SIDE)
    assert alphas.unique().tolist() == [9]


def test_the_tests_own_photographs_are_not_learnt() -> None:
    assert not {"astronaut", "coffee", "gravel"} & set(PHOTOGRAPHS)


@pytest.mark.parametrize("shape", [(300, 200, 3), (160, 400), (90, 100)])
def test_a_part_of_any_photograph(shape: tuple[int, ...]) -> None:
    part = part_of(np.full(shape, 9, np.uint8), 64, np.random.default_rng(0))
    assert np.array_equal(part, np.full((64, 64, 3), 9))


def test_the_loss_is_nothing_for_equal_alphas_only() -> None:
    one = torch.rand(2, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    assert matte_loss(one, one) == 0
    # A uniform error has no detail: only the mean of absolute errors sees it.
    assert matte_loss(one, one + 0.25).item() == pytest.approx(0.25, rel=1e-4)


def test_no_drawings_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no drawings"):
        read_people(tmp_path)


def test_a_killed_training_goes_on_to_the_same_weights(drawings: Path, tmp_path: Path) -> None:
    whole = train_matte(drawings, tmp_path / "whole", Budget(steps=3), backgrounds_count=5)
    with pytest.raises(Killed):
        train_matte(drawings, tmp_path / "cut", KilledAt(steps=3, checkpoint_seconds=0), backgrounds_count=5)
    again = train_matte(drawings, tmp_path / "cut", Budget(steps=3), backgrounds_count=5)
    pairs = zip(whole.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
    facts = json.loads((tmp_path / "cut" / "matte.json").read_text())
    assert facts["train_steps"] == 3
    assert set(facts["on_unseen_people"]) == {"sad", "mse", "gradient", "connectivity"}
    assert (tmp_path / "cut" / "matte-sheet.png").is_file()
    PocketMatting(tmp_path / "cut" / "matte.safetensors")  # its hash holds


@pytest.mark.slow
def test_discs_are_learnt(drawings: Path, tmp_path: Path) -> None:
    network = train_matte(drawings, tmp_path, Budget(steps=60), backgrounds_count=40)
    people, _ = read_people(drawings)
    photos, alphas = composites(people, paint_backgrounds(10, 1), torch.Generator().manual_seed(9))
    with torch.inference_mode():
        learnt, before = (matte_loss(n(photos).sigmoid(), alphas) for n in (network, MatteNetwork()))
    assert learnt < before / 2
