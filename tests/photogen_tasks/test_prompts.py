"""Prompts are read before a job exists; LoRAs are those of the operator's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from photogen_tasks import prompts
from photogen_tasks.config import settings
from photogen_tasks.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOTOGEN_LORAS", str(tmp_path))
    settings.cache_clear()
    (tmp_path / "film-1.5.safetensors").touch()
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_a_lora_is_a_file_of_the_operators_or_the_subject(folder: Path) -> None:
    prompts.check(["{token} <lora:film-1.5:0.6> <lora:subject:0.8>", "{token}"])
    for name in ("notes", "film", "Film-1.5"):
        with pytest.raises(UsageError, match=r"prompts\.1: there is no LoRA") as refused:
            prompts.check(["{token}", f"{{token}} <lora:{name}:1>"])
        assert refused.value.code == "unknown_lora"


def test_without_a_folder_there_is_the_subject_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_LORAS", "")
    settings.cache_clear()
    assert prompts.known_loras() == {"subject"}


def test_every_prompt_names_the_subject() -> None:
    with pytest.raises(UsageError, match=r"prompts\.1: .*\{token\}"):
        prompts.check(["{token}", "a hat"])


def test_readable_says_why_not() -> None:
    assert prompts.readable("{token} ((hat))") == "{token} ((hat))"
    with pytest.raises(PydanticCustomError, match="beyond 10") as refused:
        prompts.readable("(hat:99)")
    assert refused.value.type == "weight_out_of_range"


def test_a_negative_prompt_names_no_lora() -> None:
    assert prompts.readable_negative("hats AND gloves") == "hats AND gloves"
    with pytest.raises(PydanticCustomError, match="not in the negative prompt") as refused:
        prompts.readable_negative("<lora:subject:1>")
    assert refused.value.type == "lora_in_negative_prompt"
