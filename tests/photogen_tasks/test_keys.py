"""Keys are shown once, kept as a hash, and end when revoked."""

from __future__ import annotations

from sqlalchemy import select

from photogen_tasks import keys
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.models import ApiKey, Tenant


def made(tenant: str, name: str = "") -> str:
    with session_scope() as session:
        return keys.create(session, tenant, name)


def owner(key: str) -> str | None:
    with read_scope() as session:
        return keys.tenant_of(session, key)


def test_a_key_leads_to_its_tenant(database: str) -> None:
    first, second, other = made("alice", "laptop"), made("alice", "phone"), made("bob")
    assert len({first, second, other}) == 3
    assert owner(first) == owner(second) != owner(other)
    with read_scope() as session:
        assert session.get_one(Tenant, owner(first)).name == "alice"
        assert [(tenant.name, key.name) for tenant, key in keys.listing(session)][:2] == [
            ("alice", "laptop"),
            ("alice", "phone"),
        ]


def test_the_key_itself_is_nowhere_in_the_database(database: str) -> None:
    key = made("alice")
    assert key.startswith("pg_")
    assert len(key) >= len("pg_") + 43  # 256 bits in base64
    with read_scope() as session:
        row = session.scalars(select(ApiKey)).one()
        stored = [str(getattr(row, column.key)) for column in ApiKey.__table__.columns]
    assert not any(key in value for value in stored)
    assert key.startswith(row.prefix)


def test_a_wrong_key_leads_nowhere(database: str) -> None:
    key = made("alice")
    for wrong in ("", "pg_", key[:-1], key + "x", key.upper(), "\0", "ключ"):
        assert owner(wrong) is None


def test_a_revoked_key_leads_nowhere_and_the_others_stay(database: str) -> None:
    first, second = made("alice"), made("alice")
    with session_scope() as session:
        assert keys.revoke(session, first[: keys.PREFIX_LETTERS]) == 1
    with session_scope() as session:
        assert keys.revoke(session, first[: keys.PREFIX_LETTERS]) == 0
    assert owner(first) is None
    assert owner(second) is not None


def test_a_tenant_may_write_prompts_until_it_is_told_otherwise(database: str) -> None:
    def may_write() -> bool:
        with read_scope() as session:
            tenant = keys.tenant_of(session, key)
            assert tenant is not None
            return keys.may_write_prompts(session, tenant)

    key = made("alice")
    assert may_write()
    with session_scope() as session:
        keys.create(session, "alice", "second", own_prompts=False)
    assert not may_write()
    made("alice")  # a further key changes nothing
    assert not may_write()
    with session_scope() as session:
        assert keys.allow_own_prompts(session, "alice", True)
        assert not keys.allow_own_prompts(session, "nobody", True)
    assert may_write()


def test_the_local_tenant_gets_one_key(database: str) -> None:
    with session_scope() as session:
        key = keys.ensure_local_tenant(session)
    assert key is not None
    with session_scope() as session:
        assert keys.ensure_local_tenant(session) is None
        keys.revoke(session, key[: keys.PREFIX_LETTERS])
        again = keys.ensure_local_tenant(session)
    assert again is not None
    with read_scope() as session:
        assert [tenant.name for tenant in session.scalars(select(Tenant))] == ["local"]
    assert owner(again) is not None
