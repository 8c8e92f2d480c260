"""Checkpoints as files: whole or absent, the newest kept, another training's left alone."""

from pathlib import Path

import pytest
import torch

from gpu_worker.train import checkpoints as saves


def progress(value: float, steps: int) -> saves.Progress:
    """One parameter that was stepped once."""
    parameter = torch.nn.Parameter(torch.full((2, 3), value))
    optimizer = torch.optim.AdamW([parameter], lr=0.0)
    parameter.grad = torch.ones(2, 3)
    optimizer.step()
    return saves.Progress([parameter], [optimizer], torch.Generator().manual_seed(1), [0.5] * steps)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_only_the_newest_are_kept_and_other_files_stay(tmp_path: Path) -> None:
    for name in ("candidate-000001.safetensors", "micro_batch.json"):
        (tmp_path / name).write_bytes(b"another's")
    for step in (1, 2, 3, 12):
        saves.save(tmp_path, progress(float(step), step), "f", keep=2)
    kept = ["step-000003.safetensors", "step-000012.safetensors"]
    assert names(tmp_path) == ["candidate-000001.safetensors", "micro_batch.json", *kept]


def test_the_newest_of_this_training_is_taken(tmp_path: Path) -> None:
    saves.save(tmp_path, progress(1.0, 1), "mine", keep=3)
    saves.save(tmp_path, progress(2.0, 2), "mine", keep=3)
    saves.save(tmp_path, progress(3.0, 3), "another's", keep=3)
    fresh = progress(0.0, 0)
    assert saves.restore(tmp_path, fresh, "mine")
    assert fresh.parameters[0][0, 0].item() == 2.0
    assert fresh.losses == [0.5, 0.5]
    named = {before: saves.newest(tmp_path, "mine", before) for before in (1, 2, 3, 9)}
    assert {before: path.name if path else None for before, path in named.items()} == {
        1: None,
        2: "step-000001.safetensors",
        3: "step-000002.safetensors",
        9: "step-000002.safetensors",
    }


def test_none_of_this_training(tmp_path: Path) -> None:
    assert not saves.restore(tmp_path / "nowhere", progress(0.0, 0), "mine")
    saves.save(tmp_path, progress(1.0, 1), "another's")
    fresh = progress(0.0, 0)
    assert not saves.restore(tmp_path, fresh, "mine")
    assert saves.newest(tmp_path, "mine", 9) is None
    assert fresh.parameters[0][0, 0].item() == 0.0


def test_a_save_that_fails_leaves_the_earlier_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saves.save(tmp_path, progress(1.0, 1), "mine")

    def full(tensors: object, path: Path, metadata: object) -> None:
        Path(path).write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saves, "save_file", full)
    with pytest.raises(OSError, match="space"):
        saves.save(tmp_path, progress(2.0, 2), "mine")
    fresh = progress(0.0, 0)
    assert saves.restore(tmp_path, fresh, "mine")
    assert len(fresh.losses) == 1
