"""One photo, one verdict: each fault has its code, and a good photo has none."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from gpu_worker.faces import find_faces
from gpu_worker.gate.findings import PHOTO
from gpu_worker.gate.photo import PhotoLimits, Verdict, judge_photo, judge_pixels

Pixels = np.ndarray
SAMPLES = Path("gpu_worker/base_models/pocket/people/samples")


def judged(image: Image.Image | Pixels) -> Verdict:
    return judge_pixels(np.asarray(image, np.uint8), 3, "003-photo", PhotoLimits())[0]


def codes(image: Image.Image | Pixels) -> list[str]:
    return [found.code for found in judged(image).findings]


def test_good_portraits_have_no_findings(grace_hopper: Image.Image, astronaut: Image.Image) -> None:
    for image in (grace_hopper, astronaut):
        verdict = judged(image)
        assert verdict.accepted
        assert verdict.findings == ()
        assert verdict.identity is not None
        assert np.linalg.norm(verdict.identity) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("who", ["greta", "ruby", "solomon"])
def test_sample_customers_pass(who: str) -> None:
    for number in (1, 4, 7):
        verdict = judge_photo(SAMPLES / who / f"photo-{number}.jpg", number, PhotoLimits())[0]
        assert verdict.accepted, verdict.sentences


def grey(image: Pixels) -> Pixels:
    return np.dstack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)] * 3)


def sunglasses(image: Pixels) -> Pixels:
    face = find_faces(image)[0]
    covered = image.copy()
    for x, y in face.landmarks[:2]:
        cv2.ellipse(
            covered,
            (round(x), round(y)),
            (round(face.eyes_apart * 0.45), round(face.eyes_apart * 0.33)),
            0,
            0,
            360,
            (22, 20, 20),
            -1,
        )
    return covered


def turned(image: Pixels) -> Pixels:
    middle = (image.shape[1] / 2, image.shape[0] / 2)
    return cv2.warpAffine(
        image, cv2.getRotationMatrix2D(middle, 50, 0.8), image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
    )


DAMAGE: list[tuple[str, Callable[[Pixels], Pixels]]] = [
    ("blurry", lambda image: cv2.GaussianBlur(image, (0, 0), 3)),
    ("slightly_blurry", lambda image: cv2.GaussianBlur(image, (0, 0), 1.8)),
    ("too_dark", lambda image: image * 0.12),
    ("too_bright", lambda image: np.clip(image * 2.2, 0, 255)),
    ("low_contrast", lambda image: image * 0.15 + 150),
    ("greyscale", grey),
    ("greyscale", lambda image: grey(image) * np.array([1, 0.85, 0.6])),
    ("eyes_covered", sunglasses),
    ("extreme_pose", turned),
]


@pytest.mark.parametrize(("code", "damage"), DAMAGE)
def test_every_fault_has_its_code(grace_hopper: Image.Image, code: str, damage: Callable[[Pixels], Pixels]) -> None:
    verdict = judged(damage(np.asarray(grace_hopper)))
    assert code in [found.code for found in verdict.findings]
    assert verdict.accepted != PHOTO[code][0]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_photo_that_lies_on_its_side_is_turned(grace_hopper: Image.Image, turns: int) -> None:
    verdict = judged(np.rot90(np.asarray(grace_hopper), turns))
    assert [found.code for found in verdict.findings] == ["sideways"]
    assert verdict.told()["size"] == (512, 600)


@pytest.mark.parametrize("who", ["greta", "ruby"])
def test_a_photo_upside_down_is_turned(who: str) -> None:
    for path in sorted((SAMPLES / who).glob("*.jpg")):
        with Image.open(path) as photo:
            assert "sideways" in codes(photo.transpose(Image.Transpose.ROTATE_180)), path


@pytest.mark.parametrize("degrees", [-40, 40])
def test_a_head_on_its_shoulder_is_refused_and_not_turned(astronaut: Image.Image, degrees: int) -> None:
    pixels = np.asarray(astronaut)
    turn = cv2.getRotationMatrix2D((256, 160), degrees, 1)
    rolled = cv2.warpAffine(pixels, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    assert codes(rolled) == ["extreme_pose"]


@pytest.mark.parametrize("size", [(4_000, 200), (200, 4_000), (3_000, 240), (2_000, 200)])
def test_a_strip_has_no_face(size: tuple[int, int]) -> None:
    assert codes(Image.effect_noise(size, 60).convert("RGB")) == ["no_face"]


def test_a_face_in_a_narrow_photo_is_found(astronaut: Image.Image) -> None:
    strip = Image.new("RGB", (1_100, 220), (90, 100, 110))
    strip.paste(astronaut.crop((130, 20, 350, 240)), (20, 0))
    assert "no_face" not in codes(strip)


def over_the_eyes(image: Pixels, colour: Pixels | None) -> Pixels:
    """A band of one colour, None for the cheeks' own, as a mirrored glass or a hand would be."""
    face = find_faces(image)[0]
    (ax, ay), (bx, by) = face.landmarks[:2]
    half = 0.35 * face.eyes_apart
    rows = slice(round(min(ay, by) - half), round(max(ay, by) + half))
    columns = slice(round(min(ax, bx) - 1.3 * half), round(max(ax, bx) + 1.3 * half))
    cheek = image[round(max(ay, by) + 1.2 * half), round(ax)]
    covered = image.copy()
    covered[rows, columns] = cheek if colour is None else colour
    return covered


@pytest.mark.parametrize("colour", [None, (235, 240, 250), (120, 120, 125)])
def test_mirrors_and_hands_cover_eyes_too(astronaut: Image.Image, colour: Pixels | None) -> None:
    assert "eyes_covered" in codes(over_the_eyes(np.asarray(astronaut), colour))


def test_eyes_in_shadow_are_a_warning(grace_hopper: Image.Image) -> None:
    image = np.asarray(grace_hopper).astype(float)
    for x, y in find_faces(np.asarray(grace_hopper))[0].landmarks[:2]:
        rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
        image *= 1 - 0.5 * np.exp(-(((columns - x) ** 2 + (rows - y) ** 2) / (2 * 22**2)))[..., None]
    assert codes(image) == ["eyes_shaded"]


def test_a_smoothed_skin_is_a_warning(astronaut: Image.Image) -> None:
    smooth = np.asarray(astronaut)
    for _ in range(4):
        smooth = cv2.bilateralFilter(smooth, 9, 40, 9)
    assert codes(smooth) == ["filtered"]


def test_a_dark_skin_is_not_a_dark_photo() -> None:
    verdict = judge_photo(SAMPLES / "solomon" / "photo-5.jpg", 5, PhotoLimits())[0]
    assert verdict.scores["highlights"] > 1.5 * PhotoLimits().dark


def test_faces_are_counted(grace_hopper: Image.Image, astronaut: Image.Image, coffee: Image.Image) -> None:
    hopper, other = np.asarray(grace_hopper)[:512], np.asarray(astronaut)
    assert codes(coffee) == ["no_face"]
    assert codes(np.hstack([hopper, hopper])) == ["several_people"]
    beside = judged(np.hstack([hopper, other]))
    assert [found.code for found in beside.findings] == ["others_in_photo"]
    assert beside.accepted
    assert beside.face.x < 512


def test_a_cut_face_and_a_tiny_one_are_refused(grace_hopper: Image.Image, astronaut: Image.Image) -> None:
    face = find_faces(np.asarray(grace_hopper))[0]
    cut = grace_hopper.crop((round(face.x + 0.3 * face.width), 0, 512, 600))
    assert "face_cut_off" in codes(cut)
    assert codes(astronaut.resize((256, 256))) == ["face_too_small"]


def test_an_unreadable_photo_gets_a_verdict_too(tmp_path: Path) -> None:
    (tmp_path / "001-photo").write_text("not an image")
    verdict, photo = judge_photo(tmp_path / "001-photo", 1, PhotoLimits())
    assert photo is None
    assert [found.code for found in verdict.findings] == ["unreadable_photo"]
    assert verdict.told()["size"] is None


def test_what_is_told_is_plain_and_holds_no_identity(grace_hopper: Image.Image) -> None:
    told = judged(grace_hopper).told()
    assert told["verdict"] == "accepted"
    assert set(told) == {"number", "source", "verdict", "size", "findings", "faces", "scores"}
    assert told["faces"][0]["width"] > 100


@pytest.mark.parametrize("code", PHOTO)
def test_sentences_name_the_photo_and_say_what_to_do(code: str) -> None:
    _, sentence, advice = PHOTO[code]
    assert "{name}" in sentence
    assert sentence.endswith(".")
    assert advice.endswith(".")
