"""Settings of the stage `generate`. Nothing is drawn here."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.evidence.limits import Limits
from gpu_worker.generate.memory import Decoding
from gpu_worker.sampler_names import LCM_STEPS, Sampler
from gpu_worker.stage import StageConfig


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
    sampler: Sampler | None = None
    width: int | None = Field(default=None, ge=8, le=2048, multiple_of=8)  # px
    height: int | None = Field(default=None, ge=8, le=2048, multiple_of=8)  # px
    class_noun: str = "person"  # only without a subject: else what it was trained as
    seed: int = Field(default=0, ge=0)
    batch_size: int = Field(default=8, ge=1)  # images drawn at once
    precision: Literal["fp32", "fp16", "bf16"] | None = None  # None: what the device is fast at
    decoding: Decoding | None = None  # None: as the free memory allows
    compiled: bool = False  # let torch compile the unet: minutes once, then faster on most gpus
    engine_memory: float | None = Field(default=None, gt=0)  # GiB for all base models that stay loaded; None: a share
    loras: Path | None = None  # folder with NAME.safetensors for each <lora:NAME:1>
    hires_scale: float | None = Field(default=None, gt=1, le=4)  # a second pass at this many times the size
    hires_strength: float = Field(default=0.5, gt=0, le=1)  # share of the noise levels that the second pass goes back
    face_pass: bool = False  # draw each face again at a higher resolution
    face_strength: float = Field(default=0.4, gt=0, le=1)
    limits: Limits = Limits()  # of what may be delivered
    clip_weights: Path | None = None  # folder of a CLIP network that compares images with prompts
    draws_per_image: int = Field(default=3, ge=1, le=10)  # for each image wanted, before it is given up

    @model_validator(mode="after")
    def _few_lcm_steps(self) -> Self:
        if self.sampler == "lcm" and (self.num_inference_steps or 0) > LCM_STEPS:
            raise ValueError(f"num_inference_steps: the sampler lcm takes at most {LCM_STEPS}")
        return self
