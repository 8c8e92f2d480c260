"""Workers are counted by the queues they take."""

from __future__ import annotations

from monitoring.workers import tally


def test_counts_workers_and_busy_ones_by_queue() -> None:
    queues = {
        "infer-gpu0@a": [{"name": "infer"}],
        "infer-gpu1@a": [{"name": "infer"}],
        "all@b": [{"name": "cpu"}, {"name": "infer"}],
    }
    active = {"infer-gpu0@a": [{"id": "x"}], "infer-gpu1@a": [], "all@b": []}
    seen = tally(queues, active)
    assert seen.workers == {"cpu": 1, "train": 0, "infer": 3, "inspect": 0}
    assert seen.busy == {"cpu": 0, "train": 0, "infer": 1, "inspect": 0}


def test_no_answer_means_no_worker() -> None:
    assert tally({}, {}).workers == dict.fromkeys(("cpu", "train", "infer", "inspect"), 0)
