"""PostgreSQL's own record of every change of a stage's and a job's status, by triggers that the product knows not of.

Rows of one stage are changed under its row lock, so that their ids give the order in which the changes happened.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

TRIGGERS = """
create table if not exists chaos_changes (
    id bigserial primary key, job text not null, stage text not null, was text, now text, old_fence bigint,
    fence bigint, at double precision not null default extract(epoch from clock_timestamp()));
create or replace function chaos_stage() returns trigger language plpgsql as $$ begin
    insert into chaos_changes (job, stage, was, now, old_fence, fence)
    values (new.job_id, new.name, old.status, new.status, old.fence, new.fence); return null; end $$;
create or replace function chaos_job() returns trigger language plpgsql as $$ begin
    insert into chaos_changes (job, stage, was, now) values (new.id, '', old.status, new.status); return null; end $$;
create or replace trigger chaos_stage after update of status on stages for each row execute function chaos_stage();
create or replace trigger chaos_job after update of status on jobs for each row execute function chaos_job();
"""


@dataclass(frozen=True)
class Change:
    """One UPDATE of a status; `stage` is empty for the job's own."""

    id: int
    job: str
    stage: str
    was: str
    now: str
    old_fence: int | None
    fence: int | None


def install(url: str) -> None:
    """Make table and triggers in a migrated database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TRIGGERS)


def read(connection: psycopg.Connection[tuple[object, ...]]) -> list[Change]:
    """Every change so far, in order."""
    rows = connection.execute("select id, job, stage, was, now, old_fence, fence from chaos_changes order by id")
    return [Change(*row) for row in rows]  # type: ignore[arg-type]  # the select names the fields
