"""The catalogue over HTTP."""

from __future__ import annotations

from tests.api.conftest import Caller


def test_every_listed_style_can_be_submitted(caller: Caller) -> None:
    found = caller.http.get("/v1/styles").json()["styles"]
    assert "demo" in {style["name"] for style in found}
    for style in found:
        assert style["title"]
        assert style["prompts"] > 0
        assert caller.submit(prompts=[], style=style["name"], photos=caller.photos()).status_code == 202
