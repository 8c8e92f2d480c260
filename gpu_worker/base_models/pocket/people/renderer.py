"""Draws one posed person to colour, coverage and depth.

Knows no seeds and no words' meaning beyond which shader switch they set.
"""

from dataclasses import dataclass
from functools import cache

import moderngl
import numpy as np

from gpu_worker.base_models.pocket.people import hair
from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.canvas import Canvas, read
from gpu_worker.base_models.pocket.people.lighting import Light, View, shadow_matrix
from gpu_worker.base_models.pocket.people.mesh import Floats, Ints, mesh
from gpu_worker.base_models.pocket.people.paint import cloth_colours, skin_paint
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.shaders import cloth, props, skin
from gpu_worker.base_models.pocket.people.shaders import hair as hair_shaders
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.base_models.pocket.people.strands import STEPS, Strands, ribbon_triangles, ribbons
from gpu_worker.base_models.pocket.people.surface import Surface, linear

SHADOW_SIZE = 256  # pixels
PROGRAMS = {
    "body": (skin.BODY_VERTEX, skin.BODY_FRAGMENT),
    "cloth": (skin.BODY_VERTEX, cloth.CLOTH_FRAGMENT),
    "shell": (hair_shaders.SHELL_VERTEX, hair_shaders.SHELL_FRAGMENT),
    "strand": (hair_shaders.STRAND_VERTEX, hair_shaders.STRAND_FRAGMENT),
    "prop": (props.PROP_VERTEX, props.PROP_FRAGMENT),
    "depth": (props.DEPTH_VERTEX, props.DEPTH_FRAGMENT),
}
Buffers = dict[str, moderngl.Buffer]


@dataclass(frozen=True)
class Figure:
    """All geometry of one picture, posed."""

    positions: Floats  # (M, 3)
    normals: Floats  # (M, 3)
    grow: Floats  # (M, 3)
    strands: list[Strands]
    props: Surface | None
    target: Floats  # (3,) what the camera looks at
    heart: Floats  # (3,) the middle of the skull


class Renderer:
    """The canvas and the buffers that never change."""

    def __init__(self) -> None:
        self.canvas = Canvas(PROGRAMS)
        body = mesh()
        scalp, near = hair.roots()
        torso = (body.rest[body.quads][..., 1] < 6.4).all(axis=1) & (body.part[body.quads[:, 0]] < 0.5)
        self.body_index = self.canvas.index(_split(body.quads))
        self.hair_index = self.canvas.index(_split(near))
        self.cloth_index = self.canvas.index(_split(body.quads[torso]))
        fixed = {"rest": body.rest, "part": body.part, "masks": body.masks, "root": scalp, "ear": body.masks[:, 2]}
        self.fixed = {name: self.canvas.values(values) for name, values in fixed.items()}
        self.shadow, self.shadow_texture = self.canvas.shadow(SHADOW_SIZE)

    def render(
        self, figure: Figure, person: Person, shot: Shot, view: View, light: Light, pixels: int
    ) -> tuple[Floats, Floats]:
        """RGBA (pixels, pixels, 4) in [0, 1], display colours, alpha 0 or 1; and distances (pixels, pixels) in dm."""
        made = self._buffers(figure, view)
        self.canvas.context.enable(moderngl.DEPTH_TEST)
        from_light = shadow_matrix(figure.target, light)
        self._draw_shadow(made, from_light)
        frame = self.canvas.frame(pixels)
        frame.use()
        frame.clear(0, 0, 0, 0, depth=1.0)
        self._set_light(view, light, from_light)
        self._draw_all(made, figure, person, shot)
        colour, depth = read(frame, pixels)
        for group in made.values():
            for buffer in group.values():
                buffer.release()
        return colour, view.distance(depth)

    def _set_light(self, view: View, light: Light, from_light: Floats) -> None:
        self.shadow_texture.use(0)
        shared = {"light": light.direction, "key": light.key, "cube": light.cube, "softness": light.softness}
        for program in ("body", "cloth", "shell", "strand", "prop"):
            self.canvas.set(program, vp=view.matrix, eye=view.eye, light_vp=from_light, shadow_map=0, **shared)

    def _buffers(self, figure: Figure, view: View) -> dict[str, Buffers]:
        groups: dict[str, dict[str, Floats]] = {
            "body": {"position": figure.positions, "normal": figure.normals, "grow": figure.grow}
        }
        for number, strands in enumerate(figure.strands):
            groups[f"strands {number}"] = ribbons(strands, view.eye)
        if figure.props is not None:
            worn = figure.props
            groups["props"] = {"position": worn.positions, "normal": worn.normals, "uv": worn.uv}
            groups["props"] |= {"tint": worn.tint, "kind": worn.kind}
        made = {k: {name: self.canvas.values(v) for name, v in group.items()} for k, group in groups.items()}
        for number, strands in enumerate(figure.strands):
            made[f"strands {number}"]["index"] = self.canvas.index(ribbon_triangles(len(strands.points), STEPS))
        if figure.props is not None:
            made["props"]["index"] = self.canvas.index(figure.props.triangles)
        return made

    def _draw_all(self, made: dict[str, Buffers], figure: Figure, person: Person, shot: Shot) -> None:
        """Skin last: its costly shader then runs only where skin is seen."""
        if "props" in made:
            self.canvas.draw("prop", made["props"], made["props"]["index"])
        self._draw_strands(made, figure, person)
        self.canvas.context.enable(moderngl.CULL_FACE)
        body = self.fixed | made["body"]
        if person.hair_style in hair.LAYERS:
            look = {"curl": hair.CURL.get(person.hair_style, 0.0), "fuzz": 0.3, "hairline": person.hairline}
            look["thin"] = 0.35 if person.hair_style == "buzzed" else 0.0
            layers = hair.LAYERS[person.hair_style]
            self.canvas.set("shell", layers=float(layers), hair=linear(person.hair_rgb), **look)
            self.canvas.draw("shell", body, self.hair_index, layers)
        self._draw_cloth(body, shot)
        self.canvas.set("body", inflate=0.0, **skin_paint(person, shot))
        self.canvas.draw("body", body, self.body_index)
        self.canvas.context.disable(moderngl.CULL_FACE)

    def _draw_strands(self, made: dict[str, Buffers], figure: Figure, person: Person) -> None:
        self.canvas.set("strand", hair=linear(person.hair_rgb), heart=figure.heart, dark=0.55)
        for number in range(len(figure.strands)):
            buffers = made[f"strands {number}"]
            self.canvas.draw("strand", buffers, buffers["index"])

    def _draw_cloth(self, body: Buffers, shot: Shot) -> None:
        colours = cloth_colours(shot)
        layered = shot.garment in ("suit", "jacket", "vest")
        for layer, inflate in ((0, 0.05), (1, 0.10)) if layered else ((0, 0.075),):
            kind = words.WHOLE.garments.index(shot.garment)
            self.canvas.set("cloth", inflate=inflate, kind=kind, layer=layer, **colours)
            self.canvas.draw("cloth", body, self.cloth_index)

    def _draw_shadow(self, made: dict[str, Buffers], from_light: Floats) -> None:
        self.shadow.use()
        self.shadow.clear(depth=1.0)
        self.canvas.set("depth", vp=from_light)
        self.canvas.draw("depth", made["body"], self.body_index)
        for name, buffers in made.items():
            if name != "body":
                self.canvas.draw("depth", buffers, buffers["index"])


@cache
def renderer() -> Renderer:
    """The one renderer of this process."""
    return Renderer()


def _split(quads: Ints) -> Ints:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
