"""A worker's process that gets a job of one image at once, and then, warm, another: `INPUTS STEPS`.

Prints a line when the first image is written, and the seconds that the second one took.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from gpu_worker.generate import GenerateConfig, generate_images
from tests.benchmarks.generate_sides import Unjudged


def main() -> None:
    inputs, steps = Path(sys.argv[1]), int(sys.argv[2])
    _draw(inputs, steps, "a photo of a {token}")
    print("first image", flush=True)
    begun = time.perf_counter()
    _draw(inputs, steps, "a photo of a {token}, smiling")
    print(time.perf_counter() - begun, flush=True)


def _draw(inputs: Path, steps: int, prompt: str) -> None:
    with tempfile.TemporaryDirectory() as out:
        config = GenerateConfig(prompts=(prompt,), num_inference_steps=steps)
        generate_images(inputs, Path(out), config, judge=Unjudged())


if __name__ == "__main__":
    main()
