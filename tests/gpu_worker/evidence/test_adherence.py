"""What a prompt names is found, and seen in drawings; CLIP is asked where an operator has one."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.base_models.pocket.people import vocabulary
from gpu_worker.errors import BadPrompt, BadWeights
from gpu_worker.evidence.adherence import JUDGED, AttributeAdherence, asked, plain
from gpu_worker.evidence.clip_adherence import open_clip
from gpu_worker.evidence.judge import Judge, clip_hash
from gpu_worker.evidence.limits import Limits
from gpu_worker.score import AttributeScorer
from tests.gpu_worker.evidence.conftest import SAMPLES, Photos
from tests.gpu_worker.evidence.tiny_clip import untrained_clip

LOOKS = {
    "class_noun": st.sampled_from(vocabulary.GENDERS),
    "skin": st.sampled_from(list(vocabulary.SKINS)),
    "hair_style": st.sampled_from(vocabulary.HAIR_STYLES),
    "hair_colour": st.sampled_from(list(vocabulary.HAIR_COLOURS)),
    "beard": st.sampled_from(vocabulary.BEARDS),
    "freckles": st.just("no"),
    "glasses": st.sampled_from(vocabulary.GLASSES),
    "mood": st.sampled_from(vocabulary.MOODS),
    "garment": st.sampled_from(vocabulary.GARMENTS),
    "garment_colour": st.sampled_from(list(vocabulary.GARMENT_COLOURS)),
    "scene": st.sampled_from(list(vocabulary.SCENES)),
}


@given(st.fixed_dictionaries(LOOKS))
def test_every_caption_names_what_it_describes(attributes: dict[str, str]) -> None:
    wanted = {name: attributes[name] for name in JUDGED if attributes[name] != "none"}
    if wanted["hair_style"] == "bald" and wanted.get("beard", "stubble") == "stubble":
        del wanted["hair_colour"]
    found = asked(vocabulary.caption(attributes))
    assert {name: found[name] for name in found if name != "hair_colour"} == {
        name: wanted[name] for name in wanted if name != "hair_colour"
    }
    if wanted["hair_style"] != "bald":
        assert found["hair_colour"] == wanted["hair_colour"]


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("a photo of a sks person", {}),
        (
            "a photo of a sks man, wearing a (red:1.4) suit, [at the beach]",
            {"garment": "suit", "garment_colour": "red"},
        ),
        ("an astronaut in a white spacesuit, in space", {"scene": "space"}),
        ("a sks woman, [beach:in the snow:0.5], wearing an orange dress", {"garment": "dress", "scene": "snow"}),
        ("A SKS WOMAN IN A HOODIE <lora:x:1>", {"garment": "hoodie"}),
    ],
)
def test_a_prompts_language_is_read_first(prompt: str, found: dict[str, str]) -> None:
    assert found.items() <= asked(prompt).items()
    assert "lora" not in plain(prompt)


@given(st.text(max_size=120))
def test_any_prompt_is_read_or_refused(prompt: str) -> None:
    try:
        found = asked(prompt)
    except BadPrompt:
        return
    assert set(found) <= set(JUDGED)


@pytest.fixture(scope="module")
def attributes() -> AttributeAdherence:
    return AttributeAdherence(AttributeScorer.load(WEIGHTS / "scorer"))


def test_a_drawing_shows_its_own_caption_and_no_other(attributes: AttributeAdherence, photo: Photos) -> None:
    told = json.loads((SAMPLES / "ruby" / "attributes.json").read_text())["photos"]
    captions = [told[f"photo-{number}.jpg"]["caption"] for number in range(1, 9)]
    own = [attributes.score(photo("ruby", n), captions[n - 1]) or 0 for n in range(1, 9)]
    other = [attributes.score(photo("ruby", n), captions[(n + 2) % 8]) or 0 for n in range(1, 9)]
    assert np.mean(own) > 0.8
    assert np.mean(other) < 0.7


def test_a_prompt_that_names_nothing_is_not_judged(attributes: AttributeAdherence, photo: Photos) -> None:
    assert attributes.score(photo("ruby", 1), "a photo of a sks person, looking sad") is None


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """As an operator lays one down."""
    untrained_clip(tmp_path)
    open_clip.cache_clear()
    return tmp_path


def test_clip_scores_lie_between_0_and_1_and_depend_on_both(clip: Path, photo: Photos) -> None:
    network = open_clip(clip)
    prompts = [f"a photo of a {word}" for word in ("person", "beach", "suit", "forest", "dress", "tower")]
    scores = [network.score(photo("ruby", n), prompt) for n in (1, 2) for prompt in prompts]
    assert all(score is not None and 0 <= score <= 1 for score in scores)
    assert len(set(scores)) > 2
    assert network.score(photo("ruby", 1), "photo " * 300) is not None
    assert network.score(photo("ruby", 1), "") is None


def test_clip_agrees_with_transformers_own_preparation(clip: Path, photo: Photos) -> None:
    from PIL import Image
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    from gpu_worker.evidence.clip_adherence import _pixels

    wide = photo("ruby", 1)[100:400]
    theirs = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    expected = theirs(Image.fromarray(wide), return_tensors="pt").pixel_values
    assert float((_pixels(wide, 32) - expected).abs().max()) < 0.1


def test_a_judge_of_another_base_model_asks_clip(clip: Path, photo: Photos, tmp_path: Path) -> None:
    evidence = Judge.of("a/name", None, Limits(), clip).judge(photo("ruby", 1), "a photo of a person")
    assert evidence.scores["adherence"] is not None
    without = Judge.of("a/name", None, Limits()).judge(photo("ruby", 1), "a photo of a person")
    assert without.unmeasured["adherence"].startswith("No network")


def test_a_clip_is_told_by_its_hash_where_it_is_asked(clip: Path) -> None:
    told = (clip / "model.safetensors.sha256").read_text().split()[0]
    assert clip_hash("a/name", clip) == told
    assert clip_hash("a/name", None) is None
    assert clip_hash(WEIGHTS, clip) is None  # pocket's scorer knows better


def test_a_clip_that_was_changed_or_is_missing_is_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="SHA-256"):
        open_clip(_damaged(clip))
    with pytest.raises(BadWeights, match="cannot be read"):
        open_clip(tmp_path / "nothing")


def _damaged(folder: Path) -> Path:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"x")
    return folder


def test_a_clip_of_another_shape_is_refused(clip: Path) -> None:
    config = json.loads((clip / "config.json").read_text())
    config["projection_dim"] = 12
    (clip / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadWeights):
        open_clip(clip)
