"""Captions name what is seen, in one order, and leave out what they are told to."""

import pytest

from gpu_worker.base_models.pocket.people.vocabulary import FACETS, SHIPPED, WHOLE, caption

SEEN = {
    "class_noun": "woman",
    "age": "young",
    "skin": "pale",
    "hair_style": "long",
    "hair_colour": "red",
    "eye_colour": "green",
    "beard": "none",
    "freckles": "yes",
    "glasses": "glasses",
    "mood": "smiling",
    "garment": "hoodie",
    "garment_colour": "blue",
    "scene": "beach",
}


def test_everything_visible_is_said_in_order() -> None:
    assert caption(SEEN) == (
        "a photo of a woman with long red hair, pale skin, freckles, glasses, smiling, wearing a blue hoodie, "
        "at the beach"
    )


def test_a_bald_man_with_a_beard() -> None:
    looks = {
        "class_noun": "man",
        "hair_style": "bald",
        "hair_colour": "black",
        "skin": "dark",
        "beard": "beard",
    }
    plain = {
        "freckles": "no",
        "glasses": "none",
        "mood": "sad",
        "garment": "striped t-shirt",
        "scene": "grey",
    }
    assert caption({**SEEN, **looks, **plain, "garment_colour": "orange"}) == (
        "a photo of a man with a bald head, dark skin, a black beard, looking sad, wearing a striped orange t-shirt, "
        "on a grey background"
    )


def test_a_hat_is_said_when_worn() -> None:
    assert "glasses, a cap, smiling" in caption({**SEEN, "hat": "cap"})
    assert caption({**SEEN, "hat": "none"}) == caption(SEEN)


def test_the_shipped_words_are_a_part_of_the_whole() -> None:
    for name in ("garments", "scenes", "hair_styles", "hats"):
        shipped, whole = getattr(SHIPPED, name), getattr(WHOLE, name)
        assert whole[: len(shipped)] == shipped
        assert len(set(whole)) == len(whole)


def test_every_scene_has_its_phrase() -> None:
    assert len({caption({**SEEN, "scene": scene}) for scene in WHOLE.scenes}) == len(WHOLE.scenes)


@pytest.mark.parametrize(("colour", "article"), [("orange", "an"), ("red", "a")])
def test_articles_fit(colour: str, article: str) -> None:
    assert f"wearing {article} {colour} hoodie" in caption({**SEEN, "garment_colour": colour})


@pytest.mark.parametrize("facet", FACETS)
def test_a_dropped_facet_is_not_said(facet: str) -> None:
    whole, shorter = caption(SEEN), caption(SEEN, frozenset({facet}))
    assert len(shorter) < len(whole) or facet in ("beard", "hat")
    assert set(shorter.replace(",", "").split()) <= set(whole.replace(",", "").split())


def test_all_dropped_leaves_a_person() -> None:
    assert caption(SEEN, frozenset({*FACETS, "class_noun"})) == "a photo of a person"
