"""Photos together: repeats, strangers, counts, variety, one sentence."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gpu_worker.gate.findings import finding
from gpu_worker.gate.photo import PhotoLimits, Verdict, judge_photo, judge_pixels
from gpu_worker.gate.photo_set import SetLimits, SetVerdict, judge_set
from gpu_worker.identity import robust_mean

SAMPLES = Path("gpu_worker/base_models/pocket/people/samples")
DRAWN = 0.68  # drawn people look more alike than photographs


def of(who: str, *numbers: int, start: int = 1) -> list[Verdict]:
    paths = [SAMPLES / who / f"photo-{number}.jpg" for number in numbers]
    return [judge_photo(path, place, PhotoLimits())[0] for place, path in enumerate(paths, start)]


@pytest.fixture(scope="module")
def greta() -> list[Verdict]:
    return of("greta", 1, 2, 3, 4, 5)


def codes(judged: SetVerdict) -> dict[int, list[str]]:
    return {photo.number: [found.code for found in photo.findings] for photo in judged.photos if photo.findings}


def test_a_varied_set_of_one_person_is_good(greta: list[Verdict]) -> None:
    judged = judge_set(greta, SetLimits(same_person=DRAWN))
    assert judged.accepted
    assert codes(judged) == {}
    assert judged.advice == "Your photos are good to go."
    assert judged.told()["accepted"] == 5


def test_a_stranger_is_found_and_named(greta: list[Verdict]) -> None:
    judged = judge_set([*greta, *of("ruby", 2, start=6)], SetLimits(same_person=DRAWN))
    assert codes(judged) == {6: ["other_person"]}
    assert judged.accepted
    assert judged.advice == "One of your six photos is of somebody else; the other five are fine."


def test_the_same_photo_in_another_size_crop_and_quality_is_a_repeat(greta: list[Verdict], tmp_path: Path) -> None:
    with Image.open(SAMPLES / "greta" / "photo-2.jpg") as photo:
        photo.crop((12, 10, 500, 505)).resize((700, 710)).save(tmp_path / "again.jpg", quality=60)
    again = judge_photo(tmp_path / "again.jpg", 6, PhotoLimits())[0]
    judged = judge_set([*greta, again], SetLimits(same_person=DRAWN))
    (repeat,) = codes(judged)
    assert repeat in (2, 6)
    found = judged.photos[repeat - 1].findings[-1]
    assert (found.code, f"photo {8 - repeat}." in found.sentence) == ("near_duplicate", True)


def test_too_few_good_photos_refuse_the_set(greta: list[Verdict]) -> None:
    dark = [judge_pixels(Image.new("RGB", (300, 300)), number, "x", PhotoLimits())[0] for number in (6, 7)]
    judged = judge_set([*greta[:3], *dark], SetLimits(same_person=DRAWN))
    assert not judged.accepted
    assert [found.code for found in judged.findings if found.hard] == ["too_few_photos"]
    assert judged.advice == "Two of your five photos are without a face; add one good one."


def test_the_least_number_is_settable(greta: list[Verdict]) -> None:
    assert judge_set(greta[:1], SetLimits(min_photos=1)).accepted
    assert not judge_set(greta, SetLimits(max_photos=4)).accepted


def test_two_people_in_two_photos_cannot_be_told_apart(greta: list[Verdict]) -> None:
    judged = judge_set([greta[0], *of("solomon", 1, start=2)], SetLimits(min_photos=1, same_person=DRAWN))
    assert [found.code for found in judged.findings if found.hard] == ["other_person"]


def test_a_set_from_one_sofa_is_warned(grace_hopper: Image.Image) -> None:
    photos = [
        judge_pixels(Image.fromarray((np.asarray(grace_hopper) * share).astype(np.uint8)), number, "x", PhotoLimits())[
            0
        ]
        for number, share in enumerate((0.96, 0.98, 1.0), 1)
    ]
    judged = judge_set(photos, SetLimits(min_photos=1, duplicate_bits=0))
    warned = {found.code for found in judged.findings}
    assert {"same_background", "same_clothes", "same_pose"} <= warned
    assert judged.accepted


@given(st.integers(3, 12), st.data())
def test_the_shared_identity_is_the_majoritys(count: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    strangers = data.draw(st.integers(0, (count - 1) // 3))
    person = _unit(rng.normal(size=128))
    alike = [_unit(person + 0.05 * rng.normal(size=128)) for _ in range(count - strangers)]
    others = [_unit(rng.normal(size=128)) for _ in range(strangers)]
    assert float(robust_mean([*others, *alike]) @ person) > 0.8


def test_every_refused_photo_counts_once_in_the_advice(greta: list[Verdict]) -> None:
    worse = Verdict(6, "x", (finding("blurry", "photo 6"), finding("greyscale", "photo 6")))
    assert judge_set([*greta, worse], SetLimits(same_person=DRAWN)).advice.startswith(
        "One of your six photos is blurred"
    )


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
