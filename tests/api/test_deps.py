"""Who may come in."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from photogen_tasks import keys
from photogen_tasks.db import session_scope
from tests.api.conftest import Caller


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer pg_wrong", "Basic YTpi", "Bearer pg_\xff", "pg_naked"],
)
def test_without_a_valid_key_nobody_comes_in(caller: Caller, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = TestClient(create_app()).get("/v1/jobs", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "key_invalid"


def test_a_revoked_key_is_refused_at_once(caller: Caller) -> None:
    assert caller.http.get("/v1/jobs").status_code == 200
    with session_scope() as session:
        assert keys.revoke(session, caller.key[: keys.PREFIX_LETTERS]) == 1
    assert caller.http.get("/v1/jobs").status_code == 401
