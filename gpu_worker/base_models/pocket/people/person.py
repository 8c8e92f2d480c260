"""Who is drawn: one person's face, skin, hair and eyes, all from one seed.

What changes from picture to picture (pose, mood, clothes, place) stands in shot.py.
"""

from dataclasses import dataclass, field

import numpy as np

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.mesh import mesh

PAIRS = (  # the two ends of one axis among the targets' names
    ("decr", "incr"),
    ("down", "up"),
    ("in", "out"),
    ("backward", "forward"),
    ("compress", "uncompress"),
    ("concave", "convex"),
)
SHAPES = ("head-oval", "head-round", "head-rectangular", "head-square", "head-diamond", "head-triangular")
SPREAD = {  # standard deviation of an axis by the start of its name; full targets (1.0) are caricatures
    "head-age": 0.0,
    "head-scale": 0.16,
    "head-trans": 0.0,
    "head-angle": 0.1,
    "head-back": 0.15,
    "neck": 0.0,
    "measure": 0.0,
    "mouth-trans-up": 0.2,
    "mouth-trans": 0.05,
    "mouth-scale-depth": 0.0,
    "mouth-scale": 0.22,
    "mouth-angles": 0.15,
    "mouth": 0.2,
    "nose-trans": 0.1,
    "nose-septumangle": 0.1,
    "nose": 0.27,
    "forehead-scale": 0.1,
    "forehead": 0.2,
    "eyebrows": 0.25,
    "chin-jaw-drop": 0.12,
    "chin-prognathism": 0.1,
    "chin": 0.27,
    "l-ear-scale": 0.2,
    "l-ear": 0.15,
    "l-eye-push": 0.1,
    "l-eye": 0.22,
    "l-cheek": 0.28,
}
LIMIT = 0.6  # no axis goes further
STYLES = {  # how often each of HAIR_STYLES is worn
    "woman": (0.03, 0.03, 0.10, 0.14, 0.10, 0.22, 0.24, 0.14),
    "man": (0.17, 0.13, 0.30, 0.14, 0.10, 0.03, 0.09, 0.04),
}
COLOURS = {  # how often each of HAIR_COLOURS, by age
    "young": (0.20, 0.22, 0.20, 0.22, 0.02, 0.02, 0.06, 0.06),
    "middle-aged": (0.18, 0.22, 0.18, 0.20, 0.10, 0.06, 0.03, 0.03),
    "old": (0.06, 0.08, 0.06, 0.06, 0.36, 0.38, 0.0, 0.0),
}
ETHNICITIES = {  # weights of (african, asian, caucasian) shapes by skin: Dirichlet parameters
    "pale": (0.2, 0.6, 3.0),
    "light": (0.2, 1.2, 2.2),
    "tan": (0.8, 1.4, 1.4),
    "brown": (2.0, 0.8, 0.8),
    "dark": (4.0, 0.2, 0.2),
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
    axes: dict[str, float] = field(repr=False)

    @property
    def age(self) -> str:
        """The word of AGES for `years`."""
        return words.AGES[int(self.years >= 35) + int(self.years >= 55)]

    @classmethod
    def from_seed(cls, seed: int, **fixed: str) -> "Person":
        """Draw a person; equal seeds give equal people. `fixed` overrides gender, skin, hair_style, and so on."""
        rng = np.random.default_rng([7, seed])
        gender = _pick(rng, words.GENDERS, fixed.get("gender"))
        years = float(rng.uniform(20, 75))
        age = words.AGES[int(years >= 35) + int(years >= 55)]
        skin = _pick(rng, tuple(words.SKINS), fixed.get("skin"))
        style = _pick(rng, words.HAIR_STYLES, fixed.get("hair_style"), STYLES[gender])
        colour = _pick(rng, tuple(words.HAIR_COLOURS), fixed.get("hair_colour"), COLOURS[age])
        eyes = _pick(rng, tuple(words.EYE_COLOURS), fixed.get("eye_colour"), _eye_chances(skin))
        beard = _pick(rng, words.BEARDS, fixed.get("beard"), (0.4, 0.13, 0.25, 0.11, 0.11))
        freckles = rng.random() < 0.3 and skin in ("pale", "light")
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
            axes=_macros(rng, gender, years, skin) | _axes(rng),
        )


def _pick(
    rng: np.random.Generator,
    values: tuple[str, ...],
    fixed: str | None,
    chances: tuple[float, ...] | None = None,
) -> str:
    drawn = values[int(rng.choice(len(values), p=chances))]
    return fixed or drawn


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


def _macros(rng: np.random.Generator, gender: str, years: float, skin: str) -> dict[str, float]:
    """Weights of the whole-head targets: sex, age, build and ethnicity, mixed so that none is pure."""
    male = float(np.clip(rng.normal(0.9 if gender == "man" else 0.08, 0.06), 0, 1))
    old = float(np.clip((years - 25) / 70, 0, 0.72))
    mix = rng.dirichlet(ETHNICITIES[skin])
    muscle, weight = np.clip(rng.normal(0, 0.35, 2), -0.8, 0.8)
    weights: dict[str, float] = {}
    for sex, by_sex in (("male", male), ("female", 1 - male)):
        for age, by_age in (("old", old), ("young", 1 - old)):
            for name, share in zip(("african", "asian", "caucasian"), mix, strict=True):
                weights[f"{name}-{sex}-{age}"] = float(by_sex * by_age * share)
            firm = "maxmuscle" if muscle > 0 else "minmuscle"
            heavy = "maxweight" if weight > 0 else "minweight"
            m, w = abs(muscle), abs(weight)
            stem = f"universal-{sex}-{age}"
            weights[f"{stem}-{firm}-averageweight"] = float(by_sex * by_age * m * (1 - w))
            weights[f"{stem}-averagemuscle-{heavy}"] = float(by_sex * by_age * (1 - m) * w)
            weights[f"{stem}-{firm}-{heavy}"] = float(by_sex * by_age * m * w)
    return weights


def _axes(rng: np.random.Generator) -> dict[str, float]:
    """Low weights on every two-ended axis, equal left and right but for a trace, and one head shape."""
    names = mesh().targets
    weights = {SHAPES[int(rng.integers(len(SHAPES)))]: float(rng.uniform(0, 0.45))}
    for name in sorted(names):
        stem, _, end = name.rpartition("-")
        other = dict(PAIRS).get(end)
        if other is None or f"{stem}-{other}" not in names or name.startswith("r-"):
            continue
        value = float(np.clip(rng.normal(0, _spread(stem)), -LIMIT, LIMIT))
        trace = float(rng.normal(0, 0.02))
        _put(weights, stem, end, other, value)
        if stem.startswith("l-"):
            _put(weights, "r" + stem[1:], end, other, value + trace if value else 0.0)
    return weights


def _put(weights: dict[str, float], stem: str, low: str, high: str, value: float) -> None:
    if value:
        weights[f"{stem}-{high if value > 0 else low}"] = abs(value)


def _spread(stem: str) -> float:
    for start, spread in SPREAD.items():
        if stem.startswith(start):
            return spread
    return 0.0
