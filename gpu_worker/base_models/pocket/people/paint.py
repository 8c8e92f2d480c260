"""What the shaders are told about a person's skin and a shot's cloth. Numbers and colours only."""

from typing import Any

import numpy as np

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.mesh import Floats
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.base_models.pocket.people.surface import linear

EYEBALL = 0.14  # dm
PALE = (226, 226, 222)


def skin_paint(person: Person, shot: Shot) -> dict[str, Any]:
    """Uniforms of the body's shader."""
    kind, woman = person.beard, person.gender == "woman"
    rng = np.random.default_rng([61, person.seed])
    gaze = np.sin(np.radians(shot.gaze)) * EYEBALL
    return {
        "skin": _deep(linear(person.skin_rgb)),
        "hair": linear(person.hair_rgb),
        "iris": linear(person.eye_rgb),
        "brow": np.array(person.brow),
        "beard": float(kind in ("beard", "stubble")),
        "moustache": float(kind == "moustache"),
        "goatee": float(kind == "goatee"),
        "stubble": float(kind == "stubble"),
        "freckles": float(person.freckles),
        "scalp": {"bald": 0.0, "buzzed": 0.7}.get(person.hair_style, 1.0),
        "years": (person.years - 20) / 55,
        "lipstick": float(rng.choice([0.0, 0.25, 0.6])) if woman else 0.0,
        "blush": float(rng.uniform(0.0, 0.5)),
        "lashes": float(rng.uniform(0.5, 1.0)) if woman else 0.1,
        "hairline": person.hairline,
        "gaze": gaze,
        "seed": float(person.seed % 97) / 7,
    }


def _deep(skin: Floats) -> Floats:
    """A little more colour than was named: light and the camera take it away again."""
    return np.asarray(skin * (skin / skin.max()) ** 0.12, np.float32)


def cloth_colours(shot: Shot) -> dict[str, Any]:
    """Uniforms of the garment's shader; `second` is what is worn below, or the stripes."""
    colour = linear(words.GARMENT_COLOURS[shot.garment_colour], 255)
    under = shot.garment in ("suit", "vest") or colour.mean() < 0.6
    second = linear(PALE, 255) if under else linear((40, 44, 70), 255)
    return {"cloth": colour, "second": second, "seed": float(shot.detail % 89) / 5}
