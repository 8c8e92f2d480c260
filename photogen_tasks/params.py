"""JobParams: the one model that crosses the wall, from the API's input to the stage's plain mapping."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from photogen_tasks.prompts import readable, readable_negative
from photogen_tasks.stages import JobKind

# No control characters: PostgreSQL refuses NUL, and terminals obey some of the others.
PLAIN = r"^[^\x00-\x1f\x7f]*$"
PromptText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=PLAIN),
    AfterValidator(readable),
]
NegativeText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=2000, pattern=PLAIN),
    AfterValidator(readable_negative),
]
# As gpu_worker.sampler_names has them, which the API does not load; a test holds both together.
Sampler = Literal["ddim", "dpm++", "dpm++ 2m", "dpm++ 2m karras", "euler", "euler a", "lcm", "unipc"]
STYLE_NAME = r"^[a-z0-9-]{1,40}$"
StyleName = Annotated[str, StringConstraints(pattern=STYLE_NAME)]
Side = Annotated[int, Field(ge=64, le=1536, multiple_of=8)]  # px
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z ]{0,23}$")]
MAX_PHOTOS = 20  # DreamBooth gains nothing beyond; the upload page says the same
MAX_IMAGES = 64  # per job; a cap on what one call may cost
MOST_DRAWS = 10  # of each image; every draw has a seed of its own, and a row holds 31 bits of it
MAX_PIXELS = 1536 * 1536  # of an image as it is drawn, 2.4 megapixels; a gpu's memory ends beyond
OWN_SIDE = 1024  # px; the largest that base models draw by themselves
HIRES_SCALE = 1.5
LCM_STEPS = 50  # those it was distilled from


class JobParams(BaseModel):
    """What the customer wants. Unknown fields are refused; every value has a bound."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: JobKind = JobKind.PORTRAIT
    class_noun: Word = Field("person", description="What the subject is called: man, woman, person.")
    style: StyleName = "demo"
    prompts: tuple[PromptText, ...] = Field(
        (),
        max_length=16,
        description="Instead of a style; {token} is the subject. In AUTOMATIC1111's language: `(x:1.3)`, `[a:b:0.5]`, "
        "`[a|b]`, `AND`, `BREAK`, `<lora:name:1>`.",
    )
    num_images_per_prompt: int = Field(1, ge=1, le=8)
    negative_prompt: NegativeText | None = Field(None, description="What images should not show, for the style's own.")
    sampler: Sampler | None = Field(None, description="Default: the style's, or the base model's own.")
    num_inference_steps: int | None = Field(None, ge=1, le=150, description="Default: the style's.")
    guidance_scale: float | None = Field(None, ge=1, le=20, description="Default: the style's.")
    width: Side | None = Field(
        None, description="In px, before `hires`. Default: the style's, or the base model's own."
    )
    height: Side | None = Field(None, description="As `width`.")
    hires: bool = Field(False, description=f"Draw in two passes, the second at {HIRES_SCALE} times the size.")
    face_pass: bool = Field(False, description="Draw each face once more at a higher resolution.")
    seed: int = Field(
        0,
        ge=0,
        lt=2**31 - MOST_DRAWS * MAX_IMAGES,
        description="Image n takes seed + n, unless the style gives every prompt the same seeds.",
    )
    few_photos: bool = Field(False, description="One good photo is enough: more are made of it.")
    method: Literal["lora", "full", "pivotal"] | None = Field(None, description="Default: the base model's own.")
    max_train_steps: int | None = Field(None, ge=1, le=4000)

    @model_validator(mode="after")
    def _bounded_cost(self) -> JobParams:
        if len(self.prompts) * self.num_images_per_prompt > MAX_IMAGES:
            raise ValueError(f"prompts, num_images_per_prompt: at most {MAX_IMAGES} images a job")
        return self

    @model_validator(mode="after")
    def _few_lcm_steps(self) -> JobParams:
        if self.sampler == "lcm" and (self.num_inference_steps or 0) > LCM_STEPS:
            raise ValueError(f"num_inference_steps: the sampler lcm takes at most {LCM_STEPS}")
        return self

    @model_validator(mode="after")
    def _bounded_size(self) -> JobParams:
        pixels = (self.width or OWN_SIDE) * (self.height or OWN_SIDE) * (HIRES_SCALE**2 if self.hires else 1)
        if pixels > MAX_PIXELS:
            raise ValueError(f"width, height, hires: an image has at most {MAX_PIXELS} pixels as it is drawn")
        return self
