"""Checkpoints that are damaged or lie: the training starts anew, as if there were none, and no code of theirs runs."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gpu_worker.train import TrainConfig, checkpoints
from gpu_worker.train.lessons import Lesson
from gpu_worker.train.trainer import Trainer
from gpu_worker.weights import LORA_FILE, open_base_model
from tests.gpu_worker.hostile_weights import files as hostile
from tests.gpu_worker.hostile_weights.conftest import SMALL, train

BYTES = list(hostile.no_safetensors(Path("x")))


class Stop(Exception):
    """What an orchestrator raises to end the work."""


@pytest.fixture(scope="module")
def saved(photos: Path, random_pocket: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoint of a training that was stopped after two of its four train steps."""
    where = tmp_path_factory.mktemp("saved")

    def stop(progress: float, line: str) -> None:
        if line.startswith("train step 2/"):
            raise Stop

    with pytest.raises(Stop):
        train(photos, random_pocket, where / "out", on_step=stop, checkpoints=where / "kept")
    assert [file.name for file in (where / "kept").iterdir()] == ["step-000002.safetensors"]
    return where / "kept"


def told(file: Path, **values: str) -> None:
    """Change the words in a checkpoint's header."""
    with safe_open(file, framework="pt") as opened:
        before = opened.metadata()
    save_file(load_file(file), file, metadata=before | values)


def swapped(name: str, tensor: torch.Tensor) -> Callable[[Path], object]:
    return lambda file: hostile.rewritten(file, lambda held: held.update({name: tensor}))


def without(name: str) -> Callable[[Path], object]:
    return lambda file: hostile.rewritten(file, lambda held: held.pop(name))


def piped(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-100]),
    "NaN": lambda file: hostile.rewritten(file, lambda held: held["1.value"].fill_(float("nan"))),
    "inf among the moments": lambda file: hostile.rewritten(file, lambda held: held["1.exp_avg"].fill_(float("inf"))),
    "another shape": swapped("1.value", torch.zeros(3, 3)),
    "a shape that would be broadcast": swapped("1.value", torch.zeros(())),
    "whole numbers": swapped("1.value", torch.zeros(3, dtype=torch.int64)),
    "a moment missing": without("1.exp_avg_sq"),
    "no generator": without("generator"),
    "a generator of another size": swapped("generator", torch.zeros(7, dtype=torch.uint8)),
    "a generator of zeros": swapped("generator", torch.zeros(5056, dtype=torch.uint8)),
    "a generator of floats": swapped("generator", torch.zeros(5056)),
    "losses that are no JSON": lambda file: told(file, losses="["),
    "losses that are none": lambda file: told(file, losses="{}"),
    "losses in lists": lambda file: told(file, losses="[" * 100_000),
    "losses that are not numbers": lambda file: told(file, losses='["a", "b"]'),
    "losses that are NaN": lambda file: told(file, losses="[NaN, Infinity]"),
    "prior losses of other train steps": lambda file: told(file, prior_losses="[0.5]"),
    "no optimisers": lambda file: told(file, optimizers="[]"),
    "learning rates in words": lambda file: told(file, optimizers='[[{"lr": "high"}, {"lr": "low"}]]'),
    "a scheduler before its first step": lambda file: told(file, lr_schedulers="[[-5, 1]]"),
    "schedulers that are none": lambda file: told(file, lr_schedulers="7"),
    "a table of contents with nothing in it": lambda file: told(file, tensors="[]"),
    "a table of contents with more than there is": lambda file: told(file, tensors='["0.value", "generator", "x.y"]'),
    "a table of contents that is a number": lambda file: told(file, tensors="3"),
    "states told in the header": lambda file: told(file, plain='{"0": {"step": "x"}}'),
    "states told in lists": lambda file: told(file, plain="[]"),
    "a pipe": piped,
}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [*DAMAGES, *BYTES])
def test_a_damaged_checkpoint_is_passed_over_and_nothing_of_it_stays(
    photos: Path, random_pocket: Path, trained: dict[str, Path], saved: Path, tmp_path: Path, canary: Path, wrong: str
) -> None:
    """The training starts anew and ends with the very weights of one that was never stopped."""
    kept = Path(shutil.copytree(saved, tmp_path / "kept"))
    file = kept / "step-000002.safetensors"
    if wrong in DAMAGES:
        DAMAGES[wrong](file)
    else:
        file.write_bytes(hostile.no_safetensors(canary)[wrong])
    lines: list[str] = []
    outputs = train(
        photos, random_pocket, tmp_path / "out", checkpoints=kept, on_step=lambda _, line: lines.append(line)
    )
    assert not any("going on from" in line for line in lines)
    again, once = (load_file(where / LORA_FILE) for where in (outputs, trained["lora"]))
    assert all(torch.equal(again[name], once[name]) for name in once)


def test_a_good_checkpoint_is_not_passed_over(photos: Path, random_pocket: Path, saved: Path, tmp_path: Path) -> None:
    kept = Path(shutil.copytree(saved, tmp_path / "kept"))
    hostile.rewritten(kept / "step-000002.safetensors", lambda held: held.update(unknown=torch.zeros(3)))
    lines: list[str] = []
    train(photos, random_pocket, tmp_path / "out", checkpoints=kept, on_step=lambda _, line: lines.append(line))
    assert "going on from train step 2/4" in lines


def test_an_older_good_one_is_taken_when_the_newest_is_damaged(tmp_path: Path) -> None:
    parameter = torch.nn.Parameter(torch.ones(2, 3))
    optimizer = torch.optim.AdamW([parameter])
    parameter.grad = torch.ones(2, 3)
    optimizer.step()
    progress = checkpoints.Progress([parameter], [optimizer], torch.Generator().manual_seed(1), [0.5])
    older = checkpoints.save(tmp_path, progress, "f")
    (tmp_path / "step-000009.safetensors").write_bytes(older.read_bytes()[:-1])
    fresh = copy.deepcopy(parameter)
    with torch.no_grad():
        fresh.zero_()
    other = checkpoints.Progress([fresh], [torch.optim.AdamW([fresh])], torch.Generator(), [])
    assert checkpoints.restore(tmp_path, other, "f")
    assert torch.equal(fresh, parameter)
    assert other.losses == [0.5]


@pytest.mark.parametrize("wrong", [*DAMAGES, *BYTES])
def test_a_damaged_checkpoint_touches_nothing(saved: Path, random_pocket: Path, tmp_path: Path, wrong: str) -> None:
    """The same, of reading alone."""
    kept = Path(shutil.copytree(saved, tmp_path / "kept"))
    file = kept / "step-000002.safetensors"
    fingerprint = _fingerprint(file)
    if wrong in DAMAGES:
        DAMAGES[wrong](file)
    else:
        file.write_bytes(hostile.no_safetensors(tmp_path / "canary")[wrong])
    progress = _trainer(random_pocket).progress
    before = [parameter.detach().clone() for parameter in progress.parameters]
    assert not checkpoints.restore(kept, progress, fingerprint)
    assert progress.losses == []
    assert all(torch.equal(now, then) for now, then in zip(progress.parameters, before, strict=True))
    assert not any(optimizer.state for optimizer in progress.optimizers)


def test_an_undamaged_one_is_read(saved: Path, random_pocket: Path) -> None:
    """What the test above does not do for another reason."""
    progress = _trainer(random_pocket).progress
    assert checkpoints.restore(saved, progress, _fingerprint(saved / "step-000002.safetensors"))
    assert len(progress.losses) == 2


def _fingerprint(file: Path) -> str:
    with safe_open(file, framework="pt") as opened:
        return str(opened.metadata()["fingerprint"])


def _trainer(folder: Path) -> Trainer:
    """As `train` of the conftest makes it, but for its photos."""
    config = TrainConfig.from_params({"base_model": str(folder), "method": "lora"} | SMALL)
    lesson = Lesson(
        ["a photo"], torch.zeros(1, 4, 16, 16), torch.tensor([0]), torch.zeros(0, 4, 16, 16), torch.tensor([])
    )
    return Trainer(open_base_model(str(folder), None, torch.device("cpu")), lesson, config, 4)
