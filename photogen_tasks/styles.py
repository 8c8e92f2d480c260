"""The catalogue of styles as the API sees it: names, titles, prompts. Data files only; nothing of gpu_worker runs."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from photogen_tasks.config import settings
from photogen_tasks.errors import UsageError


class Style(BaseModel):
    """A named set of prompts; `base_models` are the families it suits."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    title: str
    base_models: tuple[str, ...]
    prompts: tuple[dict[str, object], ...]


@lru_cache(maxsize=1)
def catalogue() -> dict[str, Style]:
    """All styles by name, read once."""
    found = find_spec("gpu_worker")
    assert found is not None
    assert found.origin is not None
    files = sorted((Path(found.origin).parent / "styles").glob("*.json"))
    return {file.stem: Style(name=file.stem, **json.loads(file.read_text())) for file in files}


def suiting() -> dict[str, Style]:
    """The styles that suit our base model, by name."""
    family = "pocket" if settings().base_model == "pocket" else "stable-diffusion"
    return {name: style for name, style in catalogue().items() if family in style.base_models}


def known(name: str) -> Style:
    """The style of this name that suits our base model. Raises UsageError, with the names there are, else."""
    styles = suiting()
    if name not in styles:
        raise UsageError("unknown_style", f"There is no style {name!r}. There are: {', '.join(styles)}.")
    return styles[name]
