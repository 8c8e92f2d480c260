"""Work that does not listen is ended with its process: the GPU must be free, whatever the work does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from sqlalchemy import update

from photogen_tasks import claims, db
from photogen_tasks.config import settings
from photogen_tasks.heartbeat import Heartbeat, Stopped
from photogen_tasks.models import Job, StageRow
from photogen_tasks.stages import Stage, Status
from tests.conftest import await_true
from tests.photogen_tasks.conftest import make_customer
from tests.photogen_tasks.test_claims import job_row

DEAF = """
import sys, threading
from photogen_tasks import claims
from photogen_tasks.heartbeat import Heartbeat
from photogen_tasks.stages import Stage

with Heartbeat(claims.claim({"job": sys.argv[1], "epoch": 1}, Stage.PREPROCESS, "deaf")):
    print("working", flush=True)
    threading.Event().wait()
"""


@pytest.mark.parametrize("why", ["cancelled", "lost"])
def test_deaf_work_is_ended(sqlite: str, why: str) -> None:
    job_id = make_customer("customer").job()
    env = os.environ | {"PHOTOGEN_HEARTBEAT_SECONDS": "0.1", "PHOTOGEN_STUBBORN_SECONDS": "0.3"}
    process = subprocess.Popen([sys.executable, "-c", DEAF, job_id], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout as said:
        assert said.readline() == "working\n"
        with db.session_scope() as session:
            if why == "cancelled":
                session.execute(update(Job).values(cancel_requested=True))
            else:
                session.execute(update(StageRow).where(StageRow.name == Stage.PREPROCESS).values(fence=7))
        await_true(lambda: process.poll() is not None, "the end of the process")
    assert process.returncode == -signal.SIGKILL
    assert job_row(job_id).status == (Status.CANCELLED if why == "cancelled" else Status.RUNNING)


def test_a_lease_that_could_not_be_renewed_in_time_is_lost_whatever_the_database_does(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heartbeat that hangs in a dead connection says nothing; the clock does."""
    monkeypatch.setenv("PHOTOGEN_LEASE_SECONDS", "0.3")
    monkeypatch.setenv("PHOTOGEN_HEARTBEAT_SECONDS", "60")
    settings.cache_clear()
    claim = claims.claim({"job": make_customer("customer").job(), "epoch": 1}, Stage.PREPROCESS, "worker")
    assert isinstance(claim, claims.Claim)
    with Heartbeat(claim) as heartbeat, pytest.raises(Stopped) as stopped:
        await_true(lambda: heartbeat.report(0.5, "half"), "the lease to end", 5)
    assert stopped.value.why == "lost"
