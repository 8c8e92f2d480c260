"""Customers' prompts before a job exists: what generate could not draw is refused here. Nothing is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic_core import PydanticCustomError

from photogen_tasks.config import settings
from photogen_tasks.errors import UsageError

TOKEN = "{token}"  # noqa: S105  # stands for identifier and class noun
SUBJECT = "subject"  # <lora:subject:0.8>: the customer's own weights


def readable(text: str) -> str:
    """The same text. Raises ValueError, which pydantic tells with field and code, for what the language refuses."""
    return _parsed(text, negative=False)


def readable_negative(text: str) -> str:
    """As readable(), for a negative prompt: LoRAs are refused there."""
    return _parsed(text, negative=True)


def _parsed(text: str, *, negative: bool) -> str:
    from gpu_worker.prompt_language import BadPrompt, parse

    try:
        parse(text, negative=negative)
    except BadPrompt as refused:
        raise PydanticCustomError(refused.code, refused.sentence) from refused
    return text


def check(prompts: Sequence[str]) -> None:
    """What no prompt shows by itself. Raises UsageError with `prompt_without_token` or `unknown_lora`."""
    from gpu_worker.prompt_language import parse

    known = known_loras()
    for number, prompt in enumerate(prompts):
        if TOKEN not in prompt:
            raise UsageError(
                "prompt_without_token", f"prompts.{number}: every prompt must name the subject as {TOKEN}."
            )
        for lora in parse(prompt).loras:
            if lora.name not in known:
                raise UsageError("unknown_lora", f"prompts.{number}: there is no LoRA {lora.name!r}.")


def known_loras() -> set[str]:
    """Names that a prompt may give: the subject's, and those of the operator's files."""
    folder = settings().loras
    return {SUBJECT} | ({path.stem for path in Path(folder).glob("*.safetensors")} if folder else set())
