"""Security headers go out with everything; oversized bodies do not come in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.headers import HEADERS, JSON_BYTES
from tests.api.conftest import Caller


@pytest.mark.parametrize("path", ["/healthz", "/v1/jobs", "/v1/nowhere", "/openapi.json"])
def test_every_answer_carries_the_security_headers(caller: Caller, path: str) -> None:
    answer = caller.http.get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_a_body_declared_too_large_is_refused(caller: Caller) -> None:
    answer = caller.http.post("/v1/jobs", content=b" " * (JSON_BYTES + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_that_grows_too_large_is_cut_off(caller: Caller) -> None:
    def growing() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * 65536

    assert caller.http.post("/v1/jobs", content=growing()).status_code == 413


@pytest.mark.parametrize("length", ["-1", "abc", "9" * 5000, "²"])
def test_an_absurd_content_length_is_no_server_error(caller: Caller, length: str) -> None:
    answer = caller.http.post("/v1/jobs", content=b"{}", headers={"Content-Length": length.encode()})
    assert 400 <= answer.status_code < 500
