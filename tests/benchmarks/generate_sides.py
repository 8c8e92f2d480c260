"""Four ways to draw one customer's images, for the benchmark of the engine. Turns and ratios are not made here."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from gpu_worker.evidence.findings import Evidence
from gpu_worker.generate import GenerateConfig, generate_images, warm_up
from gpu_worker.generate.conditioning import Conditioning
from gpu_worker.generate.engine import engine
from gpu_worker.generate.plans import chosen_style, plan_images
from gpu_worker.generate.samplers import scheduler
from gpu_worker.prompt_language import FILLED, parse
from gpu_worker.sampler_names import Sampler
from tests.benchmarks import generate_script as script
from tests.benchmarks.generate_models import Load

SAMPLER: Sampler = "ddim"


class Unjudged:
    """Accepts every image: the peers judge none."""

    def judge(self, image: Any, prompt: str) -> Evidence:
        return Evidence({})


def config_of(load: Load, prompts: list[str]) -> GenerateConfig:
    return GenerateConfig(
        base_model=str(load.base_model),
        prompts=tuple(prompts),
        negative_prompt="",
        num_inference_steps=load.steps,
        guidance_scale=script.GUIDANCE,
        sampler=SAMPLER,
    )


def ours(load: Load, customer: int) -> float:
    """Seconds for all images of a customer through the stage itself: swap, encode, denoise, decode, files, record."""
    with tempfile.TemporaryDirectory() as out:
        begun = time.perf_counter()
        config = config_of(load, load.prompts(customer))
        generate_images(load.customers[customer], Path(out), config, judge=Unjudged())
        spent = time.perf_counter() - begun
        assert len(list(Path(out).glob("*.png"))) == load.images
    return spent


def warm(load: Load) -> None:
    """The engine has the base model in memory, and nothing of any customer."""
    warm_up({"base_model": str(load.base_model), "batch_size": load.images})


def floor(load: Load, customer: int) -> float:
    """Seconds of the bare loop: the same UNet, LoRA, batch and steps, with embeddings at hand, and decode."""
    config = config_of(load, load.prompts(customer))
    style = chosen_style(config)
    plans = plan_images(style, config, "sks", "person")
    with torch.no_grad(), engine().base_model(config.base_model, None) as held:
        held.wear(engine().subject(load.customers[customer] / "train"))
        prompts = [parse(plan.prompt, limits=FILLED) for plan in plans]
        guides = Conditioning(
            held.base.prompt_encoder(), prompts, [parse("", negative=True)] * len(plans), load.steps
        ).at(1)
        hidden = torch.stack(
            [*(each.negative.hidden for each in guides), *(each.parts[0][0].hidden for each in guides)]
        )
        latents = torch.randn(len(plans), held.base.unet.config.in_channels, *[held.base.unet.config.sample_size] * 2)
        spent = _loop(held, hidden, latents.to(held.base.unet.dtype), load.steps)
        held.wear(None)  # the engine has to put the customer on by itself
    return spent


@torch.inference_mode()
def _loop(held: Any, hidden: torch.Tensor, latents: torch.Tensor, steps: int) -> float:
    begun = time.perf_counter()
    sampler = scheduler(SAMPLER, held.scheduler_config)
    sampler.set_timesteps(steps)
    for timestep in sampler.timesteps:
        both = held.base.unet(torch.cat([latents, latents]), timestep, hidden, return_dict=False)[0]
        against, towards = both.chunk(2)
        latents = sampler.step(against + script.GUIDANCE * (towards - against), timestep, latents, return_dict=False)[0]
    held.base.vae.decode(latents / held.base.vae.config.scaling_factor, return_dict=False)
    return time.perf_counter() - begun


class ResidentPipe:
    """One pipe of diffusers for all customers, with load_lora_weights and unload_lora_weights around each."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._pipe = script.open_pipe(load.base_model)

    def draw(self, customer: int, at_once: int = 1) -> float:
        """Seconds for a customer's images, `at_once` prompts in a batch."""
        load = self._load
        with tempfile.TemporaryDirectory() as out:
            begun = time.perf_counter()
            weights = load.customers[customer] / "train"
            script.draw(self._pipe, weights, texts(load, customer), load.steps, Path(out), at_once)
            self._pipe.unload_lora_weights()
            return time.perf_counter() - begun


def new_process(load: Load, customer: int) -> float:
    """Seconds of a process that imports, loads the pipe, draws one customer's images, ends."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "tests.benchmarks.generate_script", str(load.base_model)]
        command += [str(load.customers[customer] / "train"), out, str(load.steps)]
        begun = time.perf_counter()
        subprocess.run(
            command, input="\n".join(texts(load, customer)), text=True, check=True, stderr=subprocess.DEVNULL
        )
        spent = time.perf_counter() - begun
        assert len(list(Path(out).glob("*.png"))) == load.images
    return spent


def texts(load: Load, customer: int) -> list[str]:
    return [prompt.replace("{token}", "sks person") for prompt in load.prompts(customer)]
