"""What every route may ask for: the tenant behind the key, ids and pages of the right shape."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from photogen_tasks import keys
from photogen_tasks.db import read_scope
from photogen_tasks.errors import UsageError

HEX_ID = r"^[0-9a-f]{32}$"
bearer = HTTPBearer(auto_error=False, scheme_name="key", description="A key from `photogen keys create`.")


def tenant(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> str:
    """Id of the tenant whose key this is. Raises UsageError 401 for a missing, unknown or revoked key."""
    if credentials is not None:
        with read_scope() as session:
            found = keys.tenant_of(session, credentials.credentials)
        if found is not None:
            return found
    raise UsageError("key_invalid", "Send a valid API key as `Authorization: Bearer pg_…`.", status=401)


Tenant = Annotated[str, Depends(tenant)]
JobId = Annotated[str, Path(pattern=HEX_ID, examples=["7d0f3c5e9b1a4f0e8c2d6a4b1e3f5a7c"])]
SubjectId = Annotated[str, Path(pattern=HEX_ID, examples=["1b9e4c7a2d5f48e0a3c6b8d1f2e4a6c8"])]
Before = Annotated[str | None, Query(pattern=HEX_ID, description="Id of the last one seen: the next page.")]
Limit = Annotated[int, Query(ge=1, le=100)]
