"""All that is worn and is not a part of the body's own surface: collars, hats, glasses, a bun's knot."""

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.collars import collar, hood, roll
from gpu_worker.base_models.pocket.people.glasses import glasses
from gpu_worker.base_models.pocket.people.hair import knot
from gpu_worker.base_models.pocket.people.hats import hat
from gpu_worker.base_models.pocket.people.mesh import Floats
from gpu_worker.base_models.pocket.people.paint import PALE
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.posture import Pose
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.base_models.pocket.people.skull import Skull
from gpu_worker.base_models.pocket.people.surface import Surface, linear


def worn(person: Person, shot: Shot, positions: Floats, turned: Floats, pose: Pose, skull: Skull) -> list[Surface]:
    """All props of a shot: `positions` (M, 3) face the camera, `turned` are posed."""
    surfaces = _around_the_neck(shot, turned)
    if shot.glasses != "none":
        surfaces += glasses(shot, positions, pose)
    if shot.hat != "none":
        surfaces += hat(shot, skull, pose)
    elif person.hair_style == "bun":
        surfaces.append(knot(person, skull.top, pose))
    return surfaces


def _around_the_neck(shot: Shot, turned: Floats) -> list[Surface]:
    tint = linear(words.GARMENT_COLOURS[shot.garment_colour], 255)
    if shot.garment in ("shirt", "suit", "vest", "jacket"):
        return [collar(turned, tint if shot.garment in ("shirt", "jacket") else linear(PALE, 255))]
    if shot.garment == "hoodie":
        return [hood(turned, tint)]
    return [roll(turned, tint)] if shot.garment == "turtleneck" else []
