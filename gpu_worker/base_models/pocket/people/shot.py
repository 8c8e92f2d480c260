"""What changes from picture to picture: pose, mood, light, clothes, glasses, place and framing.

Who is drawn stands in person.py.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.camera import PLAIN, Camera
from gpu_worker.base_models.pocket.people.person import Person

DRESSES = ("t-shirt", "striped t-shirt", "shirt", "suit", "hoodie", "turtleneck")  # everyone wears these
LIT_BY = {  # colour of the key light by scene, linear
    "sunset": (1.25, 0.85, 0.55),
    "city": (0.85, 0.88, 1.1),
    "space": (0.95, 0.95, 1.15),
    "snow": (1.0, 1.03, 1.1),
    "beach": (1.12, 1.04, 0.9),
    "desert": (1.12, 1.03, 0.88),
    "cafe": (1.12, 1.0, 0.84),
    "stage": (1.15, 1.02, 0.88),
    "library": (1.08, 1.0, 0.88),
}


@dataclass(frozen=True)
class Shot:
    """One picture of a person. Angles in degrees; `span` is the height of what the camera sees, in dm."""

    seed: int
    yaw: float
    pitch: float
    roll: float
    mood: str
    mood_strength: float
    garment: str
    garment_colour: str
    glasses: str
    scene: str
    light: tuple[float, float, float]  # azimuth, elevation (degrees), share of the key light 0..1
    light_rgb: tuple[float, float, float]
    span: float
    shift: tuple[float, float]  # dm
    detail: int  # seed of what no word names, such as the shape of the glasses
    softness: float = 0.5  # of the shadows, 0 (sun) to 1 (overcast)
    gaze: tuple[float, float] = (0.0, 0.0)  # degrees right and up; straight out of the head
    hat: str = "none"
    hat_colour: str = "black"
    camera: Camera = PLAIN

    @classmethod
    def from_seed(cls, person: Person, seed: int, known: words.Words = words.SHIPPED) -> "Shot":
        """Draw a shot of `person`; equal seeds give equal shots. `known` WHOLE adds hats, lenses and camera faults."""
        shot = cls._plain(person, seed)
        rng = np.random.default_rng([37, person.seed, seed])
        shot = shot.change(softness=float(rng.uniform(0.15, 1)), gaze=_gaze(rng, shot))
        return shot if known == words.SHIPPED else shot._wider(person, known, rng)

    def _wider(self, person: Person, known: words.Words, rng: np.random.Generator) -> "Shot":
        garments = [g for g in known.garments if g != "dress" or person.gender == "woman"]
        hat = str(rng.choice(known.hats)) if rng.random() < 0.2 else "none"
        scene = str(rng.choice(known.scenes))
        return self.change(
            scene=scene,
            light_rgb=_tint(rng, scene),
            garment=str(rng.choice(garments)),
            glasses="none" if self.glasses == "sunglasses" and rng.random() < 0.5 else self.glasses,
            hat=hat,
            hat_colour=str(rng.choice(list(words.GARMENT_COLOURS))),
            span=float(self.span * np.exp(rng.uniform(-0.25, 0.10))),
            camera=Camera.draw(rng),
        )

    @classmethod
    def _plain(cls, person: Person, seed: int) -> "Shot":
        rng = np.random.default_rng([11, person.seed, seed])
        scene = str(rng.choice(list(words.SCENES)))
        dresses = words.GARMENTS if person.gender == "woman" else DRESSES
        tint = _tint(rng, scene)
        yaw, pitch, roll = rng.normal(0, (13, 5, 4))
        return cls(
            seed=seed,
            yaw=float(np.clip(yaw, -30, 30)),
            pitch=float(np.clip(pitch, -10, 10)),
            roll=float(np.clip(roll, -9, 9)),
            mood=str(rng.choice(words.MOODS, p=(0.34, 0.34, 0.16, 0.16))),
            mood_strength=float(rng.uniform(0.8, 1.1)),
            garment=str(rng.choice(dresses)),
            garment_colour=str(rng.choice(list(words.GARMENT_COLOURS))),
            glasses=str(rng.choice(words.GLASSES, p=(0.62, 0.22, 0.16))),
            scene=scene,
            light=(float(rng.uniform(-60, 60)), float(rng.uniform(20, 60)), float(rng.uniform(0.55, 0.8))),
            light_rgb=tint,
            span=float(rng.uniform(3.7, 4.3)),
            shift=(float(rng.normal(0, 0.08)), float(rng.normal(0, 0.05))),
            detail=int(rng.integers(2**31)),
        )

    def change(self, **values: Any) -> "Shot":
        """The same shot with other values."""
        return replace(self, **values)


def _tint(rng: np.random.Generator, scene: str) -> tuple[float, float, float]:
    red, green, blue = (float(x) for x in np.array(LIT_BY.get(scene, (1, 1, 1))) * rng.uniform(0.94, 1.06, 3))
    return red, green, blue


def _gaze(rng: np.random.Generator, shot: Shot) -> tuple[float, float]:
    """Into the camera in four photos of five, else a little past it."""
    past = rng.normal(0, 8, 2) if rng.random() < 0.2 else rng.normal(0, 1, 2)
    right, up = np.clip(np.array([-shot.yaw, shot.pitch]) * 0.9 + past, -25, 25)
    return float(right), float(up)
