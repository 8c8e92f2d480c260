"""API keys: made once, kept as a SHA-256, looked up, revoked. What a tenant may do. HTTP never enters."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from photogen_tasks.models import ApiKey, Tenant, db_now

MARK = "pg_"  # lets secret scanners and people recognise a key
TOKEN_BYTES = 32  # 256 random bits: no salt and no slow hash needed
PREFIX_LETTERS = 12  # enough to tell keys apart in a list, far too few to guess the rest
LOCAL = "local"  # the tenant of `photogen up`


def create(session: Session, tenant_name: str, key_name: str, *, own_prompts: bool | None = None) -> str:
    """A new key for a tenant, which is made when it is new. The plain key is shown here and never again.

    `own_prompts`: whether the tenant's customers may write prompts from now on; None leaves it as it is.
    """
    tenant = session.scalar(select(Tenant).where(Tenant.name == tenant_name))
    if tenant is None:
        tenant = Tenant(name=tenant_name)
        session.add(tenant)
        session.flush()
    if own_prompts is not None:
        tenant.own_prompts = own_prompts
    key = MARK + secrets.token_urlsafe(TOKEN_BYTES)
    session.add(ApiKey(tenant_id=tenant.id, name=key_name, prefix=key[:PREFIX_LETTERS], sha256=_sha256(key)))
    session.flush()
    return key


def tenant_of(session: Session, key: str) -> str | None:
    """Id of the tenant that owns this key; None when it is unknown or revoked."""
    digest = _sha256(key)
    found = session.scalar(select(ApiKey).where(ApiKey.sha256 == digest, ApiKey.revoked_at.is_(None)))
    if found is None or not hmac.compare_digest(found.sha256, digest):
        return None
    return found.tenant_id


def allow_own_prompts(session: Session, tenant_name: str, allowed: bool) -> bool:
    """Let a tenant's customers write prompts from now on, or only choose styles; False when there is no such tenant."""
    tenant = session.scalar(select(Tenant).where(Tenant.name == tenant_name))
    if tenant is not None:
        tenant.own_prompts = allowed
    return tenant is not None


def may_write_prompts(session: Session, tenant_id: str) -> bool:
    """Whether the tenant's customers may write prompts, not only choose styles."""
    return session.get_one(Tenant, tenant_id).own_prompts


def revoke(session: Session, prefix: str) -> int:
    """Refuse the keys of this prefix from now on, as `listing` shows it; how many there were."""
    revoked = session.execute(
        update(ApiKey)
        .where(ApiKey.prefix == prefix, ApiKey.revoked_at.is_(None))
        .values(revoked_at=db_now())
        .returning(ApiKey.id)
    )
    return len(revoked.all())


def listing(session: Session) -> list[tuple[Tenant, ApiKey]]:
    """Every key with its tenant, oldest first."""
    query = select(Tenant, ApiKey).join(ApiKey, ApiKey.tenant_id == Tenant.id).order_by(ApiKey.created_at)
    return [(tenant, key) for tenant, key in session.execute(query)]


def ensure_local_tenant(session: Session) -> str | None:
    """The first key of the tenant `local`; None when it has one already."""
    has_key = exists().where(ApiKey.tenant_id == Tenant.id, ApiKey.revoked_at.is_(None))
    if session.scalar(select(Tenant.id).where(Tenant.name == LOCAL, has_key)):
        return None
    return create(session, LOCAL, "photogen up")


def _sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
