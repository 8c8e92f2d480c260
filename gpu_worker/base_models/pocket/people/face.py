"""The shape of a face: weights of morph targets for sex, age, build and origin, and a little of every axis.

Numbers only; the targets themselves lie in mesh.py.
"""

import numpy as np

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
CALM = 1.15  # of SPREAD: what tells people apart, short of caricature
ASYMMETRY = 2.5
LIMIT = 0.6  # no axis goes further
MEAN = {  # where an axis is centred, when not in the middle: for everybody, and by gender
    "everyone": {
        "mouth-upperlip-volume": -0.12,
        "mouth-lowerlip-volume": -0.12,
        "l-eye-scale": 0.22,
        "forehead-scale-vert": -0.15,
    },
    "woman": {
        "chin-width": -0.2,
        "chin-bones": -0.15,
        "nose-volume": -0.12,
        "nose-scale-horiz": -0.1,
        "l-eye-scale": 0.15,
    },
    "man": {"chin-bones": 0.15, "chin-width": 0.1, "nose-volume": 0.05},
}
ETHNICITIES = {  # weights of (african, asian, caucasian) shapes by skin: Dirichlet parameters
    "pale": (0.2, 0.6, 3.0),
    "light": (0.2, 1.2, 2.2),
    "tan": (0.8, 1.4, 1.4),
    "brown": (1.3, 0.8, 0.8),
    "dark": (2.6, 0.5, 0.5),
}


def macros(rng: np.random.Generator, gender: str, years: float, skin: str) -> dict[str, float]:
    """Weights of the whole-head targets: sex, age, build and ethnicity, mixed so that none is pure."""
    male = float(np.clip(rng.normal(0.96 if gender == "man" else 0.05, 0.05), 0, 1))
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


def axes(rng: np.random.Generator, gender: str) -> dict[str, float]:
    """Low weights on every two-ended axis, equal left and right but for a trace, and one head shape."""
    names = mesh().targets
    weights = {SHAPES[int(rng.integers(len(SHAPES)))]: float(rng.uniform(0, 0.45))}
    for name in sorted(names):
        stem, _, end = name.rpartition("-")
        other = dict(PAIRS).get(end)
        if other is None or f"{stem}-{other}" not in names or name.startswith("r-"):
            continue
        value = float(np.clip(CALM * rng.normal(0, _spread(stem)) + _mean(stem, gender), -LIMIT, LIMIT))
        trace = float(rng.normal(0, 0.02)) * ASYMMETRY
        _put(weights, stem, end, other, value)
        if stem.startswith("l-"):
            _put(weights, "r" + stem[1:], end, other, value + trace if value else 0.0)
    return weights


def _mean(stem: str, gender: str) -> float:
    return MEAN["everyone"].get(stem, 0.0) + MEAN[gender].get(stem, 0.0)


def _put(weights: dict[str, float], stem: str, low: str, high: str, value: float) -> None:
    if value:
        weights[f"{stem}-{high if value > 0 else low}"] = abs(value)


def _spread(stem: str) -> float:
    for start, spread in SPREAD.items():
        if stem.startswith(start):
            return spread
    return 0.0
