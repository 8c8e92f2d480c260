"""Images drawn together: one job's plans across its prompts, on a loaded base model that wears the subject.

No file is written and nothing is judged here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_worker.generate.conditioning import Conditioning
from gpu_worker.generate.config import GenerateConfig
from gpu_worker.generate.denoising import Drawing, denoise
from gpu_worker.generate.engine import Resident
from gpu_worker.generate.face_pass import redraw_faces
from gpu_worker.generate.hires import enlarge
from gpu_worker.generate.memory import decode_as, decoding, free_memory
from gpu_worker.generate.named_loras import read
from gpu_worker.generate.plans import Plan
from gpu_worker.generate.samplers import scheduler, title
from gpu_worker.generate.subjects import Subject
from gpu_worker.prompt_language import FILLED, Lora, parse
from gpu_worker.prompts import Style

Step = Callable[[int, int], None]  # inference steps done, of how many


@dataclass(frozen=True)
class Drawn:
    """One image, uint8 (H, W, 3), and how it came about. `faces`: how many were drawn again."""

    plan: Plan
    pixels: NDArray[np.uint8]
    faces: int = 0


class Painter:
    """Draws one job's plans on one base model."""

    def __init__(self, resident: Resident, subject: Subject | None, style: Style, config: GenerateConfig) -> None:
        self._resident = resident
        self._subject = subject
        self._config = config
        self._sampler = config.sampler or style.sampler
        self.sampler_title = title(self._sampler, resident.scheduler_config)
        side = resident.base.resolution
        self._size = (config.width or style.width or side, config.height or style.height or side)
        self.drawing = Drawing(
            config.num_inference_steps or style.num_inference_steps,
            config.guidance_scale or style.guidance_scale,
            *self._size,
        )
        vae = resident.base.vae
        width, height = (round(length * (config.hires_scale or 1)) for length in self._size)
        # Chosen once for all batches: tiles show in the pixels.
        self.decoding = config.decoding or decoding(vae, config.batch_size, width, height, free_memory(vae.device))

    def batches(self, plans: Sequence[Plan]) -> Iterator[list[Plan]]:
        """Plans that are drawn at once: those with the same LoRAs, in order."""
        alike: dict[tuple[Lora, ...], list[Plan]] = {}
        for plan in plans:
            alike.setdefault(parse(plan.prompt, limits=FILLED).loras, []).append(plan)
        size = self._config.batch_size
        for group in alike.values():
            yield from (group[start : start + size] for start in range(0, len(group), size))

    def draw(self, plans: Sequence[Plan], on_step: Step) -> list[Drawn]:
        """One image for each plan; all have the same LoRAs. Raises BadPrompt, BadWeights, OutOfMemory."""
        prompts = [parse(plan.prompt, limits=FILLED) for plan in plans]
        self._resident.wear(self._subject, read(prompts[0].loras, self._config.loras))
        pipe = self._ready()
        negatives = [parse(plan.negative_prompt, negative=True) for plan in plans]
        guides = Conditioning(self._resident.encoder, prompts, negatives, self.drawing.steps)
        images, faces = self._passes(pipe, [plan.seed for plan in plans], guides, on_step)
        return [
            Drawn(plan, (image * 255).round().astype(np.uint8), redrawn)
            for plan, image, redrawn in zip(plans, images, faces, strict=True)
        ]

    def _passes(
        self, pipe: Any, seeds: list[int], guides: Conditioning, on_step: Step
    ) -> tuple[NDArray[np.float32], list[int]]:
        """The first pass, and those that the settings ask for; how many faces were drawn again in each image."""
        config, drawing = self._config, self.drawing
        wanted = 1 + (config.hires_scale is not None) + config.face_pass

        def report(number: int) -> Callable[[int], None]:
            return lambda step: on_step(number * drawing.steps + step, wanted * drawing.steps)

        images, faces = denoise(pipe, seeds, guides.at, drawing, report(0)), [0] * len(seeds)
        if config.hires_scale is not None:
            images = enlarge(
                pipe, images, seeds, guides.at, drawing, config.hires_scale, config.hires_strength, report(1)
            )
        if config.face_pass:
            images, faces = redraw_faces(
                pipe, images, seeds, guides.at, drawing, config.face_strength, report(wanted - 1)
            )
        return images, faces

    def _ready(self) -> Any:
        """diffusers' pipe with this job's sampler."""
        pipe = self._resident.pipe
        pipe.scheduler = scheduler(self._sampler, self._resident.scheduler_config)
        decode_as(pipe.vae, self.decoding)
        return pipe
