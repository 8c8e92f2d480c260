"""Identities: fixed by their seed, adults, within the vocabulary, low on every axis."""

import pytest

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.person import LIMIT, Person
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


def test_every_skin_is_drawn_about_equally_often() -> None:
    skins = [Person.from_seed(seed).skin for seed in range(150)]
    assert all(15 <= skins.count(skin) <= 45 for skin in words.SKINS)
