"""Made photos: their pixels, their alpha, and what must not be seen in them."""

import json
from dataclasses import asdict, replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gpu_worker.few_photos import MadePhoto, Source, draw, make_photos
from gpu_worker.few_photos.backgrounds import KINDS, Background
from gpu_worker.few_photos.framing import Frame
from gpu_worker.few_photos.light import Light
from gpu_worker.few_photos.planning import Recipe

AS_IT_WAS = Light(exposure=0, warmth=0, direction=0, relief=0, transfer=0)


@pytest.fixture(scope="module")
def made(sources: list[Source]) -> list[MadePhoto]:
    return make_photos(40, sources, seed=7)


def recipe(background: Background, frame: Frame = Frame(), light: Light = AS_IT_WAS, side: int = 96) -> Recipe:  # noqa: B008  # frozen
    parts: dict[str, Any] = {"frame": asdict(frame), "background": asdict(background), "light": asdict(light)}
    return {"kind": "made", "source": 0, "side": side, **parts}


def lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(np.asarray(pixels, np.float32) / np.float32(255), cv2.COLOR_RGB2Lab), np.float32)


@pytest.mark.parametrize("side", [None, 64, 160])
def test_every_photo_has_the_stated_size(sources: list[Source], side: int | None) -> None:
    photos = make_photos(9, sources, seed=2, side=side)
    assert len(photos) == 9
    for photo in photos:
        expected = side or sources[photo.recipe["source"]].side
        assert photo.pixels.shape == (expected, expected, 3)
        assert photo.alpha.shape == (expected, expected)
        assert photo.pixels.dtype == photo.alpha.dtype == np.uint8


def test_originals_stay_as_they_are(sources: list[Source], made: list[MadePhoto]) -> None:
    for source, photo in zip(sources, made, strict=False):
        assert np.array_equal(photo.pixels, source.image)
        assert np.array_equal(photo.alpha, source.alpha)


def test_a_recipe_that_went_through_json_draws_the_same_pixels(sources: list[Source], made: list[MadePhoto]) -> None:
    for photo in made:
        again = draw(json.loads(json.dumps(photo.recipe)), sources)
        assert np.array_equal(again.pixels, photo.pixels)
        assert np.array_equal(again.alpha, photo.alpha)


def test_one_source_makes_a_set_in_which_no_two_photos_are_alike(sources: list[Source]) -> None:
    photos = make_photos(25, sources[:1], seed=4)
    small = np.stack([cv2.resize(photo.pixels, (24, 24)).astype(float) for photo in photos])
    apart = [np.abs(a - b).mean() for n, a in enumerate(small) for b in small[:n]]
    assert min(apart) > 3
    assert min(photo.pixels.std() for photo in photos) > 15


def test_every_background_varies_with_its_seed(sources: list[Source]) -> None:
    empty = replace(sources[0], alpha=np.zeros((96, 96)))
    for kind, names in KINDS.items():
        for name in names:
            first, second = (draw(recipe(Background(kind, name, seed)), [empty]).pixels for seed in (1, 2))
            assert first.std() > 1
            assert not np.array_equal(first, second)


def test_the_subject_keeps_its_colours(sources: list[Source], made: list[MadePhoto]) -> None:
    for photo in made[len(sources) :]:
        source = sources[photo.recipe["source"]]
        whole = draw({**photo.recipe, "frame": asdict(Frame())}, sources)
        inside = source.alpha == 255
        distance = np.linalg.norm(lab(whole.pixels)[inside] - lab(source.image)[inside], axis=1)
        assert 0.5 < distance.mean() < 13


def test_light_comes_from_its_direction(sources: list[Source]) -> None:
    paper = Background("paper", "grey", 1)
    left, right = (draw(recipe(paper, light=replace(AS_IT_WAS, direction=d, relief=0.5)), sources) for d in (180, 0))
    change = left.pixels.astype(float).mean(2) - right.pixels.astype(float).mean(2)
    inside = sources[0].alpha == 255
    assert change[:, :40][inside[:, :40]].mean() > 3
    assert change[:, 56:][inside[:, 56:]].mean() < -3


def test_exposure_and_warmth_move_the_whole_photo(sources: list[Source]) -> None:
    paper = Background("paper", "grey", 1)
    plain, bright, warm = (
        draw(recipe(paper, light=replace(AS_IT_WAS, **change)), sources).pixels.astype(float)
        for change in ({}, {"exposure": 0.4}, {"warmth": 0.08})
    )
    assert np.mean(bright > plain) > 0.8
    assert (warm - plain)[..., 0].mean() > 1
    assert (warm - plain)[..., 2].mean() < -1


def test_a_bright_wall_leaves_no_halo_on_a_dark_one() -> None:
    disc = cv2.circle(np.zeros((96, 96), np.float32), (48, 48), 24, 1.0, -1)
    alpha = np.asarray(cv2.GaussianBlur(disc, (0, 0), 3), np.float32)
    share = alpha[..., None]
    image = np.round(40 * share + 240 * (1 - share)).repeat(3, axis=2).astype(np.uint8)
    source = Source(image, alpha, np.full_like(image, 40), (0.4, 0.4, 0.2, 0.2))
    photo = draw(recipe(Background("paper", "charcoal", 3)), [source])
    assert photo.pixels.max() < 75
    assert photo.pixels.min() > 30


def test_turned_photos_have_no_black_corners(sources: list[Source]) -> None:
    turned = recipe(Background("paper", "white", 1), Frame(x=0.5, y=0.3, side=0.97, angle=6))
    photo = draw(turned, [replace(sources[0], alpha=np.zeros((96, 96), np.uint8))])
    assert photo.pixels.min() > 120


def test_a_cut_body_never_floats(sources: list[Source], made: list[MadePhoto]) -> None:
    assert min(source.alpha[-1].min() for source in sources) == 255
    for photo in made:
        assert photo.alpha[-1].min() > 200


def test_mirrored_is_mirrored(sources: list[Source]) -> None:
    frame = Frame(x=0.45, y=0.55, side=0.8, angle=4)
    plain, mirrored = (
        draw(recipe(Background("paper", "white", 1), replace(frame, mirror=mirror)), sources).alpha.astype(int)
        for mirror in (False, True)
    )
    assert np.abs(plain[:, ::-1] - mirrored).max() <= 12  # warps round to 1/32 px
    assert np.abs(plain - mirrored).max() > 100


@st.composite
def faces(draw_value: st.DrawFn) -> tuple[float, float, float, float]:
    """Boxes anywhere in an image, also partly outside it."""
    width, height = (draw_value(st.floats(0.12, 1.1)) for _ in range(2))
    x, y = (draw_value(st.floats(-0.05, max(-0.05, 1.05 - length))) for length in (width, height))
    return x, y, width, height


@settings(max_examples=40, deadline=None)
@given(face=faces(), seed=st.integers(0, 1000))
def test_the_face_is_never_cut(face: tuple[float, float, float, float], seed: int) -> None:
    """Nothing but the face is opaque here: what a frame cut off would be missing from the alpha's sum."""
    side = 64
    x, y, width, height = face
    columns, rows = (
        (np.arange(side) >= a * side) & (np.arange(side) + 1 <= (a + b) * side) for a, b in ((x, width), (y, height))
    )
    alpha = np.outer(rows, columns).astype(np.float32)
    image = np.full((side, side, 3), 128, np.uint8)
    for photo in make_photos(3, [Source(image, alpha, image, face)], seed=seed)[1:]:
        expected = alpha.sum() / photo.recipe["frame"]["side"] ** 2
        assert photo.alpha.sum() / 255 > 0.98 * expected
