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

Family = Literal["pocket", "stable-diffusion"]
TOKEN = "{token}"  # noqa: S105  # where a style's prompt names the subject


def _readable(text: str) -> str:
    try:
        parse(text)
    except BadPrompt as refused:
        raise ValueError(refused.sentence) from refused
    return text


class Prompt(BaseModel):
    """What one image shows, and what it should not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Annotated[str, AfterValidator(_readable)] = Field(min_length=1, max_length=2000, pattern=re.escape(TOKEN))
    negative_prompt: str | None = None  # None: the style's


class Style(BaseModel):
    """A named set of prompts and how they are best drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    base_models: tuple[Family, ...]
    prompts: tuple[Prompt, ...] = Field(min_length=1)
    negative_prompt: str = ""
    num_inference_steps: int = Field(default=30, ge=1, le=200)
    guidance_scale: float = Field(default=7.5, ge=1, le=20)
    sampler: Literal["ddim", "dpm++", "euler"] | None = None  # None: the base model's own


def style_names() -> list[str]:
    """All styles there are."""
    folder = resources.files("gpu_worker") / "styles"
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


@cache
def load_style(name: str) -> Style:
    """Read a style; raise BadStyle with `unknown_style`."""
    if name not in style_names():
        raise BadStyle("unknown_style", f"There is no style {name!r}; there are {', '.join(style_names())}.")
    return Style.model_validate_json((resources.files("gpu_worker") / "styles" / f"{name}.json").read_text())


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
