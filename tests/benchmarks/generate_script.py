"""How a plain script draws with diffusers: the peers of the engine. `BASE_MODEL WEIGHTS OUT STEPS`, prompts on stdin.

Nothing of ours is imported, so that a process of it starts as fast as such a script does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

GUIDANCE = 7.5


def main() -> None:
    base_model, weights, out, steps = sys.argv[1:]
    prompts = sys.stdin.read().splitlines()
    draw(open_pipe(Path(base_model)), Path(weights), prompts, int(steps), Path(out))


def open_pipe(base_model: Path) -> Any:
    """The pipe with the sampler DDIM, float32."""
    pipe: Any = StableDiffusionPipeline.from_pretrained(base_model, safety_checker=None, dtype=torch.float32)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)  # type: ignore[no-untyped-call]
    pipe.set_progress_bar_config(disable=True)
    return pipe


def draw(pipe: Any, weights: Path, prompts: list[str], steps: int, out: Path, at_once: int = 1) -> None:
    """Load a customer's weights, call the pipe for the prompts one batch after the other, save as PNG."""
    pipe.load_lora_weights(weights)
    for start in range(0, len(prompts), at_once):
        batch = prompts[start : start + at_once]
        generators = [torch.Generator().manual_seed(start + number) for number in range(len(batch))]
        images = pipe(batch, num_inference_steps=steps, guidance_scale=GUIDANCE, generator=generators).images
        for number, image in enumerate(images, start):
            image.save(out / f"{number:03d}.png")


if __name__ == "__main__":
    main()
