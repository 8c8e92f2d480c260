"""A warm worker's base model is there when the first job comes."""

from pathlib import Path

import pytest

from gpu_worker.errors import BadWeights
from gpu_worker.generate import engine as rooms
from gpu_worker.generate import warm_up
from gpu_worker.generate.engine import Engine
from gpu_worker.weights import hash_base_model


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A process that has just begun."""
    fresh = Engine()
    monkeypatch.setattr(rooms, "_engine", fresh)
    return fresh


def test_the_base_model_is_held(engine: Engine, random_pocket: Path) -> None:
    warm_up({"base_model": str(random_pocket), "batch_size": 2, "engine_memory": 1.5})
    assert engine.held() == [hash_base_model(str(random_pocket), None)]
    assert engine.budget == 1.5 * 2**30


def test_a_missing_base_model_is_told(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(BadWeights):
        warm_up({"base_model": str(tmp_path)})
    assert engine.held() == []
