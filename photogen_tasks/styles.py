"""The catalogue of styles as the API sees it, and their previews. Data files only; no model is loaded."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from photogen_tasks.config import settings
from photogen_tasks.errors import UsageError

POCKET, STABLE_DIFFUSION = "pocket", "stable-diffusion"  # the families, as the files name them
POCKET_SIDE = 192  # px; pocket has learnt 128, and beyond this it draws two heads
DRAWN_BY = "StableDiffusionPipeline"  # diffusers' class of the base models that the resident engine draws with
PREVIEW_SUFFIXES = (".jpg", ".png")


class StylePrompt(BaseModel):
    """What one image shows, and what it should not; None: the style's."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    prompt: str
    negative_prompt: str | None = None


class Style(BaseModel):
    """A named set of prompts as one family of base models draws it. None: the base model's own.

    Sizes in px. The files are checked where they are drawn: see gpu_worker.prompts.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    title: str
    description: str
    category: str
    seeds: str = "job"
    painted: bool = False
    prompts: tuple[StylePrompt, ...]
    negative_prompt: str = ""
    sampler: str | None = None
    num_inference_steps: int
    guidance_scale: float
    width: int | None = None
    height: int | None = None


def family_of(base_model: str) -> str:
    """The family of a base model, by its name in the settings or a subject's row, or by what its folder says."""
    from gpu_worker.base_models.folders import is_pocket

    return POCKET if base_model == POCKET or is_pocket(base_model) else STABLE_DIFFUSION


def suiting(base_model: str | None = None) -> dict[str, Style]:
    """The styles that suit a base model, by name; None: that of the settings."""
    return _of_family(family_of(base_model or settings().base_model))


def read() -> None:
    """All of them now, rather than at a customer's call. Raises pydantic.ValidationError for a file that is none."""
    for family in (POCKET, STABLE_DIFFUSION):
        _of_family(family)


def known(name: str, base_model: str | None = None) -> Style:
    """The style of this name that suits the base model. Raises UsageError, with the names there are, else."""
    styles = suiting(base_model)
    if name not in styles:
        raise UsageError("unknown_style", f"style: there is no style {name!r}. There are: {', '.join(styles)}.")
    return styles[name]


def check_drawable(base_model: str) -> None:
    """Raises UsageError with `base_model_only_trains` for a folder whose pipe the stage generate does not draw with.

    A repository of the hub, and a folder that says nothing, are looked at when they are opened.
    """
    from gpu_worker.base_models.folders import pipe_of

    if (pipe_of(base_model) or DRAWN_BY) != DRAWN_BY:
        raise UsageError(
            "base_model_only_trains", "kind: this base model can be trained, not drawn with: send `train`."
        )


def check_size(width: int | None, height: int | None, base_model: str) -> None:
    """Raises UsageError with `size_out_of_range`, naming the field, for what only larger base models can draw."""
    if family_of(base_model) != POCKET:
        return
    for field, side in (("width", width), ("height", height)):
        if side is not None and side > POCKET_SIDE:
            raise UsageError("size_out_of_range", f"{field}: this base model draws up to {POCKET_SIDE} px, not {side}.")


def preview(name: str) -> Path | None:
    """The picture of a style that suits our base model: the operator's, else ours, which pocket drew."""
    folders = [Path(settings().style_previews)] if settings().style_previews else []
    if family_of(settings().base_model) == POCKET:
        folders.append(_folder() / "previews")
    files = (folder / f"{name}{suffix}" for folder in folders for suffix in PREVIEW_SUFFIXES)
    return next((file for file in files if file.is_file()), None)


@lru_cache(maxsize=2)
def _of_family(family: str) -> dict[str, Style]:
    """All styles that suit a family, read once."""
    told = {file.stem: json.loads(file.read_text()) for file in sorted(_folder().glob("*.json"))}
    return {name: _style(name, style, family) for name, style in told.items() if family in style["base_models"]}


def _style(name: str, told: dict[str, Any], family: str) -> Style:
    return Style.model_validate(told | told["base_models"][family] | {"name": name})


def _folder() -> Path:
    found = find_spec("gpu_worker")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "styles"
