"""JobParams: the one model that crosses the wall, from the API's input to the stage's plain mapping."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from photogen_tasks.prompts import readable
from photogen_tasks.stages import JobKind

# No control characters: PostgreSQL refuses NUL, and terminals obey some of the others.
PromptText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00-\x1f\x7f]*$"),
    AfterValidator(readable),
]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z ]{0,23}$")]
MAX_PHOTOS = 20  # DreamBooth gains nothing beyond; the upload page says the same
MAX_IMAGES = 64  # per job; a cap on what one call may cost


class JobParams(BaseModel):
    """What the customer wants. Unknown fields are refused; every value has a bound."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: JobKind = JobKind.PORTRAIT
    class_noun: Word = Field("person", description="What the subject is called: man, woman, person.")
    style: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")] = "demo"
    prompts: tuple[PromptText, ...] = Field(
        (),
        max_length=16,
        description="Instead of a style; {token} is the subject. In AUTOMATIC1111's language: `(x:1.3)`, `[a:b:0.5]`, "
        "`[a|b]`, `AND`, `BREAK`, `<lora:name:1>`.",
    )
    num_images_per_prompt: int = Field(1, ge=1, le=8)
    seed: int = Field(0, ge=0, lt=2**31 - MAX_IMAGES, description="Image n takes seed + n.")
    few_photos: bool = Field(False, description="One good photo is enough: more are made of it.")
    method: Literal["lora", "full"] | None = Field(None, description="Default: the base model's own.")
    max_train_steps: int | None = Field(None, ge=1, le=4000)

    @model_validator(mode="after")
    def _bounded_cost(self) -> JobParams:
        if len(self.prompts) * self.num_images_per_prompt > MAX_IMAGES:
            raise ValueError(f"at most {MAX_IMAGES} images a job")
        return self
