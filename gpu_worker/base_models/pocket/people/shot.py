"""What changes from picture to picture: pose, mood, light, clothes, glasses, place and framing.

Who is drawn stands in person.py.
"""

from dataclasses import dataclass, replace

import numpy as np

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.person import Person

DRESSES = ("t-shirt", "striped t-shirt", "shirt", "suit", "hoodie", "turtleneck")  # everyone wears these
LIT_BY = {  # colour of the key light by scene, linear
    "sunset": (1.25, 0.85, 0.55),
    "city": (0.85, 0.88, 1.1),
    "space": (0.95, 0.95, 1.15),
    "snow": (1.0, 1.03, 1.1),
    "beach": (1.12, 1.04, 0.9),
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

    @classmethod
    def from_seed(cls, person: Person, seed: int) -> "Shot":
        """Draw a shot of `person`; equal seeds give equal shots."""
        rng = np.random.default_rng([11, person.seed, seed])
        scene = str(rng.choice(list(words.SCENES)))
        dresses = words.GARMENTS if person.gender == "woman" else DRESSES
        tint = np.array(LIT_BY.get(scene, (1, 1, 1))) * rng.uniform(0.94, 1.06, 3)
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
            light_rgb=(float(tint[0]), float(tint[1]), float(tint[2])),
            span=float(rng.uniform(3.7, 4.3)),
            shift=(float(rng.normal(0, 0.08)), float(rng.normal(0, 0.05))),
            detail=int(rng.integers(2**31)),
        )

    def change(self, **values: object) -> "Shot":
        """The same shot with other values."""
        return replace(self, **values)  # type: ignore[arg-type]  # the fields' own types hold
