"""Rows that tests of the orchestration start from."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from photogen_tasks import db, jobs
from photogen_tasks.models import Photo, Tenant, db_now, new_id
from photogen_tasks.params import JobParams


@dataclass(frozen=True)
class Customer:
    """A tenant that can submit jobs."""

    tenant_id: str

    def photos(self, count: int = 2) -> list[str]:
        """Ids of photos that lie in storage as far as the rows know."""
        with db.session_scope() as session:
            rows = [
                Photo(
                    id=new_id(),
                    tenant_id=self.tenant_id,
                    key=f"photos/{n}",
                    filename="a.jpg",
                    uploaded_at=db_now(),
                )
                for n in range(count)
            ]
            session.add_all(rows)
            return [row.id for row in rows]

    def job(self) -> str:
        """Id of a fresh portrait job."""
        with db.session_scope() as session:
            return jobs.create(session, self.tenant_id, JobParams(style="demo"), photo_ids=self.photos_in(session)).id

    def photos_in(self, session: object) -> list[str]:
        from sqlalchemy.orm import Session

        assert isinstance(session, Session)
        row = Photo(id=new_id(), tenant_id=self.tenant_id, key="photos/x", filename="a.jpg", uploaded_at=db_now())
        session.add(row)
        session.flush()
        return [row.id]


def make_customer(name: str) -> Customer:
    with db.session_scope() as session:
        tenant = Tenant(id=new_id(), name=name)
        session.add(tenant)
        return Customer(tenant.id)


@pytest.fixture
def customer(database: str) -> Customer:
    return make_customer("customer")
