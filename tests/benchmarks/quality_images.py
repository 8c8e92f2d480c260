"""Images to judge weights by, drawn by the stage `generate`, which here throws none away. No scores.

The same prompts have the same seeds whatever is worn, so that recipes differ by what was learnt.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpu_worker.evidence.findings import SCORES, Evidence
from gpu_worker.generate import GenerateConfig, generate_images
from gpu_worker.stage import OnStep
from gpu_worker.subject_match import read_images
from tests.benchmarks.quality_prompts import Prompt
from tests.benchmarks.quality_scale import IMAGE_STEPS, SEED

CLASS_PROMPT = "a photo of a {token}"
CLASS_SEED = 90_000  # of the images that drift is measured by; class images of trainings have small seeds

Images = NDArray[np.uint8]  # (N, H, W, 3)


class AcceptsAll:
    """Judges nothing: whoever throws bad images away measures his judge."""

    def judge(self, image: np.ndarray, prompt: str) -> Evidence:
        return Evidence(dict.fromkeys(SCORES))


class Artist:
    """Draws with one base model; `on_step` may stop it."""

    def __init__(self, base_model: str, on_step: OnStep) -> None:
        self.base_model, self._on_step = base_model, on_step

    def of_prompts(
        self, subject: Path | None, class_noun: str, asked: Sequence[Prompt], each: int, out: Path
    ) -> Images:
        """`each` images of each prompt, in order; `subject` is a folder of weights, None: the base model alone."""
        texts = tuple(prompt.text for prompt in asked)
        return self._draw(subject, class_noun, texts, each, SEED, out)

    def of_class(self, subject: Path | None, class_noun: str, count: int, out: Path) -> Images:
        """Of the class noun; `subject` has no identifier."""
        return self._draw(subject, class_noun, (CLASS_PROMPT,), count, CLASS_SEED, out)

    def _draw(
        self, subject: Path | None, class_noun: str, texts: tuple[str, ...], each: int, seed: int, out: Path
    ) -> Images:
        """The stage finds a subject in its inputs' folder `train`."""
        if subject is not None and subject.name != "train":
            raise ValueError(f"{subject} must be called train")
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        inputs = out / "no-inputs" if subject is None else subject.parent
        config = GenerateConfig(
            base_model=self.base_model,
            prompts=texts,
            num_images_per_prompt=each,
            num_inference_steps=IMAGE_STEPS,
            class_noun=class_noun,
            seed=seed,
        )
        generate_images(inputs, out, config, on_step=self._on_step, judge=AcceptsAll())
        return read_images(out)
