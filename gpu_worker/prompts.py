"""Prompts and the styles that hold them.

No model is asked here and nothing is drawn.
"""

import re
from functools import cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gpu_worker.errors import BadPrompt, BadStyle
from gpu_worker.prompt_language import parse
from gpu_worker.sampler_names import Sampler

Family = Literal["pocket", "stable-diffusion"]
Category = Literal["portraits", "work", "travel", "outdoors", "evening", "times", "stories", "art", "fun"]
Seeds = Literal["job", "same"]
TOKEN = "{token}"  # noqa: S105  # where a style's prompt names the subject


def _readable(text: str) -> str:
    try:
        parse(text)
    except BadPrompt as refused:
        raise ValueError(refused.sentence) from refused
    return text


def _readable_negative(text: str) -> str:
    try:
        parse(text, negative=True)
    except BadPrompt as refused:
        raise ValueError(refused.sentence) from refused
    return text


class Prompt(BaseModel):
    """What one image shows, and what it should not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Annotated[str, AfterValidator(_readable)] = Field(min_length=1, max_length=2000, pattern=re.escape(TOKEN))
    negative_prompt: Annotated[str, AfterValidator(_readable_negative)] | None = None  # None: the style's


class Recipe(BaseModel):
    """How one family of base models draws a style. None: the base model's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompts: tuple[Prompt, ...] = Field(min_length=1, max_length=16)
    negative_prompt: Annotated[str, AfterValidator(_readable_negative)] = ""
    num_inference_steps: int = Field(default=30, ge=1, le=150)
    guidance_scale: float = Field(default=7.5, ge=1, le=20)
    sampler: Sampler | None = None
    width: int | None = Field(default=None, ge=64, le=1536, multiple_of=8)  # px
    height: int | None = Field(default=None, ge=64, le=1536, multiple_of=8)  # px


class Style(Recipe):
    """A named set of prompts and how one family draws them best; `base_models` are all families that it suits.

    `seeds`: image n of a job has the seed `seed` + n ("job"), or every prompt has the same seeds, so that prompts can
    be compared ("same"). `painted`: its images are no photographs, so no face network can say whose face they show.
    """

    title: str
    description: str
    category: Category
    seeds: Seeds
    painted: bool
    base_models: tuple[Family, ...]

    def seed_offset(self, number: int, images_per_prompt: int) -> int:
        """What the `number`-th image of a job, from 0, adds to the job's seed."""
        return number if self.seeds == "job" else number % images_per_prompt


class StyleFile(BaseModel):
    """A style as its file has it: a recipe for each family that it suits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=3, max_length=40)
    description: str = Field(max_length=160, pattern=r"^[A-Z][^.!?]+\.$")  # one sentence
    category: Category
    seeds: Seeds = "job"
    painted: bool = False
    base_models: dict[Family, Recipe] = Field(min_length=1)

    def on(self, family: Family) -> Style:
        """The style as this family, one of `base_models`, draws it."""
        told = self.model_dump(exclude={"base_models"})
        return Style(**told, base_models=tuple(self.base_models), **self.base_models[family].model_dump())


def style_names() -> list[str]:
    """All styles there are."""
    folder = resources.files("gpu_worker") / "styles"
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


def load_style(name: str, family: Family | None = None) -> Style:
    """A style as this family draws it; None: as the first that it suits.

    Raises BadStyle with `unknown_style`, or `unsuited_style` when it does not suit the family.
    """
    style = style_file(name)
    if family is None:
        family = next(iter(style.base_models))
    if family not in style.base_models:
        raise BadStyle("unsuited_style", f"The style {name!r} does not suit the base model.")
    return style.on(family)


@cache
def style_file(name: str) -> StyleFile:
    """Read a style's file; raise BadStyle with `unknown_style`."""
    if name not in style_names():
        raise BadStyle("unknown_style", f"There is no style {name!r}; there are {', '.join(style_names())}.")
    return StyleFile.model_validate_json((resources.files("gpu_worker") / "styles" / f"{name}.json").read_text())


def fill(prompt: str, identifier: str, class_noun: str) -> str:
    """Put the subject into a prompt: {identifier}, {class_noun}, and {token} for both.

    An empty identifier leaves the class noun alone, for images of the base model. Other braces stay as they
    are: a customer's prompt is text, never a format.
    """
    values = {
        "identifier": identifier,
        "class_noun": class_noun,
        "token": f"{identifier} {class_noun}".strip(),
    }
    filled = re.sub(r"\{(identifier|class_noun|token)\}", lambda match: values[match[1]], prompt)
    return filled if identifier else re.sub(r" {2,}", " ", filled)
