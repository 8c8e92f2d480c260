"""The catalogue of styles as the API sees it: names, titles, prompts. Data files only; nothing of gpu_worker runs."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from photogen_tasks.errors import UsageError


class Style(BaseModel):
    """A named set of prompts; `base_models` are the families it suits."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    title: str
    base_models: tuple[str, ...]
    prompts: tuple[str | dict[str, object], ...]


@lru_cache(maxsize=1)
def catalogue() -> dict[str, Style]:
    """All styles by name, read once."""
    found = find_spec("gpu_worker")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "styles"
    read = [Style.model_validate_json(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return {style.name: style for style in read}


def known(name: str) -> Style:
    """Raises UsageError, with the names there are, for an unknown style."""
    styles = catalogue()
    if name not in styles:
        raise UsageError("unknown_style", f"There is no style {name!r}. There are: {', '.join(styles)}.")
    return styles[name]
