"""How a job's images are drawn: what is chosen arrives, what cannot be drawn is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from photogen_tasks import config, keys
from photogen_tasks.db import session_scope
from photogen_tasks.models import Job, Outbox, Subject
from tests.api.conftest import Caller
from tests.api.routes.test_jobs import count


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"style": "no-such"}, "unknown_style", "style"),
        ({"style": "kremlin", "prompts": []}, "unknown_style", "style"),  # Stable Diffusion's
        ({"sampler": "heun"}, "invalid_request", "sampler"),
        ({"negative_prompt": "<lora:subject:1>"}, "invalid_request", "negative_prompt"),
        ({"negative_prompt": "a" * 2001}, "invalid_request", "negative_prompt"),
        ({"prompts": ["{token}" + "a" * 2000]}, "invalid_request", "prompts.0"),
        ({"prompts": ["{token}" + "語" * 1400]}, "invalid_request", "prompts.0"),
        ({"prompts": ["{token}", "hat"]}, "prompt_without_token", "prompts.1"),
        ({"prompts": ["{token} <lora:no-such:1>"]}, "unknown_lora", "prompts.0"),
        ({"num_inference_steps": 151}, "invalid_request", "num_inference_steps"),
        ({"guidance_scale": 0}, "invalid_request", "guidance_scale"),
        ({"width": 100}, "invalid_request", "width"),
        ({"height": 100_000}, "invalid_request", "height"),
        ({"width": 1536, "height": 1536, "hires": True}, "invalid_request", "width, height, hires"),
        ({"width": 200}, "size_out_of_range", "width"),  # of pocket
        ({"height": 1024, "width": 64}, "size_out_of_range", "height"),
        ({"prompts": [], "num_images_per_prompt": 9}, "invalid_request", "num_images_per_prompt"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_sent(
    caller: Caller, body: dict[str, Any], code: str, field: str
) -> None:
    answer = caller.submit(photos=caller.photos(), **body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert field in answer.json()["detail"]
    assert count(Job) == count(Outbox) == count(Subject) == 0


def test_how_images_are_drawn_is_the_customers_choice(caller: Caller) -> None:
    chosen = {
        "negative_prompt": "hats",
        "sampler": "dpm++ 2m karras",
        "num_inference_steps": 20,
        "guidance_scale": 6.5,
        "width": 128,
        "height": 192,
        "hires": True,
        "face_pass": True,
    }
    assert chosen.items() <= caller.job(**chosen)["params"].items()


def test_a_subject_is_drawn_by_its_own_base_model(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    first = caller.job()
    caller.end(first["id"])
    monkeypatch.setenv("PHOTOGEN_BASE_MODEL", "/weights/sd-1.5")
    config.settings.cache_clear()
    body = {"kind": "generate", "subject": first["subject"], "prompts": []}
    assert caller.submit(style="kremlin", **body).json()["code"] == "unknown_style"
    assert caller.submit(style="beach", width=512, **body).json()["code"] == "size_out_of_range"
    assert caller.submit(style="beach", **body).status_code == 202
    assert caller.submit(style="kremlin", prompts=[], width=512, photos=caller.photos()).status_code == 202


def test_a_base_model_that_only_trains_draws_nothing(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    monkeypatch.setenv("PHOTOGEN_BASE_MODEL", str(tmp_path))
    config.settings.cache_clear()
    asked: dict[str, Any] = {"style": "kremlin", "prompts": [], "photos": caller.photos()}
    assert caller.submit(**asked).json()["code"] == "base_model_only_trains"
    assert count(Job) == 0
    assert caller.submit(**asked, kind="train").status_code == 202


@pytest.mark.parametrize("kind", ["portrait", "train"])
def test_where_only_styles_are_chosen_nothing_is_written(both: Callable[[str], Caller], kind: str) -> None:
    caller, other = both("alice"), both("bob")
    with session_scope() as session:
        keys.allow_own_prompts(session, "alice", False)
    photos = caller.photos()
    for written in ({"prompts": ["{token}"]}, {"prompts": [], "negative_prompt": ""}):
        answer = caller.submit(kind=kind, photos=photos, **written)
        assert (answer.status_code, answer.json()["code"]) == (422, "own_prompts_off")
        assert answer.json()["detail"].startswith("negative_prompt:" if "negative_prompt" in written else "prompts:")
    assert count(Job) == count(Outbox) == 0
    assert caller.submit(kind=kind, photos=photos, prompts=[], style="beach", sampler="euler").status_code == 202
    assert other.submit(kind=kind, photos=other.photos()).status_code == 202
