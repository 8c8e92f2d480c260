"""The API's view of the catalogue is the stage's; previews are the operator's before ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from gpu_worker import prompts
from photogen_tasks import styles
from photogen_tasks.config import settings
from photogen_tasks.errors import UsageError

STABLE = "/weights/sd-1.5"


@pytest.mark.parametrize("base_model", ["pocket", STABLE])
def test_both_sides_of_the_wall_read_the_same(base_model: str) -> None:
    family: prompts.Family = "pocket" if base_model == "pocket" else "stable-diffusion"
    assert styles.family_of(base_model) == family
    found = styles.suiting(base_model)
    assert set(found) == {name for name in prompts.style_names() if family in prompts.style_file(name).base_models}
    for name, style in found.items():
        drawn = prompts.load_style(name, family).model_dump(exclude={"base_models"})
        assert style.model_dump(exclude={"name"}) == drawn


def test_a_style_of_another_family_is_unknown() -> None:
    assert styles.known("kremlin", STABLE).title == "Kremlin"
    with pytest.raises(UsageError, match=r"style: there is no style 'kremlin'.*demo") as refused:
        styles.known("kremlin", "pocket")
    assert refused.value.code == "unknown_style"


def test_pocket_draws_small_images() -> None:
    styles.check_size(192, None, "pocket")
    styles.check_size(1536, 1536, STABLE)
    with pytest.raises(UsageError, match=r"height: .* 192 px, not 200"):
        styles.check_size(64, 200, "pocket")


@pytest.mark.parametrize(
    ("index", "drawn"),
    [
        ('{"_class_name": "StableDiffusionPipeline"}', True),
        ('{"_class_name": "FluxPipeline"}', False),
        ("torn", True),
        (None, True),
    ],
)
def test_a_folder_whose_pipe_only_trains_draws_nothing(tmp_path: Path, index: str | None, drawn: bool) -> None:
    """What cannot be read is told when it is opened."""
    if index is not None:
        (tmp_path / "model_index.json").write_text(index)
    if drawn:
        styles.check_drawable(str(tmp_path))
        return
    with pytest.raises(UsageError, match="kind:"):
        styles.check_drawable(str(tmp_path))


def test_previews_are_the_operators_before_ours(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = styles.preview("demo")
    assert ours is not None
    assert ours.parent.name == "previews"
    monkeypatch.setenv("PHOTOGEN_STYLE_PREVIEWS", str(tmp_path))
    settings.cache_clear()
    assert styles.preview("demo") == ours
    (tmp_path / "demo.png").touch()
    assert styles.preview("demo") == tmp_path / "demo.png"


def test_pockets_previews_say_nothing_of_another_base_model(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_BASE_MODEL", STABLE)
    settings.cache_clear()
    assert "kremlin" in styles.suiting()
    assert styles.preview("demo") is None


def test_a_broken_file_is_told_when_the_api_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torn.json").write_text('{"title": "Torn", "base_models": {"pocket": {}}}')
    monkeypatch.setattr(styles, "_folder", lambda: tmp_path)
    monkeypatch.setattr(styles, "_of_family", styles._of_family.__wrapped__)
    with pytest.raises(ValidationError, match="prompts"):
        styles.read()
