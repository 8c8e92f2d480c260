"""Who is drawn: one person's face, skin, hair and eyes, all from one seed.

What changes from picture to picture (pose, mood, clothes, place) stands in shot.py.
"""

from dataclasses import dataclass, field

import numpy as np

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.face import axes, macros

STYLES = {  # how often each of HAIR_STYLES is worn
    "woman": (0.03, 0.03, 0.10, 0.14, 0.10, 0.22, 0.24, 0.14),
    "man": (0.17, 0.13, 0.30, 0.14, 0.10, 0.03, 0.09, 0.04),
}
COLOURS = {  # how often each of HAIR_COLOURS, by age
    "young": (0.20, 0.22, 0.20, 0.22, 0.02, 0.02, 0.06, 0.06),
    "middle-aged": (0.18, 0.22, 0.18, 0.20, 0.10, 0.06, 0.03, 0.03),
    "old": (0.06, 0.08, 0.06, 0.06, 0.36, 0.38, 0.0, 0.0),
}


@dataclass(frozen=True)
class Person:
    """An identity. Colours are sRGB 0..1, `axes` are weights of morph targets, `years` is 20 to 75."""

    seed: int
    gender: str
    years: float
    skin: str
    hair_style: str
    hair_colour: str
    eye_colour: str
    beard: str
    freckles: bool
    skin_rgb: tuple[float, float, float]
    hair_rgb: tuple[float, float, float]
    eye_rgb: tuple[float, float, float]
    brow: tuple[float, float, float, float]  # height (dm), thickness, arch, darkness
    hairline: float  # dm above or below the usual height
    fringe: float  # 0..1, how far the hair falls over the forehead
    parting: float  # dm to the side of the middle
    sweep: float  # 0..1: what else tells one cut from another of the same name
    axes: dict[str, float] = field(repr=False)

    @property
    def age(self) -> str:
        """The word of AGES for `years`."""
        return words.AGES[int(self.years >= 35) + int(self.years >= 55)]

    @classmethod
    def from_seed(cls, seed: int, known: words.Words = words.SHIPPED, **fixed: str) -> "Person":
        """Draw a person; equal seeds give equal people. `fixed` overrides gender, skin, hair_style, and so on."""
        rng = np.random.default_rng([7, seed])
        gender = _pick(rng, words.GENDERS, fixed.get("gender"))
        years = float(rng.uniform(20, 75))
        age = words.AGES[int(years >= 35) + int(years >= 55)]
        skin = _pick(rng, tuple(words.SKINS), fixed.get("skin"))
        style = _pick(rng, words.HAIR_STYLES, _wider(seed, gender, known, fixed.get("hair_style")), STYLES[gender])
        colour = _pick(rng, tuple(words.HAIR_COLOURS), fixed.get("hair_colour"), COLOURS[age])
        eyes = _pick(rng, tuple(words.EYE_COLOURS), fixed.get("eye_colour"), _eye_chances(skin))
        beard = _pick(rng, words.BEARDS, fixed.get("beard"), (0.4, 0.13, 0.25, 0.11, 0.11))
        freckles = rng.random() < 0.3 and skin in ("pale", "light")
        rng_of_hair = np.random.default_rng([23, seed])  # its own: what came first keeps its numbers
        return cls(
            seed=seed,
            gender=gender,
            years=years,
            skin=skin,
            hair_style=style,
            hair_colour=colour,
            eye_colour=eyes,
            beard=beard if gender == "man" else "none",
            freckles=bool(freckles),
            skin_rgb=_near(rng, words.SKINS[skin], 0.025),
            hair_rgb=_near(rng, words.HAIR_COLOURS[colour], 0.02),
            eye_rgb=_near(rng, words.EYE_COLOURS[eyes], 0.04),
            brow=_brow(rng, gender),
            hairline=float(rng.normal(0, 0.05)),
            fringe=float(rng.choice([0.0, 0.5, 1.0], p=[0.5, 0.25, 0.25])),
            parting=float(rng_of_hair.choice([-0.3, -0.12, 0.0, 0.15, 0.3])),
            sweep=float(rng_of_hair.uniform(0, 1)),
            axes=macros(rng, gender, years, skin) | axes(rng, gender),
        )


def _pick(
    rng: np.random.Generator,
    values: tuple[str, ...],
    fixed: str | None,
    chances: tuple[float, ...] | None = None,
) -> str:
    drawn = values[int(rng.choice(len(values), p=chances))]
    return fixed or drawn


def _wider(seed: int, gender: str, known: words.Words, fixed: str | None) -> str | None:
    """Now and then a style of the wider vocabulary, if that is asked for."""
    more = [style for style in known.hair_styles if style not in words.HAIR_STYLES]
    rng = np.random.default_rng([31, seed])
    if fixed or not more or rng.random() > (0.22 if gender == "woman" else 0.06):
        return fixed
    return str(rng.choice(more))


def _near(rng: np.random.Generator, colour: words.RGB, spread: float) -> tuple[float, float, float]:
    """The named colour, a little lighter or darker and a little off in hue."""
    changed = np.array(colour) / 255 * (1 + rng.normal(0, spread * 1.5)) + rng.normal(0, spread / 2, 3)
    red, green, blue = (float(x) for x in np.clip(changed, 0.02, 0.98))
    return red, green, blue


def _eye_chances(skin: str) -> tuple[float, ...]:
    return (0.3, 0.3, 0.2, 0.2) if skin in ("pale", "light") else (0.85, 0.03, 0.08, 0.04)


def _brow(rng: np.random.Generator, gender: str) -> tuple[float, float, float, float]:
    thick = rng.uniform(0.8, 1.2) if gender == "man" else rng.uniform(0.55, 0.9)
    return float(rng.normal(0, 0.012)), float(thick), float(rng.uniform(0.5, 1.4)), float(rng.uniform(0.6, 0.95))
