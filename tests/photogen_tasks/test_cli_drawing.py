"""Submitting and choosing styles by command, against a real API on a socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from sqlalchemy import select
from typer.testing import CliRunner

from api.main import create_app
from photogen_tasks import keys
from photogen_tasks.cli import app
from photogen_tasks.config import settings
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import UsageError
from photogen_tasks.models import Job
from tests.conftest import await_true, free_port


@pytest.fixture
def address(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of an API with a key for this machine's commands."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("PHOTOGEN_PUBLIC_URL", url)
    settings.cache_clear()
    with session_scope() as session:
        monkeypatch.setenv("PHOTOGEN_API_KEY", keys.create(session, "alice", "test"))
    server = uvicorn.Server(uvicorn.Config(create_app(), port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    await_true(lambda: server.started, "the API")
    yield url
    server.should_exit = True
    thread.join()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "me.jpg").write_bytes(b"a photo")
    (folder / "notes.txt").write_text("not one")
    return folder


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_a_job_is_submitted_as_it_was_asked_for(address: str, photos: Path) -> None:
    words = ["--style", "beach", "--prompt", "a {token} [in|at] snow", "--prompt", "a (tall:1.2) {token}"]
    words += [
        "--negative-prompt",
        "hats",
        "--sampler",
        "euler a",
        "--num-inference-steps",
        "12",
        "--guidance-scale",
        "5",
    ]
    words += ["--width", "128", "--height", "96", "--hires", "--face-pass", "--seed", "3"]
    job_id = run("submit", str(photos), *words).strip()
    with read_scope() as session:
        params = session.scalars(select(Job).where(Job.id == job_id)).one().params
    assert params["prompts"] == ["a {token} [in|at] snow", "a (tall:1.2) {token}"]
    assert (params["style"], params["negative_prompt"], params["sampler"]) == ("beach", "hats", "euler a")
    assert (params["num_inference_steps"], params["guidance_scale"]) == (12, 5.0)
    assert (params["width"], params["height"], params["hires"], params["face_pass"]) == (128, 96, True, True)
    assert (params["seed"], params["few_photos"]) == (3, False)


def test_what_is_not_said_is_the_styles(address: str, photos: Path) -> None:
    job_id = run("submit", str(photos)).strip()
    with read_scope() as session:
        params = session.scalars(select(Job).where(Job.id == job_id)).one().params
    assert json.dumps([params["style"], params["prompts"], params["sampler"]]) == '["demo", [], null]'


def test_what_cannot_be_drawn_is_told(address: str, photos: Path) -> None:
    with pytest.raises(UsageError, match="sampler"):
        run("submit", str(photos), "--sampler", "heun")


def test_a_folder_without_photos_is_told(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no JPEG"):
        run("submit", str(tmp_path))


def test_styles_are_listed_and_shown(address: str) -> None:
    listed = run("styles")
    assert all(word in listed for word in ("expressions", "Professional portrait", "outdoors"))
    shown = run("styles", "expressions")
    assert "a photo of a {token}, smiling, wearing a black turtleneck" in shown
    assert "seeds same" in shown
    with pytest.raises(UsageError, match="no-such"):
        run("styles", "no-such")
