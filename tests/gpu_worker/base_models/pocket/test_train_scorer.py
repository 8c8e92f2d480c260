"""The scorer's training: heads for the words, answers only where a picture shows them, a scorer that opens again."""

from pathlib import Path

import pytest
import torch

from gpu_worker.base_models.pocket.architecture import new_vae
from gpu_worker.base_models.pocket.drawings import Drawings, to_network
from gpu_worker.base_models.pocket.loop import Budget
from gpu_worker.base_models.pocket.people import vocabulary
from gpu_worker.base_models.pocket.train_scorer import UNSEEN, heads_of, labels_of, move, train_scorer
from gpu_worker.score import AttributeNetwork, AttributeScorer, ScorerShape
from tests.gpu_worker.base_models.pocket.conftest import TINY

SMALL = ScorerShape(side=32, channels=(8, 16), deep=True)


def test_hats_are_told_by_those_who_know_them() -> None:
    assert "hat" not in heads_of(vocabulary.SHIPPED)
    assert heads_of(vocabulary.WHOLE)["hat"] == vocabulary.HATS
    assert "jacket" in heads_of(vocabulary.WHOLE)["garment"]


def test_nobody_is_asked_for_what_a_hat_hides(drawings_folder: Path) -> None:
    rows = [row["attributes"] for row in Drawings(drawings_folder, 32).rows]
    labels = labels_of(rows, heads_of(vocabulary.WHOLE))
    hidden = torch.tensor([row["hat"] != "none" for row in rows])
    assert torch.equal(labels["hair_style"] == UNSEEN, hidden)
    assert (labels["garment"] != UNSEEN).all()


def test_moved_pictures_are_the_generators() -> None:
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    one, two = (move(images, torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, images)
    assert one.min() >= 0
    assert one.max() <= 1


def test_a_scorer_is_trained_kept_and_trained_further(drawings_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    drawings, vae, heads = Drawings(drawings_folder, 32), new_vae(TINY), heads_of(vocabulary.WHOLE)
    network = AttributeNetwork(heads, SMALL)
    scorer, right = train_scorer(drawings, vae, tmp_path / "one", Budget(2), network, heads)
    assert set(right) == {"accuracy_on_unseen_people", "accuracy_on_their_drawings"}
    assert set(right["accuracy_on_unseen_people"]) <= set(heads)
    scorer.save(tmp_path / "scorer", {**right})
    again = AttributeScorer.load(tmp_path / "scorer")
    assert (again.side, again.network.shape) == (32, SMALL)
    further, _ = train_scorer(drawings, vae, tmp_path / "two", Budget(1), again.network, heads)
    pixels = to_network(drawings.images[:4])
    one, other = (each.network(pixels)["garment"] for each in (scorer, further))
    assert one.shape == other.shape == (4, len(vocabulary.WHOLE.garments))
    assert (one - other).abs().max().item() == pytest.approx(0, abs=0.1)
