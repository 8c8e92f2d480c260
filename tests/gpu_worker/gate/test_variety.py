"""Which photos of a set repeat others, through the judge of the set."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from imagehash import phash
from PIL import Image, ImageOps

from gpu_worker.gate.photo import Verdict
from gpu_worker.gate.photo_set import SetLimits, judge_set
from tests.gpu_worker.gate.verdicts import DRAWN, codes, judged, made_up, of, sample, turned

FEW = SetLimits(min_photos=1, same_person=DRAWN)
Change = Callable[[Image.Image], Image.Image]


def repeats(photos: list[Verdict], limits: SetLimits = FEW) -> dict[int, str]:
    """The sentence of every photo that repeats another."""
    return {
        photo.number: found.sentence
        for photo in judge_set(photos, limits).photos
        for found in photo.findings
        if found.code == "near_duplicate"
    }


def cut(photo: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = photo.size
    return photo.crop((int(left * width), int(top * height), int((1 - right) * width), int((1 - bottom) * height)))


COPIES: dict[str, Change] = {
    "smaller and cut a little": lambda photo: cut(photo, 0.02, 0.02, 0.02, 0.03).resize((380, 385)),
    "darker": lambda photo: photo.point([round(0.7 * value) for value in range(256)] * 3),
    "mirrored": ImageOps.mirror,
    "mirrored and turned": lambda photo: turned(ImageOps.mirror(photo), 5),
    "turned": lambda photo: turned(photo, 7),
    "turned back": lambda photo: turned(photo, -7),
    "cut on the left": lambda photo: cut(photo, 0.12, 0, 0, 0.05),
    "cut on the right": lambda photo: cut(photo, 0, 0.05, 0.12, 0),
    "cut all around": lambda photo: cut(photo, 0.08, 0.05, 0.08, 0.08),
}


@pytest.mark.parametrize("change", COPIES)
def test_a_copy_is_a_repeat_of_its_photo(grace_hopper: Image.Image, astronaut: Image.Image, change: str) -> None:
    for photo in (grace_hopper, astronaut, sample("greta", 2)):
        (sentence,) = repeats([judged(photo, 1), judged(COPIES[change](photo), 2)]).values()
        assert "is nearly the same as photo" in sentence


@pytest.mark.parametrize("who", ["greta", "ruby", "solomon"])
def test_different_photos_of_one_person_are_no_repeats(who: str) -> None:
    assert repeats(of(who, 1, 2, 3, 4, 5, 6, 7, 8)) == {}


def test_the_sharper_photo_stays() -> None:
    photo = sample("greta", 2)
    softer = photo.resize((200, 200)).resize(photo.size)
    assert repeats([judged(softer, 1), judged(photo, 2)]) == {1: "Photo 1 is nearly the same as photo 2."}
    assert repeats([judged(photo, 1), judged(softer, 2)]) == {2: "Photo 2 is nearly the same as photo 1."}


def chain(identity: np.ndarray) -> list[Verdict]:
    """Three portraits: the first like the second, the second like the third, the first not like the third."""
    one, other = made_up(1, seed=3), made_up(2, seed=3)
    assert one.sight is not None
    assert other.sight is not None
    for start in np.linspace(0.05, 0.45, 41):
        shares = (start, 0.5, 1 - start)
        sights = [cv2.addWeighted(one.sight, 1 - share, other.sight, share, 0) for share in shares]
        hashes = [phash(Image.fromarray(sight)) for sight in sights]
        near = max(hashes[0] - hashes[1], hashes[1] - hashes[2])
        if near < FEW.duplicate_bits <= hashes[0] - hashes[2]:
            break
    else:
        pytest.fail("no such chain")
    sharpness = (0.5, 0.4, 0.3)
    return [
        replace(made_up(n, identity), sight=sight, scores=one.scores | {"blur": blur})
        for n, (sight, blur) in enumerate(zip(sights, sharpness, strict=True), 1)
    ]


def test_only_a_photo_that_stays_has_repeats() -> None:
    """The second repeats the third, the sharpest; the first repeats only the second, which is gone, and so it stays."""
    identity = np.eye(128, dtype=np.float32)[0]
    photos = chain(identity)
    limits = FEW.model_copy(update={"laid_bits": 0})
    assert repeats(photos, limits) == {2: "Photo 2 is nearly the same as photo 3."}
    middle = [replace(photos[1], scores=photos[1].scores | {"blur": 0.1})]
    assert set(repeats([photos[0], *middle, photos[2]], limits)) == {1, 3}


def test_the_search_for_repeats_can_be_put_off() -> None:
    same = [replace(photo, number=number) for number, photo in enumerate(of("greta", 1, 1), 1)]
    assert repeats(same, FEW.model_copy(update={"duplicate_bits": 0})) == {}
    assert len(repeats(same)) == 1


def test_another_person_in_the_same_place_is_no_repeat() -> None:
    """Laid over each other, portraits must show one face as well."""
    first, second = made_up(1), made_up(2, np.eye(128, dtype=np.float32)[1])
    limits = SetLimits(min_photos=1, duplicate_bits=1, laid_bits=64)
    assert codes(judge_set([first, second], limits)) == {}
    assert len(repeats([first, replace(second, identity=first.identity)], limits)) == 1
