"""Keys by command: made, limited to styles, listed, revoked."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from photogen_tasks import keys
from photogen_tasks.cli import app
from photogen_tasks.db import read_scope
from photogen_tasks.errors import UsageError


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["keys", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def may_write(key: str) -> bool:
    with read_scope() as session:
        tenant = keys.tenant_of(session, key)
        assert tenant is not None
        return keys.may_write_prompts(session, tenant)


def test_a_key_can_be_for_styles_only(sqlite: str) -> None:
    key = run("create", "alice", "--styles-only").strip()
    assert not may_write(key)
    assert "styles only" in run("list")
    run("allow", "alice", "--own-prompts")
    assert may_write(key)
    assert "own prompts" in run("list")
    run("allow", "alice", "--styles-only")
    assert not may_write(key)


def test_a_key_may_write_unless_it_is_said(sqlite: str) -> None:
    assert may_write(run("create", "alice").strip())


def test_who_is_not_there_is_named(sqlite: str) -> None:
    with pytest.raises(UsageError, match="no tenant nobody"):
        run("allow", "nobody", "--styles-only")
    with pytest.raises(UsageError, match="starts with pg_nothing"):
        run("revoke", "pg_nothing")


def test_a_key_is_revoked_by_its_first_letters(sqlite: str) -> None:
    key = run("create", "alice").strip()
    run("revoke", key[: keys.PREFIX_LETTERS])
    with read_scope() as session:
        assert keys.tenant_of(session, key) is None
