"""OpenGL without a display: draws one posed person to colour and coverage.

Needs EGL (Debian: libegl1, libgl1-mesa-dri; Mesa's software renderer will do). Knows no seeds and no words'
meaning beyond which shader switch they set.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import moderngl
import numpy as np

from gpu_worker.base_models.pocket.people import hair, shaders
from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.geometry import Surface, linear
from gpu_worker.base_models.pocket.people.mesh import Floats, Ints, mesh
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.shot import Shot

FOV = np.radians(20.0)  # a portrait lens
SHADOW_SIZE = 256  # pixels
EXPOSURE = 1.2  # of key and fill together; more burns pale skin out
CLOTH_KINDS = {name: number for number, name in enumerate(words.GARMENTS)}


@dataclass(frozen=True)
class Figure:
    """All geometry of one picture, posed."""

    positions: Floats  # (M, 3)
    normals: Floats  # (M, 3)
    grow: Floats  # (M, 3)
    props: Surface | None
    target: Floats  # (3,) what the camera looks at


class Renderer:
    """One OpenGL context with its programs and the buffers that never change."""

    def __init__(self) -> None:
        # its annotation asks for a dict where it takes each setting
        self.context = moderngl.create_context(standalone=True, backend="egl")  # type: ignore[arg-type]
        self.programs = {
            "body": self._program(shaders.BODY_VERTEX, shaders.BODY_FRAGMENT),
            "cloth": self._program(shaders.BODY_VERTEX, shaders.CLOTH_FRAGMENT),
            "shell": self._program(shaders.SHELL_VERTEX, shaders.SHELL_FRAGMENT),
            "prop": self._program(shaders.PROP_VERTEX, shaders.PROP_FRAGMENT),
            "depth": self._program(shaders.DEPTH_VERTEX, shaders.DEPTH_FRAGMENT),
        }
        body = mesh()
        scalp, beard, near = hair.roots()
        self.body_index = self._index(_split(body.quads))
        self.hair_index = self._index(_split(near))
        torso = (body.rest[body.quads][..., 1] < 6.4).all(axis=1) & (body.part[body.quads[:, 0]] < 0.5)
        self.cloth_index = self._index(_split(body.quads[torso]))
        self.static = {
            "rest": self._buffer(body.rest),
            "part": self._buffer(body.part),
            "masks": self._buffer(body.masks),
            "root": self._buffer(scalp),
            "beard": self._buffer(beard),
            "ear": self._buffer(body.masks[:, 2]),
        }
        depth = self.context.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        depth.compare_func = ""
        self.shadow = self.context.framebuffer(depth_attachment=depth)
        self.shadow_texture = depth
        self.targets: dict[int, moderngl.Framebuffer] = {}

    def render(self, figure: Figure, person: Person, shot: Shot, pixels: int) -> Floats:
        """Return RGBA (pixels, pixels, 4) in [0, 1]: display colours where something is, alpha 0 or 1."""
        moving = {"position": self._buffer(figure.positions), "normal": self._buffer(figure.normals)}
        moving["grow"] = self._buffer(figure.grow)
        camera, eye = _camera(figure.target, shot.span)
        light = _light_direction(shot)
        light_camera = _light_camera(figure.target, light)
        self._draw_shadow(figure, moving, light_camera)
        frame = self._frame(pixels)
        frame.use()
        self.context.enable(moderngl.DEPTH_TEST)
        frame.clear(0, 0, 0, 0, depth=1.0)
        self.shadow_texture.use(0)
        for program in ("body", "cloth", "shell", "prop"):
            self._set(program, vp=camera, eye=eye, light=light, light_vp=light_camera, shadow_map=0, **_lights(shot))
        if figure.props is not None:
            self._draw_props(figure.props)
        self.context.enable(moderngl.CULL_FACE)
        self._draw_hair(moving, figure, person)
        self._draw_cloth(moving, shot)
        self._draw_body(moving, person)  # last: its costly shader then runs only where skin is seen
        self.context.disable(moderngl.CULL_FACE)
        raw = np.frombuffer(frame.read(components=4, dtype="f1"), np.uint8).reshape(pixels, pixels, 4)
        for buffer in moving.values():
            buffer.release()
        return np.asarray(raw[::-1] / np.float32(255), np.float32)

    def _draw_body(self, moving: dict[str, moderngl.Buffer], person: Person) -> None:
        kind = person.beard
        self._set(
            "body",
            inflate=0.0,
            skin=linear(person.skin_rgb),
            hair=linear(person.hair_rgb),
            iris=linear(person.eye_rgb),
            brow=person.brow,
            beard=float(kind in ("beard", "stubble")),
            moustache=float(kind == "moustache"),
            goatee=float(kind == "goatee"),
            stubble=float(kind == "stubble"),
            freckles=float(person.freckles),
            scalp=float(person.hair_style != "bald"),
            years=(person.years - 20) / 55,
            lipstick=0.25 * (1 + person.seed % 3) if person.gender == "woman" else 0.0,
            hairline=person.hairline,
        )
        self._mesh("body", moving, ("position", "normal", "rest", "part", "masks", "root"), self.body_index)

    def _draw_cloth(self, moving: dict[str, moderngl.Buffer], shot: Shot) -> None:
        colour = linear(words.GARMENT_COLOURS[shot.garment_colour], 255)
        pale = linear((232, 232, 230), 255)
        second = pale if shot.garment == "suit" or colour.mean() < 0.6 else linear((40, 44, 70), 255)
        layers = ((0, 0.05), (1, 0.10)) if shot.garment == "suit" else ((0, 0.075),)
        for layer, inflate in layers:
            kind = CLOTH_KINDS[shot.garment]
            self._set("cloth", inflate=inflate, cloth=colour, second=second, kind=kind, layer=layer)
            self._mesh("cloth", moving, ("position", "normal", "rest", "part", "masks", "root"), self.cloth_index)

    def _draw_hair(self, moving: dict[str, moderngl.Buffer], figure: Figure, person: Person) -> None:
        names = ("position", "normal", "rest", "grow", "root", "ear")
        colour = linear(person.hair_rgb)
        style = person.hair_style
        if style != "bald":
            layers = hair.LAYERS[style]
            look = {"curl": hair.CURL.get(style, 0.0), "fuzz": 0.3, "hairline": person.hairline}
            self._set("shell", layers=float(layers), hair=colour, **look)
            self._mesh("shell", moving, names, self.hair_index, instances=layers)
        if person.beard == "beard":
            out = figure.normals * 0.10 + np.array([0, -0.03, 0.01], np.float32)
            with_beard = moving | {"grow": self._buffer(out.astype(np.float32))}
            self._set("shell", layers=6.0, hair=colour * 0.9, curl=0.5, fuzz=0.6, hairline=0.0)
            self._mesh("shell", with_beard, names, self.hair_index, instances=6, root="beard")
            with_beard["grow"].release()

    def _draw_props(self, props: Surface) -> None:
        arrays = {
            "position": props.positions,
            "normal": props.normals,
            "uv": props.uv,
            "tint": props.tint,
            "kind": props.kind,
        }
        buffers = {name: self._buffer(values) for name, values in arrays.items()}
        index = self._index(props.triangles)
        self._mesh("prop", buffers, tuple(arrays), index)
        for buffer in (*buffers.values(), index):
            buffer.release()

    def _draw_shadow(self, figure: Figure, moving: dict[str, moderngl.Buffer], light_camera: Floats) -> None:
        self.shadow.use()
        self.shadow.clear(depth=1.0)
        self.context.enable(moderngl.DEPTH_TEST)
        self._set("depth", vp=light_camera)
        self._mesh("depth", moving, ("position",), self.body_index)
        if np.abs(figure.grow).max() > 0:
            tips = {"position": self._buffer(figure.positions + 0.8 * figure.grow)}
            self._mesh("depth", tips, ("position",), self.hair_index)
            tips["position"].release()
        if figure.props is not None:
            solid = {"position": self._buffer(figure.props.positions)}
            index = self._index(figure.props.triangles)
            self._mesh("depth", solid, ("position",), index)
            solid["position"].release()
            index.release()

    def _mesh(
        self,
        program: str,
        buffers: dict[str, moderngl.Buffer],
        names: tuple[str, ...],
        index: moderngl.Buffer,
        instances: int = 1,
        root: str = "root",
    ) -> None:
        known = self.programs[program]
        all_buffers = self.static | {"root": self.static[root]} | buffers
        sizes = {"part": "1f", "root": "1f", "ear": "1f", "kind": "1f", "uv": "2f", "masks": "4f"}
        content = [(all_buffers[n], sizes.get(n, "3f"), n) for n in names if n in known]
        array = self.context.vertex_array(known, content, index)
        array.render(instances=instances)
        array.release()

    def _set(self, program: str, **values: Any) -> None:
        """Set uniforms; those that the compiler removed are passed over."""
        known = self.programs[program]
        for name, value in values.items():
            if name not in known:
                continue
            uniform = known[name]
            if isinstance(uniform, moderngl.Uniform):
                uniform.value = tuple(np.ravel(value).tolist()) if np.ndim(value) else value

    def _frame(self, pixels: int) -> moderngl.Framebuffer:
        if pixels not in self.targets:
            size = (pixels, pixels)
            self.targets[pixels] = self.context.framebuffer(
                [self.context.texture(size, 4)], self.context.depth_renderbuffer(size)
            )
        return self.targets[pixels]

    def _program(self, vertex: str, fragment: str) -> moderngl.Program:
        return self.context.program(vertex_shader=vertex, fragment_shader=fragment)

    def _buffer(self, values: Floats) -> moderngl.Buffer:
        return self.context.buffer(np.ascontiguousarray(values, np.float32).tobytes())

    def _index(self, triangles: Ints) -> moderngl.Buffer:
        return self.context.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())


@cache
def renderer() -> Renderer:
    """The one renderer of this process."""
    return Renderer()


def _split(quads: Ints) -> Ints:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _lights(shot: Shot) -> dict[str, Floats]:
    share = shot.light[2]
    key = np.array(shot.light_rgb, np.float32) * share * EXPOSURE
    fill = (1 - share) * EXPOSURE
    return {
        "key": key,
        "sky": np.array([0.98, 1.0, 1.06], np.float32) * fill,
        "ground": np.array([0.62, 0.58, 0.55], np.float32) * fill,
    }


def _light_direction(shot: Shot) -> Floats:
    azimuth, elevation = np.radians(shot.light[:2])
    flat = np.cos(elevation)
    return np.array([flat * np.sin(azimuth), np.sin(elevation), flat * np.cos(azimuth)], np.float32)


def _camera(target: Floats, span: float) -> tuple[Floats, Floats]:
    """Column-major view-projection and the eye, straight in front of the target."""
    distance = span / 2 / np.tan(FOV / 2)
    eye = target + np.array([0, 0, distance], np.float32)
    near, far = distance - 4, distance + 6
    scale = 1 / np.tan(FOV / 2)
    projection = np.zeros((4, 4))
    projection[0, 0] = projection[1, 1] = scale
    projection[2, 2], projection[2, 3] = -(far + near) / (far - near), -2 * far * near / (far - near)
    projection[3, 2] = -1
    view = np.eye(4)
    view[:3, 3] = -eye
    return np.asarray((projection @ view).T, np.float32), np.asarray(eye, np.float32)


def _light_camera(target: Floats, light: Floats) -> Floats:
    """Column-major orthographic matrix that sees 3 dm around the target from the light."""
    right = np.cross([0, 1, 0], light)
    right /= np.linalg.norm(right)
    turn = np.eye(4)
    turn[:3, :3] = [right, np.cross(light, right), light]
    move = np.eye(4)
    move[:3, 3] = -target
    scale = np.diag([1 / 3, 1 / 3, -1 / 4, 1.0])
    return np.asarray((scale @ turn @ move).T, np.float32)
