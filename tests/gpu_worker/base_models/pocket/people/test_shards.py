"""A run on disk: whole shards only, continued where it stopped, equal to a run that never stopped."""

import json
from pathlib import Path

import numpy as np
import pytest

from gpu_worker.base_models.pocket.people.shards import Plan, read, write, write_shard

pytestmark = pytest.mark.usefixtures("drawer")


def plan(out: Path) -> Plan:
    return Plan(out, count=5, size=32, seed=1, shots_per_person=2.0, shard=2)


def test_a_stopped_run_draws_only_what_is_missing(tmp_path: Path) -> None:
    wanted = plan(tmp_path)
    write_shard(wanted, 0)
    before = wanted.path(0).stat().st_mtime_ns
    (tmp_path / "shard-00001.npz.1.part").write_bytes(b"half a shard")
    reported: list[tuple[int, int]] = []
    assert write(wanted, 1, lambda done, total: reported.append((done, total))) == 2
    assert reported == [(2, 3), (3, 3)]
    assert wanted.path(0).stat().st_mtime_ns == before
    assert write(wanted, 1) == 0


def test_what_a_shard_holds(tmp_path: Path) -> None:
    wanted = plan(tmp_path)
    for number in wanted.numbers():
        write_shard(wanted, number)
    shards = list(read(tmp_path))
    assert [len(lines) for _, lines in shards] == [2, 2, 1]
    with np.load(shards[0][0]) as kept:
        assert kept["images"].shape == (2, 32, 32, 3)
        assert kept["images"].dtype == np.uint8
        assert kept["alphas"].shape == (2, 32, 32)
        assert kept["alphas"].dtype == np.uint8
    first = shards[0][1][0]
    assert set(first) == {"caption", "person", "shot", "attributes", "landmarks", "skeleton"}
    points = first["landmarks"]
    assert isinstance(points, dict)
    assert len(points["nose tip"]) == 3
    people = [line["person"] for _, lines in shards for line in lines]
    assert people == [1_000_000, 1_000_000, 1_000_001, 1_000_001, 1_000_002]
    assert json.loads(wanted.path(0).with_suffix(".jsonl").read_text().splitlines()[0])["caption"]
