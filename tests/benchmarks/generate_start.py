"""A worker's process that gets its first job of one image: `INPUTS STEPS cold|warm`, warm after it has warmed up.

Prints a line when it is ready, and one when the image is written and judged.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from gpu_worker.generate import GenerateConfig, generate_images, warm_up


def main() -> None:
    inputs, steps, state = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if state == "warm":
        warm_up({})
    print("ready", flush=True)
    with tempfile.TemporaryDirectory() as out:
        config = GenerateConfig(prompts=("a photo of a {token}",), num_inference_steps=steps)
        generate_images(inputs, Path(out), config)
    print("first image", flush=True)


if __name__ == "__main__":
    main()
