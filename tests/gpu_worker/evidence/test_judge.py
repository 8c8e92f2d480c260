"""What the judge says of images, drawn and photographed: who is shown, how sharp, how many, how safe."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.errors import BadPrompt
from gpu_worker.evidence.judge import Judge
from gpu_worker.evidence.limits import Limits, domains
from gpu_worker.evidence.references import References
from tests.gpu_worker.evidence.conftest import Photos, harmless

PROMPT = "a photo of a sks woman, at the beach"


@pytest.fixture
def judge(ruby: References) -> Judge:
    """Of drawn images of Ruby; nudity is left to tests of its own."""
    return Judge(domains()["drawn"], Limits(), ruby, unsafe=harmless)


def test_the_subject_is_accepted(judge: Judge, photo: Photos) -> None:
    evidence = judge.judge(photo("ruby", 5), PROMPT)
    assert evidence.accepted
    assert evidence.told()["verdict"] == "accepted"
    assert evidence.scores["faces"] == 1
    assert evidence.compared == {"photos": 3, "held_out": False}
    assert (evidence.scores["likeness"] or 0) > (domains()["drawn"].likeness or 1)


@pytest.mark.parametrize("other", ["greta", "solomon"])
def test_another_person_is_unlike(judge: Judge, photo: Photos, other: str) -> None:
    evidence = judge.judge(photo(other, 5), PROMPT)
    assert (evidence.verdict, evidence.rejected_for) == ("rejected", "unlike")
    assert evidence.told()["reasons"][0]["sentence"].startswith("The face does not look")


def test_nobody_is_no_face_and_likeness_is_not_measured(judge: Judge, coffee: Image.Image) -> None:
    evidence = judge.judge(np.asarray(coffee), PROMPT)
    assert evidence.rejected_for == "no_face"
    assert evidence.scores["likeness"] is None
    assert evidence.unmeasured["likeness"] == "No face was found in the image."
    assert evidence.compared is None


def test_two_people_are_too_many_and_a_passer_by_is_none(judge: Judge, photo: Photos) -> None:
    both = np.hstack([photo("ruby", 5), photo("greta", 5)])
    assert judge.judge(both, PROMPT).rejected_for == "several_faces"
    behind = photo("ruby", 5).copy()
    behind[:100, :100] = cv2.resize(photo("greta", 5), (100, 100), interpolation=cv2.INTER_AREA)
    assert judge.judge(behind, PROMPT).scores["faces"] == 1
    assert judge.judge(behind, PROMPT).accepted


def test_any_number_of_faces_may_be_allowed(ruby: References, photo: Photos) -> None:
    judge = Judge(domains()["drawn"], Limits(one_face=False), ruby, unsafe=harmless)
    assert "several_faces" not in judge.judge(np.hstack([photo("ruby", 5), photo("greta", 5)]), PROMPT).codes


def test_the_blurrier_the_less_sharp_until_it_is_rejected(judge: Judge, photo: Photos) -> None:
    sharp = photo("ruby", 5)
    evidence = [judge.judge(cv2.GaussianBlur(sharp, (0, 0), sigma), PROMPT) for sigma in (0.5, 2, 4, 6)]
    sharpness = [one.scores["sharpness"] for one in evidence]
    assert sharpness == sorted(sharpness, key=lambda value: -(value or 0))
    assert ["blurry" in one.codes for one in (evidence[0], evidence[-1])] == [False, True]


@pytest.mark.parametrize(
    ("score", "codes"), [(0.1, ()), (0.6, ("maybe_unsafe",)), (0.8, ("unsafe",)), (1.0, ("unsafe",))]
)
def test_unsafe_images_are_rejected_and_unsure_ones_marked(
    ruby: References, photo: Photos, score: float, codes: tuple[str, ...]
) -> None:
    judge = Judge(domains()["drawn"], Limits(), ruby, unsafe=lambda image: score)
    evidence = judge.judge(photo("ruby", 5), PROMPT)
    assert evidence.codes == codes
    assert evidence.accepted is (score < 0.8)


def test_the_limit_of_what_is_unsafe_is_the_operators(ruby: References, photo: Photos) -> None:
    judge = Judge(domains()["drawn"], Limits(unsafe=0.95), ruby, unsafe=lambda image: 0.9)
    assert judge.judge(photo("ruby", 5), PROMPT).codes == ("maybe_unsafe",)


def test_unsafe_comes_before_every_other_reason(ruby: References, coffee: Image.Image) -> None:
    judge = Judge(domains()["drawn"], Limits(), ruby, unsafe=lambda image: 1.0)
    evidence = judge.judge(np.asarray(coffee), PROMPT)
    assert evidence.rejected_for == "unsafe"
    assert [reason["code"] for reason in evidence.reasons] == ["unsafe", "no_face"]


def test_what_cannot_be_measured_rejects_nothing(photo: Photos) -> None:
    judge = Judge(domains()["drawn"], Limits(adherence=1), References.none("There is no subject."), unsafe=harmless)
    evidence = judge.judge(photo("greta", 5), PROMPT)
    assert evidence.accepted
    assert evidence.unmeasured["likeness"] == "There is no subject."
    assert set(evidence.unmeasured) == {"likeness", "adherence"}


@pytest.mark.parametrize(("shown", "accepted"), [(0.4, False), (0.5, True), (None, True)])
def test_adherence_rejects_only_below_a_limit(
    ruby: References, photo: Photos, shown: float | None, accepted: bool
) -> None:
    class Told:
        def score(self, image: np.ndarray, prompt: str) -> float | None:
            assert prompt == PROMPT
            return shown

    def judged(limits: Limits) -> bool:
        judge = Judge(domains()["drawn"], limits, ruby, Told(), unsafe=harmless)
        return judge.judge(photo("ruby", 5), PROMPT).accepted

    assert judged(Limits(adherence=0.5)) is accepted
    assert judged(Limits())


def test_pockets_images_are_judged_without_faces(photo: Photos, tmp_path: Path) -> None:
    small = cv2.resize(photo("ruby", 5), (64, 64), interpolation=cv2.INTER_AREA)
    evidence = Judge.of(WEIGHTS, None, Limits()).judge(small, "a photo of a sks woman, wearing a red hoodie, in space")
    assert evidence.accepted
    assert evidence.domain == "pocket"
    assert [name for name, score in evidence.scores.items() if score is None] == ["likeness", "faces"]
    assert set(evidence.unmeasured) == {"likeness", "faces"}
    assert (evidence.scores["adherence"] or 0) in (0, 1 / 3, 2 / 3, 1)


def test_photographs_of_two_people_are_told_apart(
    grace_hopper: Image.Image, astronaut: Image.Image, tmp_path: Path
) -> None:
    from gpu_worker.evidence.references import write_references
    from gpu_worker.images import write_png

    for name in ("instance", "held_out"):
        (tmp_path / "preprocess" / name).mkdir(parents=True)
    write_png(np.asarray(grace_hopper), tmp_path / "preprocess/held_out/001.png")
    write_references(tmp_path / "preprocess", tmp_path)
    judge = Judge.of("some/base-model-of-the-hub", tmp_path, Limits())
    smaller = np.asarray(grace_hopper.resize((400, 469)))
    assert judge.judge(smaller, PROMPT).compared == {"photos": 1, "held_out": True}
    assert judge.judge(smaller, PROMPT).accepted
    assert judge.judge(np.asarray(astronaut), PROMPT).rejected_for == "unlike"


def test_a_prompt_that_cannot_be_drawn_is_told(photo: Photos) -> None:
    small = cv2.resize(photo("ruby", 5), (64, 64), interpolation=cv2.INTER_AREA)
    with pytest.raises(BadPrompt):
        Judge.of(WEIGHTS, None, Limits()).judge(small, "tall (man:9999)")


def test_an_image_of_any_size_is_judged(judge: Judge) -> None:
    pick: Callable[..., np.ndarray] = np.random.default_rng(0).integers
    for shape in ((8, 8, 3), (64, 640, 3), (1500, 700, 3)):
        image = pick(0, 256, shape, dtype=np.uint8)
        assert judge.judge(image, PROMPT).scores["sharpness"] is not None
        assert judge.judge(np.zeros(shape, np.uint8), PROMPT).told()["scores"]["sharpness"] is not None
