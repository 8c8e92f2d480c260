"""One OpenGL context without a display: programs, buffers, frames. Knows nothing of people.

Needs EGL (Debian: libegl1, libgl1-mesa-dri; Mesa's software renderer will do).
"""

from collections.abc import Mapping
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from gpu_worker.base_models.pocket.people.mesh import Floats, Ints

SIZES = {"part": "1f", "root": "1f", "ear": "1f", "kind": "1f", "uv": "2f", "masks": "4f", "look": "4f"}


class Canvas:
    """Compiles the named (vertex, fragment) programs and draws triangles with them."""

    def __init__(self, programs: Mapping[str, tuple[str, str]]) -> None:
        # its annotation asks for a dict where it takes each setting
        self.context = moderngl.create_context(standalone=True, backend="egl")  # type: ignore[arg-type]
        self.programs = {
            name: self.context.program(vertex_shader=vertex, fragment_shader=fragment)
            for name, (vertex, fragment) in programs.items()
        }
        self._frames: dict[int, moderngl.Framebuffer] = {}

    def set(self, program: str, **values: Any) -> None:
        """Set uniforms; those that the compiler removed are passed over."""
        known = self.programs[program]
        for name, value in values.items():
            if name not in known:
                continue
            uniform = known[name]
            assert isinstance(uniform, moderngl.Uniform)
            if np.ndim(value):
                uniform.write(np.ascontiguousarray(value, np.float32).tobytes())
            else:
                uniform.value = value

    def draw(
        self, program: str, arrays: Mapping[str, moderngl.Buffer], index: moderngl.Buffer, copies: int = 1
    ) -> None:
        """Draw `index`' triangles; arrays that the program does not read are passed over."""
        known = self.programs[program]
        content = [(values, SIZES.get(name, "3f"), name) for name, values in arrays.items() if name in known]
        vertices = self.context.vertex_array(known, content, index)
        vertices.render(instances=copies)
        vertices.release()

    def frame(self, pixels: int) -> moderngl.Framebuffer:
        """The colour and depth frame of this size, kept."""
        if pixels not in self._frames:
            size = (pixels, pixels)
            colour, depth = self.context.texture(size, 4), self.context.depth_renderbuffer(size)
            self._frames[pixels] = self.context.framebuffer([colour], depth)
        return self._frames[pixels]

    def shadow(self, pixels: int) -> tuple[moderngl.Framebuffer, moderngl.Texture]:
        """A frame of depth alone, and its texture."""
        depth = self.context.depth_texture((pixels, pixels))
        depth.compare_func = ""
        return self.context.framebuffer(depth_attachment=depth), depth

    def values(self, values: Floats) -> moderngl.Buffer:
        return self.context.buffer(np.ascontiguousarray(values, np.float32).tobytes())

    def index(self, triangles: Ints) -> moderngl.Buffer:
        return self.context.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())


def read(frame: moderngl.Framebuffer, pixels: int) -> tuple[Floats, Floats]:
    """Colours (pixels, pixels, 4) and the depth buffer (pixels, pixels), both in [0, 1], first row on top."""
    colour = np.frombuffer(frame.read(components=4, dtype="f1"), np.uint8).reshape(pixels, pixels, 4)
    depth: NDArray[np.float32] = np.frombuffer(frame.read(components=1, attachment=-1, dtype="f4"), np.float32).reshape(
        pixels, pixels
    )
    return np.asarray(colour[::-1] / np.float32(255), np.float32), depth[::-1].copy()
