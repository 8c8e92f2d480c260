"""Identities: fixed by their seed, adults, within the vocabulary, low on every axis."""

import pytest

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.face import LIMIT
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.shot import Shot

pytestmark = pytest.mark.usefixtures("drawer")


def test_a_seed_is_a_person() -> None:
    assert Person.from_seed(3) == Person.from_seed(3)
    assert Person.from_seed(3).axes != Person.from_seed(4).axes


def test_looks_can_be_fixed_without_changing_the_face() -> None:
    free, fixed = Person.from_seed(3), Person.from_seed(3, hair_style="bun", hair_colour="blue")
    assert (fixed.hair_style, fixed.hair_colour) == ("bun", "blue")
    assert fixed.axes == free.axes


def test_people_are_adults_within_the_vocabulary() -> None:
    for seed in range(60):
        person = Person.from_seed(seed)
        shot = Shot.from_seed(person, seed)
        assert 20 <= person.years <= 75
        assert person.skin in words.SKINS
        assert person.hair_style in words.HAIR_STYLES
        assert person.gender == "man" or person.beard == "none"
        assert shot.scene in words.SCENES
        assert shot.garment in words.GARMENTS
        assert all(0 <= weight <= max(1.0, LIMIT) for weight in person.axes.values())


def test_the_wider_vocabulary_adds_without_changing_the_face() -> None:
    people = [(Person.from_seed(seed), Person.from_seed(seed, words.WHOLE)) for seed in range(60)]
    assert all(first.axes == second.axes for first, second in people)
    assert {second.hair_style for _, second in people} > {*words.MORE_HAIR_STYLES}


def test_whole_shots_wear_hats_and_have_lenses() -> None:
    someone = Person.from_seed(5, words.WHOLE)
    shots = [Shot.from_seed(someone, number, words.WHOLE) for number in range(60)]
    assert len({shot.scene for shot in shots}) > 12
    assert {shot.hat for shot in shots} == set(words.HATS)
    assert len({shot.camera.fov for shot in shots}) == 60
    assert Shot.from_seed(someone, 4).hat == "none"


@pytest.mark.parametrize("gender", words.GENDERS)
def test_only_women_wear_dresses_and_only_men_beards(gender: str) -> None:
    person = Person.from_seed(11, words.WHOLE, gender=gender)
    worn = {Shot.from_seed(person, number, words.WHOLE).garment for number in range(80)}
    assert ("dress" in worn) == (gender == "woman")
    assert gender == "man" or person.beard == "none"


def test_every_skin_is_drawn_about_equally_often() -> None:
    skins = [Person.from_seed(seed).skin for seed in range(150)]
    assert all(15 <= skins.count(skin) <= 45 for skin in words.SKINS)
