"""SIGTERM: the child is told to give its stage back, the worker leaves once it did, and never later than it may."""

from __future__ import annotations

import threading

import pytest

from photogen_tasks import claims, worker
from photogen_tasks.config import settings
from photogen_tasks.stages import Stage
from tests.photogen_tasks.conftest import Customer


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
