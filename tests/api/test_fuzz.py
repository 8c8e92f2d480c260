"""Whatever a caller sends to whatever route, the answer is ours to give: never a 5xx, never an undocumented status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from api.main import create_app
from photogen_tasks import inspection
from tests.api.conftest import Caller

EACH = 600  # requests to an operation; 10,000 in all
SCHEMA = schemathesis.openapi.from_dict(create_app().openapi())
OPERATIONS = {operation.ok().label: operation.ok() for operation in SCHEMA.get_all_operations()}
HOSTILE = [
    b"",
    b"\x00",
    b"null",
    b"[" * 100_000,
    b'{"photos":' * 50_000,
    b'{"kind": "\xff\xfe"}',
    b'{"seed": 1e999}',
    b'{"seed": ' + b"9" * 5_000 + b"}",
]


@pytest.fixture
def mine(caller: Caller, broker: str, monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setattr(inspection, "WAIT_SECONDS", 0.0)
    caller.http.follow_redirects = False
    return caller


@pytest.mark.slow
@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_is_our_fault(mine: Caller, label: str) -> None:
    operation = OPERATIONS[label]
    documented = {int(status) for status in operation.definition.raw["responses"]}

    @settings(
        max_examples=EACH,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        answer = mine.http.request(**_request(case))
        assert answer.status_code < 500, answer.text
        assert answer.status_code in documented | {400, 404, 405, 406, 415, 422}, answer.text

    ask()


def _request(case: Any) -> dict[str, Any]:
    """As the client's own request: schemathesis would bring a transport of its own."""
    kept = {name: value for name, value in dict(case.headers or {}).items() if value.isascii()}
    body = {"json": case.body} if isinstance(case.body, dict | list) else {}
    return {
        "method": case.method,
        "url": case.formatted_path,
        "params": dict(case.query or {}),
        "headers": kept,
        **body,
    }


@pytest.mark.parametrize("content", HOSTILE)
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/uploads", "/v1/photos/inspect"])
def test_hostile_bodies_are_refused(mine: Caller, path: str, content: bytes) -> None:
    answer = mine.http.post(path, content=content, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"]


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer " + "x" * 10_000])
def test_who_has_no_key_gets_nothing(both: Callable[[str], Caller], key: str) -> None:
    http = both("anybody").http
    for path in create_app().openapi()["paths"]:
        if path.startswith("/v1") and "files" not in path:
            url = path.replace("{job_id}", "0" * 32).replace("{subject_id}", "0" * 32)
            for method in create_app().openapi()["paths"][path]:
                answer = http.request(method, url, headers={"Authorization": key})
                assert answer.status_code in (401, 422), (method, path, answer.text)
