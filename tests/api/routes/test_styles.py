"""The catalogue over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from photogen_tasks.config import settings
from tests.api.conftest import Caller


@pytest.fixture
def stable_diffusion(caller: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Another base model, with a folder for the operator's previews."""
    monkeypatch.setenv("PHOTOGEN_BASE_MODEL", "/weights/sd-1.5")
    monkeypatch.setenv("PHOTOGEN_STYLE_PREVIEWS", str(tmp_path))
    settings.cache_clear()
    return tmp_path


def test_every_listed_style_can_be_submitted(caller: Caller) -> None:
    found = caller.http.get("/v1/styles").json()["styles"]
    assert len(found) >= 10
    assert "demo" in {style["name"] for style in found}
    for style in found:
        assert style["title"]
        assert style["prompts"] > 0
        assert caller.submit(prompts=[], style=style["name"], photos=caller.photos()).status_code == 202


def test_a_style_says_how_it_is_drawn(caller: Caller) -> None:
    style = caller.http.get("/v1/styles/professional").json()
    assert style["title"] == "Professional portrait"
    assert (style["prompts"], len(style["texts"]), style["seeds"]) == (4, 4, "job")
    assert style["texts"][0] == {
        "prompt": "a photo of a {token}, wearing a black suit, on a grey background",
        "negative_prompt": None,
    }
    assert (style["num_inference_steps"], style["guidance_scale"], style["sampler"]) == (30, 4.0, None)
    listed = next(each for each in caller.http.get("/v1/styles").json()["styles"] if each["name"] == "professional")
    assert listed.items() <= style.items()


def test_each_base_model_has_its_own_styles(caller: Caller, stable_diffusion: Path) -> None:
    found = {style["name"]: style for style in caller.http.get("/v1/styles").json()["styles"]}
    assert len(found) >= 27
    assert found["caricature"]["sampler"] == "euler a"
    assert (
        caller.http.get("/v1/styles/kremlin").json()["texts"][0]["prompt"].startswith("photo of {token} on Red Square")
    )
    assert {style["preview"] for style in found.values()} == {None}


def test_a_preview_is_a_picture(caller: Caller) -> None:
    for style in caller.http.get("/v1/styles").json()["styles"]:
        assert style["preview"] == f"/v1/styles/{style['name']}/preview"
        answer = caller.http.get(style["preview"])
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/jpeg")
        assert answer.content.startswith(b"\xff\xd8")


def test_an_operators_preview_is_shown(caller: Caller, stable_diffusion: Path) -> None:
    absent = caller.http.get("/v1/styles/kremlin/preview")
    assert (absent.status_code, absent.json()["code"]) == (404, "not_found")
    (stable_diffusion / "kremlin.png").write_bytes(b"\x89PNG")
    assert caller.http.get("/v1/styles/kremlin").json()["preview"] == "/v1/styles/kremlin/preview"
    answer = caller.http.get("/v1/styles/kremlin/preview")
    assert (answer.headers["Content-Type"], answer.content) == ("image/png", b"\x89PNG")


@pytest.mark.parametrize("path", ["", "/preview"])
@pytest.mark.parametrize(("name", "status"), [("no-such", 404), ("kremlin", 404), ("previews", 404), ("Demo", 422)])
def test_unknown_styles_are_not_found(caller: Caller, name: str, status: int, path: str) -> None:
    answer = caller.http.get(f"/v1/styles/{name}{path}")
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_styles_are_for_those_with_a_key(caller: Caller) -> None:
    for path in ("", "/demo", "/demo/preview"):
        answer = caller.http.get(f"/v1/styles{path}", headers={"Authorization": "Bearer pg_wrong"})
        assert answer.status_code == 401
