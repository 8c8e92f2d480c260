"""The real exporter process over real rows: the page agrees with them and never waits for the broker."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.conftest import await_true
from tests.monitoring.conftest import exporter, fetch, parse, value, write_rows

UNROUTABLE = "redis://127.0.0.1:1/0"
SCRAPE_SECONDS = 2.0  # ample for a page made from memory on a busy machine


def test_the_page_agrees_with_the_rows(exporter_url: str) -> None:
    status, text = fetch(f"{exporter_url}/metrics")
    samples = parse(text)
    assert status == 200
    assert value(samples, "photogen_jobs_total", kind="portrait", outcome="succeeded") == 2
    assert value(samples, "photogen_jobs_in_state", status="queued") == 1
    assert value(samples, "photogen_stage_duration_seconds_count", stage="train", outcome="succeeded") == 1
    assert value(samples, "photogen_stage_duration_seconds_bucket", stage="train", outcome="lost", le="40.0") == 1
    assert value(samples, "photogen_stage_progress_ratio", stage="preprocess") == 0.25
    assert value(samples, "photogen_images_total") == 5


def test_healthy_when_all_three_are_seen(exporter_url: str) -> None:
    await_true(lambda: fetch(f"{exporter_url}/health") == (200, "fresh\n"), "all three watchers")
    samples = parse(fetch(f"{exporter_url}/metrics")[1])
    assert value(samples, "photogen_queue_depth", queue="train", state="ready") == 0
    assert value(samples, "photogen_workers", queue="train") == 0


def test_labels_name_no_one(exporter_url: str) -> None:
    labels = {name for _, found in parse(fetch(f"{exporter_url}/metrics")[1]) for name, _ in found}
    assert labels <= {
        "kind",
        "outcome",
        "status",
        "stage",
        "error",
        "queue",
        "state",
        "action",
        "watcher",
        "le",
    }


@pytest.mark.usefixtures("sqlite")
def test_answers_at_once_without_a_broker(tmp_path: Path) -> None:
    write_rows()
    assert os.environ["PHOTOGEN_BROKER_URL"] == UNROUTABLE
    with exporter(tmp_path / "log") as url:
        began = time.monotonic()
        status, text = fetch(f"{url}/metrics")
        assert time.monotonic() - began < SCRAPE_SECONDS
        assert status == 200
        assert "photogen_queue_depth" not in text
        assert fetch(f"{url}/health") == (503, "stale: broker, workers\n")


def test_knows_two_paths(exporter_url: str) -> None:
    assert fetch(f"{exporter_url}/")[0] == 404
