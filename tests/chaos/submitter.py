"""A process that submits: rows first, then the job's failpoint, then the message. It may die of a failpoint itself.

Reads lines of JSON, {"photos": [text], "seed": n, "failpoint": text, "die": bool}; answers each with the job's id.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from photogen_tasks import failpoints, jobs, pipeline
from photogen_tasks import photos as photo_rows
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.models import Tenant
from photogen_tasks.params import JobParams
from photogen_tasks.storage import storage


def main(folder: Path) -> None:
    """Until the input ends."""
    failpoints.forget()  # imported, it hears what is published; nothing was reached yet
    for line in sys.stdin:
        told = json.loads(line)
        job_id = _create([text.encode() for text in told["photos"]], told["seed"])
        if told["failpoint"] and not told["die"]:
            (folder / "armed" / job_id).write_text(told["failpoint"])
        print(job_id, flush=True)
        pipeline.send(job_id)


def _create(photos: list[bytes], seed: int) -> str:
    with read_scope() as session:
        tenant = session.scalars(select(Tenant.id).where(Tenant.name == "chaos")).one()
    with session_scope() as session:
        rows = photo_rows.create(session, tenant, [f"photo-{number}.jpg" for number in range(len(photos))])
    with TemporaryDirectory() as name:
        for row, photo in zip(rows, photos, strict=True):
            file = Path(name) / "photo"
            file.write_bytes(photo)
            storage().put_file(row.key, file, "image/jpeg")
    ids = [row.id for row in rows]
    photo_rows.mark_uploaded(tenant, ids)
    with session_scope() as session:
        return jobs.create(session, tenant, JobParams(seed=seed), photo_ids=ids).id


if __name__ == "__main__":
    main(Path(sys.argv[1]))
