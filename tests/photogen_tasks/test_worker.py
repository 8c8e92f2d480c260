"""SIGTERM: the child is told to give its stage back, the worker leaves once it did, and never later than it may."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from photogen_tasks import claims, worker
from photogen_tasks.config import settings
from photogen_tasks.stages import Stage
from tests.photogen_tasks.conftest import Customer

STARTED = """
import os, sys
from pathlib import Path
from photogen_tasks.worker import _take_name
_take_name(Path(sys.argv[1]), "infer")
# What lives on is what the process becomes.
os.execv(sys.executable, [sys.executable, "-c", "import sys; print('named', flush=True); sys.stdin.read()"])
"""


@pytest.fixture
def claim(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> claims.Claim:
    monkeypatch.setenv("PHOTOGEN_WORKER_NAME", "train@here")
    monkeypatch.setenv("PHOTOGEN_DRAIN_SECONDS", "30")
    settings.cache_clear()
    taken = claims.claim({"job": customer.job(), "epoch": 1}, Stage.PREPROCESS, "train@here")
    assert isinstance(taken, claims.Claim)
    return taken


def test_a_leaving_worker_waits_for_its_stage_alone(claim: claims.Claim) -> None:
    child = threading.Timer(0.3, lambda: claims.release(claim, "draining"))
    child.start()
    assert worker.await_given_back()
    child.join()
    assert not claims.held_by("train@here")


def test_it_does_not_wait_for_ever(claim: claims.Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_DRAIN_SECONDS", "0.3")
    settings.cache_clear()
    assert not worker.await_given_back()
    assert claims.held_by("train@here")


def test_anothers_stage_is_not_waited_for(claim: claims.Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_WORKER_NAME", "infer@here")
    settings.cache_clear()
    assert worker.await_given_back()


def test_two_workers_of_one_name_do_not_share_a_scratch_folder(
    sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOGEN_WORK_DIR", str(tmp_path))
    started = [sys.executable, "-c", STARTED, str(tmp_path)]
    with subprocess.Popen(started, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "named\n"
        second = subprocess.run(started, input="", capture_output=True, text=True, check=False)
        assert "give this one another --name" in second.stderr
        first.communicate("")
    third = subprocess.run(started, input="", capture_output=True, text=True, check=False)
    assert third.stdout == "named\n"
