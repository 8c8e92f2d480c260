"""One person in one shot as geometry: the body's shape turned, hair, beard and what is worn."""

import numpy as np

from gpu_worker.base_models.pocket.people import hair
from gpu_worker.base_models.pocket.people.beards import beard_strands
from gpu_worker.base_models.pocket.people.cuts import hair_strands
from gpu_worker.base_models.pocket.people.geometry import shape
from gpu_worker.base_models.pocket.people.mesh import Floats, mesh
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.posture import pose_of
from gpu_worker.base_models.pocket.people.props import worn
from gpu_worker.base_models.pocket.people.renderer import Figure
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.base_models.pocket.people.skull import skull_of
from gpu_worker.base_models.pocket.people.surface import join


def figure_of(person: Person, shot: Shot) -> Figure:
    """Everything that is drawn, posed."""
    body, pose, facing = mesh(), pose_of(shot), shape(person, shot)
    weights = pose.weights(body.rest[:, 1])
    turned, normals, skull = pose.apply(facing, weights), body.normals(facing), skull_of(facing)
    grow = hair.growth(person, normals)
    strands = hair_strands(person, shot, facing, skull, pose)
    beard = beard_strands(person, facing, normals, pose)
    surfaces = worn(person, shot, facing, turned, pose, skull)
    return Figure(
        positions=turned,
        normals=pose.turn(normals, weights),
        grow=np.asarray(grow + weights * (grow @ pose.rotation.T - grow), np.float32),
        strands=strands + ([beard] if beard else []),
        props=join(surfaces) if surfaces else None,
        target=_target(facing, turned, shot),
        heart=pose.apply(skull.heart[None], np.ones((1, 1), np.float32))[0],
    )


def _target(facing: Floats, turned: Floats, shot: Shot) -> Floats:
    """The camera looks a little below the eyes' height, so that head and shoulders fill the picture."""
    body = mesh()
    eyes = float(facing[body.part == 1][:, 1].mean())
    head = turned[(body.part < 0.5) & (body.rest[:, 1] > 6.8)]
    middle = float(head[:, 0].mean())
    return np.array([middle * 0.7 + shot.shift[0], eyes - 0.36 + shot.shift[1], 0.6], np.float32)
