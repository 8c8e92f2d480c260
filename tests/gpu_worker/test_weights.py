"""Which weights a base model of the hub stands for, without a hub: its cache as huggingface_hub lays it."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from gpu_worker.weights import hash_base_model

COMMITS = "a" * 40, "b" * 40


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path / "models--owner--name"


def fetched(cache: Path, commit: str, branch: str = "main") -> None:
    """What a download leaves: the branch's commit, and the files of that commit."""
    (cache / "refs").mkdir(parents=True, exist_ok=True)
    (cache / "refs" / branch).write_text(commit)
    (cache / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
    (cache / "snapshots" / commit / "model_index.json").write_text("{}")


def test_a_branch_that_moved_is_another_base_model(cache: Path) -> None:
    found = []
    for commit in COMMITS:
        fetched(cache, commit)
        found.append(hash_base_model("owner/name", None))
    assert found == [f"owner/name@{commit}" for commit in COMMITS]


def test_a_revision_is_told_by_its_commit(cache: Path) -> None:
    fetched(cache, COMMITS[0], "v1.5")
    assert hash_base_model("owner/name", "v1.5") == hash_base_model("owner/name", COMMITS[0])


def test_what_was_never_fetched_is_told_by_its_revision(cache: Path) -> None:
    assert hash_base_model("owner/name", None) == "owner/name@main"
    assert hash_base_model("owner/name", "v1.5") == "owner/name@v1.5"
