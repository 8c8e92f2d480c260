"""What the API answers about styles, as pydantic models. Everything else it takes and answers is in schemas."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from photogen_tasks import styles
from photogen_tasks.styles import Style


class StyleOut(BaseModel):
    """A named set of prompts and how the base model draws it. Null: the base model's own."""

    name: str = Field(examples=["demo"])
    title: str = Field(examples=["A bit of everything"])
    description: str = Field(examples=["Eight very different pictures, from the beach to outer space."])
    category: str = Field(examples=["portraits"])
    prompts: int = Field(description="How many; each draws `num_images_per_prompt` images.", examples=[8])
    seeds: Literal["job", "same"] = Field(
        description="`job`: image n takes seed + n. `same`: every prompt has the same seeds, for comparing prompts."
    )
    sampler: str | None = Field(examples=["dpm++ 2m karras"])
    num_inference_steps: int = Field(examples=[30])
    guidance_scale: float = Field(examples=[7.0])
    width: int | None = Field(description="In px, before upscaling.", examples=[None])
    height: int | None = Field(examples=[None])
    preview: str | None = Field(
        description="Path of a picture of it, to ask for with your key; null: there is none.",
        examples=["/v1/styles/demo/preview"],
    )

    @classmethod
    def of(cls, style: Style) -> StyleOut:
        return cls.model_validate(_told(style))


class StylePromptOut(BaseModel):
    """One of a style's prompts, `{token}` the subject. A null `negative_prompt` is the style's."""

    prompt: str = Field(examples=["photo of {token} in front of the Eiffel Tower, (golden hour:1.1)"])
    negative_prompt: str | None


class WholeStyleOut(StyleOut):
    """A style with all its prompts, to begin one's own from."""

    texts: list[StylePromptOut]
    negative_prompt: str = Field(examples=["blurry, low quality"])

    @classmethod
    def of(cls, style: Style) -> WholeStyleOut:
        texts = [prompt.model_dump() for prompt in style.prompts]
        return cls.model_validate(_told(style) | {"texts": texts, "negative_prompt": style.negative_prompt})


class StylesOut(BaseModel):
    styles: list[StyleOut]


def _told(style: Style) -> dict[str, object]:
    drawn = styles.preview(style.name) is not None
    told = style.model_dump(exclude={"prompts", "negative_prompt"})
    path = f"/v1/styles/{style.name}/preview" if drawn else None
    return told | {"prompts": len(style.prompts), "preview": path}
