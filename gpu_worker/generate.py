"""The stage `generate`: images of the subject, or of the base model's people when no weights are given.

Nothing is trained, judged or enlarged here.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field

from gpu_worker.base_models.family import BaseModel
from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.conditioning import Conditioning
from gpu_worker.denoising import Drawing, denoise
from gpu_worker.device import pick_device, telling_out_of_memory
from gpu_worker.errors import BadStyle
from gpu_worker.images import write_png
from gpu_worker.loras import Loras
from gpu_worker.prompt_language import FILLED, parse
from gpu_worker.prompt_language import Prompt as ReadPrompt
from gpu_worker.prompts import TOKEN, Prompt, Style, fill, load_style
from gpu_worker.stage import OnStep, StageConfig, silent
from gpu_worker.weights import is_pocket, load_subject, open_base_model

SAMPLERS = {  # names that people know → diffusers' classes
    "ddim": "DDIMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
}


class GenerateConfig(StageConfig):
    """What is drawn and how; None takes the style's value, or the base model's size.

    Prompts are in the language of AUTOMATIC1111: see prompt_language.
    """

    base_model: str = str(WEIGHTS)
    revision: str | None = None
    style: str = "demo"
    prompts: tuple[str, ...] = ()  # instead of the style's; each contains {token}
    negative_prompt: str | None = None
    num_images_per_prompt: int = Field(default=1, ge=1, le=64)
    num_inference_steps: int | None = Field(default=None, ge=1, le=200)
    guidance_scale: float | None = Field(default=None, ge=1, le=20)
    sampler: Literal["ddim", "dpm++", "euler"] | None = None
    width: int | None = Field(default=None, ge=8, multiple_of=8)  # px
    height: int | None = Field(default=None, ge=8, multiple_of=8)  # px
    class_noun: str = "person"  # only without a subject: else what it was trained as
    seed: int = Field(default=0, ge=0)
    batch_size: int = Field(default=8, ge=1)  # images drawn at once
    loras: Path | None = None  # folder with NAME.safetensors for each <lora:NAME:1>


@dataclass(frozen=True)
class Plan:
    """One image to draw."""

    prompt_index: int
    prompt: str
    negative_prompt: str
    seed: int


def generate_images(inputs: Path, outputs: Path, config: GenerateConfig, *, on_step: OnStep | None = None) -> None:
    """Draw `num_images_per_prompt` images for each prompt, with the subject's weights in inputs/train.

    Without inputs/train the base model draws them, the class noun standing for the subject. Writes
    outputs/NNN.png and outputs/images.json. Image n has the seed `seed` + n, from 0; equal settings on one
    machine give equal bytes. Raises BadStyle, BadPrompt, BadWeights, OutOfMemory.
    """
    style = _style(config)
    _check_prompts(style, config)
    with telling_out_of_memory():
        device = pick_device()
        dtype = torch.float16 if device.type == "cuda" else torch.float32
        base = open_base_model(config.base_model, config.revision, device, dtype)
        identifier, class_noun = "", config.class_noun
        has_subject = (inputs / "train").is_dir()
        if has_subject:
            trained = load_subject(base, inputs / "train")["config"]
            identifier, class_noun = trained["identifier"], trained["class_noun"]
        plans = _plans(style, config, identifier, class_noun)
        pipe = _pipe(base, config.sampler or style.sampler)
        loras = Loras(pipe, config.loras, has_subject=has_subject)
        _draw(base, pipe, loras, plans, style, config, outputs, on_step or silent)


def _style(config: GenerateConfig) -> Style:
    """The style with the customer's own prompts, if there are any."""
    style = load_style(config.style)
    if config.prompts:
        if any(TOKEN not in prompt for prompt in config.prompts):
            raise BadStyle("prompt_without_token", f"Every prompt must name the subject as {TOKEN}.")
        return style.model_copy(update={"prompts": tuple(Prompt(prompt=text) for text in config.prompts)})
    if ("pocket" if is_pocket(config.base_model) else "stable-diffusion") not in style.base_models:
        raise BadStyle("unsuited_style", f"The style {config.style!r} does not suit the base model.")
    return style


def _check_prompts(style: Style, config: GenerateConfig) -> None:
    """Before any weights are read. Raises BadPrompt."""
    for prompt in style.prompts:
        parse(prompt.prompt)
        parse(_negative(prompt, style, config), negative=True)


def _negative(prompt: Prompt, style: Style, config: GenerateConfig) -> str:
    told = (config.negative_prompt, prompt.negative_prompt)
    return next((negative for negative in told if negative is not None), style.negative_prompt)


def _plans(style: Style, config: GenerateConfig, identifier: str, class_noun: str) -> list[Plan]:
    plans: list[Plan] = []
    for index, prompt in enumerate(style.prompts):
        text = fill(prompt.prompt, identifier, class_noun)
        negative = _negative(prompt, style, config)
        for _ in range(config.num_images_per_prompt):
            plans.append(Plan(index, text, negative, config.seed + len(plans)))
    return plans


def _pipe(base: Any, sampler: str | None) -> Any:
    import diffusers

    pipe = base.pipe()
    if sampler:
        pipe.scheduler = getattr(diffusers, SAMPLERS[sampler]).from_config(pipe.scheduler.config)
    return pipe


def _draw(
    base: BaseModel,
    pipe: Any,
    loras: Loras,
    plans: list[Plan],
    style: Style,
    config: GenerateConfig,
    outputs: Path,
    on_step: OnStep,
) -> None:
    told: list[dict[str, Any]] = []
    steps = config.num_inference_steps or style.num_inference_steps
    guidance = config.guidance_scale or style.guidance_scale
    drawing = Drawing(steps, guidance, config.width, config.height)
    prompts = [parse(plan.prompt, limits=FILLED) for plan in plans]
    for prompt in prompts:
        loras.check(prompt.loras)
    for batch in _batches(prompts, config.batch_size):
        start, wanted = batch[0], [plans[number] for number in batch]
        negatives = [parse(plan.negative_prompt, negative=True) for plan in wanted]
        loras.use(prompts[start].loras)
        conditioning = Conditioning(base.prompt_encoder(), [prompts[n] for n in batch], negatives, steps)
        report = _after_step(start, len(batch), len(plans), steps, on_step)
        images = denoise(pipe, [plan.seed for plan in wanted], conditioning.at, drawing, report)
        for number, plan, image in zip(batch, wanted, images, strict=True):
            pixels = (image * 255).round().astype("uint8")
            name = f"{number + 1:03d}.png"
            write_png(pixels, outputs / name)
            told.append({"file": name, **vars(plan), "width": pixels.shape[1], "height": pixels.shape[0]})
    (outputs / "images.json").write_text(json.dumps({"images": told}, indent=1))


def _batches(prompts: Sequence[ReadPrompt], size: int) -> Iterator[list[int]]:
    """Numbers of images that are drawn at once: neighbours with the same LoRAs."""
    for _, alike in groupby(range(len(prompts)), lambda number: prompts[number].loras):
        numbers = list(alike)
        yield from (numbers[start : start + size] for start in range(0, len(numbers), size))


def _after_step(start: int, count: int, total: int, steps: int, on_step: OnStep) -> Callable[[int], None]:
    """This batch's inference steps as a share of all images."""

    def report(step: int) -> None:
        progress = (start + count * step / steps) / total
        on_step(min(1.0, progress), f"images {start + 1}-{start + count}/{total} inference step {step}/{steps}")

    return report
