"""Every file of the corpus, read in a process of its own: the right outcome, little memory, no crash."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpu_worker.errors import BadPhotos
from gpu_worker.preprocess import PreprocessConfig, preprocess_photos
from tests.gpu_worker.hostile.case import Case
from tests.gpu_worker.hostile.corpus import CASES
from tests.gpu_worker.hostile.strangers import NAMES
from tests.gpu_worker.hostile.trial import SIDE, look

ROOT = Path(__file__).parents[3]
MOST_MEMORY = 1024**3

Try = Callable[[Path], dict[str, Any]]


@pytest.fixture(scope="module")
def tried() -> Iterator[Try]:
    """The program that reads each photo in a process of its own."""
    command = [sys.executable, "-m", "tests.gpu_worker.hostile.trial"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        asked, answers = process.stdin, process.stdout

        def ask(path: Path) -> dict[str, Any]:
            print(json.dumps(str(path)), file=asked, flush=True)
            answer: dict[str, Any] = json.loads(answers.readline())
            return answer

        yield ask


def as_param(case: Case) -> Any:
    return pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else [])


def test_the_corpus_is_large_and_no_name_comes_twice() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 150


@pytest.mark.parametrize("case", [as_param(case) for case in CASES])
def test_what_comes_of_it(case: Case, tried: Try, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.build())
    outcome = tried(path)
    path.unlink()
    assert outcome["signal"] is None
    assert outcome["code"] == case.expected
    assert outcome["peak"] < MOST_MEMORY
    assert outcome["warnings"] == []
    if case.expected == "ok":
        assert (outcome["mode"], outcome["metadata"]) == ("RGB", [])
        _compare(outcome, case)
    else:
        assert outcome["sentence"].startswith("Photo 3 ")


def _compare(outcome: dict[str, Any], case: Case) -> None:
    if case.look is None:
        return
    wanted = case.look()
    assert tuple(outcome["size"]) == wanted.size
    seen = Image.frombytes("RGB", (SIDE, SIDE), bytes.fromhex(outcome["look"]))
    apart = np.abs(np.asarray(seen).astype(int) - np.asarray(look(wanted)))
    assert apart.max() <= case.tolerance


def test_no_file_name_reaches_a_sentence_or_breaks_the_report(tmp_path: Path) -> None:
    photos, outputs = tmp_path / "in" / "photos", tmp_path / "out"
    photos.mkdir(parents=True)
    outputs.mkdir()
    for name in NAMES:
        (photos / name).write_bytes(b"no photo")
    with pytest.raises(BadPhotos) as refusal:
        preprocess_photos(tmp_path / "in", outputs, PreprocessConfig(max_photos=len(NAMES)))
    whole = " ".join(f"Photo {n} is not a whole JPEG, PNG, WebP or HEIC image." for n in range(1, len(NAMES) + 1))
    assert refusal.value.sentence.endswith(whole)
    assert refusal.value.sentence.isprintable()
    told = json.loads((outputs / "report.json").read_text())
    assert [photo["source"] for photo in told["photos"]] == sorted(NAMES)
