"""Scores of samples: of the subject's own photos, of strangers', of noise."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu_worker.base_models.pocket import WEIGHTS, people
from gpu_worker.base_models.pocket.people.vocabulary import SCENES
from gpu_worker.evidence.references import write_references
from gpu_worker.images import write_png
from gpu_worker.train import TrainConfig
from gpu_worker.train.scores import SampleScorer

PEOPLE = Path(people.__file__).parent / "samples"
NOISE = list(np.random.default_rng(0).integers(0, 256, (4, 256, 256, 3)).astype(np.uint8))


def photo(name: str, number: int, side: int = 256) -> np.ndarray:
    with Image.open(PEOPLE / name / f"photo-{number}.jpg") as image:
        return np.asarray(image.convert("RGB").resize((side, side)))


@pytest.fixture(scope="module")
def ruby(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The stage's inputs and outputs: photos 1 to 3 to learn from, 4 held out."""
    folder = tmp_path_factory.mktemp("ruby")
    for name in ("inputs/preprocess/instance", "inputs/preprocess/held_out", "outputs"):
        (folder / name).mkdir(parents=True)
    for number in (1, 2, 3):
        write_png(photo("ruby", number), folder / f"inputs/preprocess/instance/{number:03d}.png")
    write_png(photo("ruby", 4), folder / "inputs/preprocess/held_out/004.png")
    write_references(folder / "inputs/preprocess", folder / "outputs")
    return folder / "inputs", folder / "outputs"


def photographs(ruby: tuple[Path, Path], prompts: tuple[str, ...] = ("a photo of a {class_noun}",)) -> SampleScorer:
    """A base model that makes photographs, without a network that reads prompts."""
    config = TrainConfig(base_model="owner/name", validation_prompts=prompts, num_validation_images=4 // len(prompts))
    return SampleScorer(config, *ruby)


def pocket(ruby: tuple[Path, Path], *prompts: str) -> SampleScorer:
    config = TrainConfig(base_model=str(WEIGHTS), validation_prompts=prompts, num_validation_images=4 // len(prompts))
    return SampleScorer(config, *ruby)


def of(name: str, side: int = 256) -> list[np.ndarray]:
    return [photo(name, number, side) for number in (5, 6, 7, 8)]


def test_the_subject_is_more_alike_than_a_stranger(ruby: tuple[Path, Path]) -> None:
    scorer = photographs(ruby)
    own, stranger = scorer.score(of("ruby")).likeness, scorer.score(of("solomon")).likeness
    assert own is not None
    assert stranger is not None
    assert 0 <= stranger < own - 0.2 < own <= 1


def test_samples_without_a_face_are_like_nobody(ruby: tuple[Path, Path]) -> None:
    scorer = photographs(ruby)
    whole, half = scorer.score(of("ruby")), scorer.score([*of("ruby")[:2], *NOISE[:2]])
    assert whole.likeness is not None
    assert half.likeness is not None
    assert half.likeness < 0.7 * whole.likeness
    nobody = scorer.score(NOISE)
    assert nobody.likeness is None
    assert nobody.unmeasured["likeness"] == "No face was found in any sample."


def test_photos_drawn_again_are_copies_also_mirrored(ruby: tuple[Path, Path]) -> None:
    copies = [photo("ruby", 1, 200), np.fliplr(photo("ruby", 2)), photo("ruby", 3), photo("ruby", 3)]
    scores = photographs(ruby).score(copies)
    assert scores.copying == 1
    assert scores.distance is not None
    assert scores.distance < 0.1
    fresh = photographs(ruby).score(of("ruby"))
    assert fresh.copying == 0
    assert fresh.distance is not None
    assert fresh.distance > 0.2


def test_the_held_out_photo_was_not_learnt_and_is_no_copy(ruby: tuple[Path, Path]) -> None:
    assert photographs(ruby).score([photo("ruby", 4)] * 4).copying == 0


def test_one_image_again_and_again_has_no_diversity(ruby: tuple[Path, Path]) -> None:
    scorer = photographs(ruby)
    assert scorer.score([photo("ruby", 5)] * 4).diversity == 0
    assert (scorer.score(NOISE).diversity or 0) == pytest.approx(0.5, abs=0.1)


def test_diversity_is_of_samples_of_one_prompt(ruby: tuple[Path, Path]) -> None:
    scorer = photographs(ruby, ("a photo of a {class_noun}", "a {class_noun} in the snow"))
    one, other = photo("ruby", 5), photo("ruby", 6)
    assert scorer.score([one, one, other, other]).diversity == 0
    alone = photographs(ruby, ("one", "two", "three", "four")).score(of("ruby"))
    assert alone.diversity is None
    assert alone.unmeasured["diversity"] == "Only one sample of each prompt was drawn."


def test_what_cannot_be_measured_is_said(ruby: tuple[Path, Path], tmp_path: Path) -> None:
    assert photographs(ruby).score(of("ruby")).unmeasured == {
        "adherence": "No network that compares images with prompts is set up."
    }
    scorer = photographs((ruby[0], tmp_path))
    assert not scorer.judges
    assert scorer.score(of("ruby")).unmeasured["likeness"] == "The subject's training kept no record of faces."


def test_without_photos_nothing_is_a_copy(tmp_path: Path) -> None:
    scores = photographs((tmp_path, tmp_path)).score(of("ruby"))
    assert (scores.distance, scores.copying) == (None, None)
    assert {"distance", "copying"} <= scores.unmeasured.keys()


def test_drawings_are_judged_by_their_attributes(ruby: tuple[Path, Path]) -> None:
    scorer = pocket(ruby, "a photo of a {identifier} {class_noun}")
    own, stranger = scorer.score(of("ruby", 64)), scorer.score(of("solomon", 64))
    assert (own.likeness or 0) > 0.7
    assert (stranger.likeness or 0) < 0.5
    assert own.adherence is None
    assert own.unmeasured["adherence"] == "The prompts name nothing that can be judged."


def test_adherence_is_of_each_samples_own_prompt(ruby: tuple[Path, Path]) -> None:
    """The fifth photo shows a scene; two samples of four were asked for it."""
    attributes = json.loads((PEOPLE / "ruby/attributes.json").read_text())
    scene = attributes["photos"]["photo-5.jpg"]["scene"]
    other = "snow" if scene != "snow" else "forest"
    scorer = pocket(ruby, f"a photo {SCENES[scene]}", f"a photo {SCENES[other]}")
    assert scorer.score([photo("ruby", 5, 64)] * 4).adherence == 0.5
