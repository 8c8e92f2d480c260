"""The loss curve: what is drawn, where, and in which colours."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpu_worker.images import read_rgb
from gpu_worker.train.curves import INSTANCE, PRIOR, draw_loss_curve

LOSSES = st.lists(st.floats(0, 1e6), min_size=1, max_size=60)


def pixels(path: Path, colour: tuple[int, int, int]) -> np.ndarray:
    """Whether each pixel of the picture is about of this colour, bool (360, 720)."""
    return np.asarray(np.abs(read_rgb(path).astype(int) - colour).max(axis=2) < 30)


def test_both_losses_have_their_colour(tmp_path: Path) -> None:
    draw_loss_curve([1.0] * 100, tmp_path / "loss.png", [0.5] * 100)
    image = read_rgb(tmp_path / "loss.png")
    assert image.shape == (360, 720, 3)
    above, below = (
        np.argwhere(pixels(tmp_path / "loss.png", colour)[60:])[:, 0].mean() for colour in (INSTANCE, PRIOR)
    )
    assert above < below


@pytest.mark.parametrize("prior", [(), [0.0] * 50])
def test_without_prior_preservation_there_is_one_curve(tmp_path: Path, prior: list[float]) -> None:
    draw_loss_curve(np.linspace(1, 0.1, 50).tolist(), tmp_path / "loss.png", prior)
    assert pixels(tmp_path / "loss.png", INSTANCE).sum() > 200
    assert not pixels(tmp_path / "loss.png", PRIOR).any()


def test_a_falling_loss_falls(tmp_path: Path) -> None:
    draw_loss_curve(np.linspace(1, 0.1, 200).tolist(), tmp_path / "loss.png")
    places = np.argwhere(pixels(tmp_path / "loss.png", INSTANCE)[60:])
    assert np.corrcoef(places[:, 1], places[:, 0])[0, 1] > 0.9


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(losses=LOSSES, prior=st.just([]) | LOSSES)
def test_any_losses_are_drawn(tmp_path: Path, losses: list[float], prior: list[float]) -> None:
    draw_loss_curve(losses, tmp_path / "loss.png", prior)
    assert read_rgb(tmp_path / "loss.png").shape == (360, 720, 3)
