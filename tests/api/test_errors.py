"""Every error is a problem document, and none tells what is ours alone."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from api.errors import OUR_FAULT, Problem
from api.main import create_app
from photogen_tasks.errors import FatalError, PhotogenError, TransientError, UsageError
from tests.api.conftest import Caller
from tests.conftest import forget


def problem_of(answer: object) -> Problem:
    assert answer.headers["Content-Type"] == "application/problem+json"  # type: ignore[attr-defined]
    found = Problem.model_validate(answer.json())  # type: ignore[attr-defined]
    assert found.status == answer.status_code  # type: ignore[attr-defined]
    assert found.type == f"urn:photogen:problem:{found.code}"
    return found


@pytest.mark.parametrize(
    ("verb", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("PUT", "/v1/jobs", 405, "method_not_allowed"),
        ("GET", "/v1/jobs/xyz", 422, "invalid_request"),
        ("GET", f"/v1/jobs/{'0' * 32}", 404, "not_found"),
        ("GET", "/v1/jobs?limit=0", 422, "invalid_request"),
        ("GET", "/v1/jobs?status=pancake", 422, "invalid_request"),
    ],
)
def test_refusals_are_problem_documents(caller: Caller, verb: str, path: str, status: int, code: str) -> None:
    answer = caller.http.request(verb, path)
    found = problem_of(answer)
    assert (found.status, found.code) == (status, code)
    assert found.instance == path.partition("?")[0]


def test_an_invalid_body_names_the_places_and_repeats_nothing(caller: Caller) -> None:
    answer = caller.http.post("/v1/jobs", json={"seed": "s3cret", "photos": ["x"]})
    found = problem_of(answer)
    assert {each["where"] for each in found.errors or []} == {"body.seed", "body.photos.0"}
    assert "s3cret" not in answer.text


def test_text_that_is_no_text_is_no_server_error(caller: Caller) -> None:
    body = rb'{"\ud800": 1, "prompts": ["\udfff {token}"]}'
    answer = caller.http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert problem_of(answer).status == 422


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UsageError("no_face", "We found no face in photo 3."), 422, "no_face"),
        (TransientError("storage_unavailable", "refused by 10.0.0.7"), 503, "storage_unavailable"),
        (FatalError("bad_weights", "/srv/weights is broken"), 500, "bad_weights"),
        (RuntimeError("password=hunter2"), 500, "internal_error"),
    ],
)
def test_each_kind_of_error_has_its_answer(error: Exception, status: int, code: str) -> None:
    app = create_app()

    @app.get("/breaks")
    def breaks() -> None:
        raise error

    answer = TestClient(app, raise_server_exceptions=False).get("/breaks")
    found = problem_of(answer)
    assert (found.status, found.code) == (status, code)
    if isinstance(error, UsageError):
        assert found.detail == error.sentence
    else:
        assert str(error) not in answer.text
    if not isinstance(error, PhotogenError):
        assert found.detail == OUR_FAULT
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_without_a_database_the_answer_is_to_come_back(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    forget()
    answer = caller.http.get("/v1/jobs")
    assert problem_of(answer).code == "database_unavailable"
    assert int(answer.headers["Retry-After"]) > 0
