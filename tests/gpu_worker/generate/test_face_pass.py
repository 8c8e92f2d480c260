"""Small faces are drawn again, and nothing else is touched."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gpu_worker.base_models.family import BaseModel, load_base_model
from gpu_worker.base_models.pocket import people
from gpu_worker.faces import Face, find_faces
from gpu_worker.generate.conditioning import Conditioning, Guides
from gpu_worker.generate.denoising import Drawing
from gpu_worker.generate.face_pass import MOST_FACES, face_places, gains, redraw_faces
from gpu_worker.prompt_language import parse

STEPS = 4
NATIVE = 64  # px; of random_pocket
Scene = NDArray[np.float32]


@pytest.fixture(scope="module")
def base(random_pocket: Path) -> BaseModel:
    return load_base_model(random_pocket)


def person(name: str, side: int) -> NDArray[np.uint8]:
    """A drawn customer, whose face takes up about two fifths of the side."""
    file = Path(people.__file__).parent / "samples" / name / "photo-1.jpg"
    with Image.open(file) as photo:
        return np.asarray(photo.resize((side, side), Image.Resampling.BOX))


def scene(*places: tuple[str, int, int, int], size: tuple[int, int] = (160, 224)) -> Scene:
    """People in a grey room: each a name, left, top and side in px; what is outside is cut."""
    sheet = np.full((*size, 3), 128, np.uint8)
    for name, left, top, side in places:
        x, y = max(left, 0), max(top, 0)
        part = sheet[y : top + side, x : left + side]
        part[:] = person(name, side)[y - top :, x - left :][: part.shape[0], : part.shape[1]]
    return (sheet / np.float32(255)).astype(np.float32)


def redrawn(base: BaseModel, images: Scene, told: list[int] | None = None) -> tuple[Scene, list[int]]:
    prompts, negatives = [parse("a photo")] * len(images), [parse("", negative=True)] * len(images)
    guides = Conditioning(base.prompt_encoder(), prompts, negatives, STEPS).at
    told = [] if told is None else told
    seeds = list(range(len(images)))
    return redraw_faces(base.pipe(), images, seeds, guides, Drawing(STEPS, 4.0, None, None), 0.5, told.append)


def changed(before: Scene, after: Scene) -> NDArray[np.bool_]:
    """Pixels, (H, W), whose bits are not the same."""
    differ: NDArray[np.bool_] = before.view(np.uint32) != after.view(np.uint32)
    return np.asarray(differ.any(axis=-1))


def reach(face: Face, image: Scene) -> NDArray[np.bool_]:
    """Pixels, (H, W), no further from the face's middle than one and a half times its box is large."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    x, y = face.centre
    return np.asarray((abs(columns - x) < 1.5 * face.width) & (abs(rows - y) < 1.5 * face.height))


def faces_of(image: Scene) -> list[Face]:
    return find_faces((image * 255).round().astype(np.uint8))


def test_only_the_faces_change(base: BaseModel) -> None:
    image = scene(("greta", 10, 40, 64), ("solomon", 130, 20, 72))
    (after,), counts = redrawn(base, image[None])
    assert counts == [2]
    first, second = faces_of(image)
    assert not changed(image, after)[~(reach(first, image) | reach(second, image))].any()
    for face in (first, second):
        middle = np.s_[round(face.y) : round(face.y + face.height), round(face.x) : round(face.x + face.width)]
        assert changed(image, after)[middle].mean() > 0.95
    assert after.dtype == np.float32
    assert 0 <= after.min() <= after.max() <= 1


def test_what_is_drawn_fades_into_the_image(base: BaseModel) -> None:
    """At the rim of what changed there is hardly a difference."""
    image = scene(("greta", 40, 40, 80))
    (after,), _ = redrawn(base, image[None])
    difference, touched = np.abs(after - image).max(axis=-1), changed(image, after)
    inside = touched.copy()
    for axis in (0, 1):
        inside &= np.roll(touched, 1, axis) & np.roll(touched, -1, axis)
    assert difference[touched & ~inside].max() < 0.1 * difference.max()


def test_equal_seeds_redraw_equal_faces(base: BaseModel) -> None:
    images = scene(("greta", 10, 40, 64))[None]
    assert np.array_equal(redrawn(base, images)[0], redrawn(base, images)[0])


def test_without_faces_nothing_is_drawn(base: BaseModel) -> None:
    told: list[int] = []
    images = scene()[None]
    after, counts = redrawn(base, images, told)
    assert counts == [0]
    assert after.tobytes() == images.tobytes()
    assert told == []


@pytest.mark.parametrize(("left", "top"), [(-20, 60), (172, 60), (80, -14), (80, 118)])
def test_a_face_at_the_border_is_drawn_within_the_image(base: BaseModel, left: int, top: int) -> None:
    image = scene(("greta", left, top, 72))
    (face,) = faces_of(image)
    (after,), counts = redrawn(base, image[None])
    assert counts == [1]
    assert changed(image, after).any()
    assert not changed(image, after)[~reach(face, image)].any()


def test_each_image_of_a_batch_has_its_own_faces(base: BaseModel) -> None:
    told: list[int] = []
    crowd = scene(("greta", 10, 40, 64), ("solomon", 130, 20, 72), ("ruby", 80, 90, 64))
    images = np.stack([scene(), crowd])
    after, counts = redrawn(base, images, told)
    assert counts == [0, 3]
    assert not changed(images[0], after[0]).any()
    assert told == sorted(told)
    assert told[-1] == STEPS


def test_large_faces_stay(base: BaseModel) -> None:
    images = scene(("greta", 10, 10, 128))[None]
    (face,) = faces_of(images[0])
    assert face.height > 0.6 * NATIVE
    after, counts = redrawn(base, images)
    assert counts == [0]
    assert after.tobytes() == images.tobytes()


@pytest.mark.parametrize(("height", "gaining"), [(11, False), (12, True), (307, True), (308, False)])
def test_specks_and_large_faces_gain_nothing(height: float, gaining: bool) -> None:
    middle = (0.0, 0.0)
    assert gains(Face(0, 0, 10, height, 0.9, (middle,) * 5), 512) is gaining


def test_a_crowd_is_drawn_up_to_a_limit() -> None:
    places = [("greta", 62 * (number % 4), 62 * (number // 4), 60) for number in range(12)]
    image = scene(*places, size=(190, 250))
    assert len(faces_of(image)) > MOST_FACES
    assert len(face_places(image, NATIVE)) == MOST_FACES


def test_squares_lie_in_the_image_and_are_never_larger_than_what_is_drawn() -> None:
    for size in ((160, 224), (70, 224), (160, 70)):
        image = scene(("greta", 2, 2, 64), size=size)
        (place,) = face_places(image, NATIVE)
        assert place.of(image[None]).shape == (place.side, place.side, 3)
        assert place.side <= NATIVE
        assert place.mask().max() == 1


def test_each_face_may_have_guides_of_its_own(base: BaseModel) -> None:
    """A group's images: one face is drawn from another text, the other one as before."""
    image = scene(("greta", 10, 40, 64), ("solomon", 130, 20, 72))
    texts = ["a photo", "person"]
    made = Conditioning(base.prompt_encoder(), [parse(text) for text in texts], [parse("", negative=True)] * 2, STEPS)
    asked: set[tuple[int, bool, int]] = set()

    def guides_of(number: int, face: Face, step: int) -> Guides:
        left = face.centre[0] < 112
        asked.add((number, left, step))
        return made.at(step)[left]

    drawing = Drawing(STEPS, 4.0, None, None)
    (after,), _ = redraw_faces(base.pipe(), image[None], [0], made.at, drawing, 0.5, lambda _: None, guides_of)
    (plain,), _ = redraw_faces(base.pipe(), image[None], [0], made.at, drawing, 0.5, lambda _: None)
    assert asked == {(0, left, step) for left in (False, True) for step in (3, 4)}
    assert changed(plain, after)[:, :112].any()
    assert not changed(plain, after)[:, 112:].any()
