"""Every file of the corpus, read and judged in a process of its own: the right code, little memory, no crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from queue import Queue
from threading import Lock
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpu_worker.errors import BadPhotos
from gpu_worker.gate.findings import PHOTO
from gpu_worker.preprocess import PreprocessConfig, preprocess_photos
from tests.gpu_worker.hostile.case import Case
from tests.gpu_worker.hostile.corpus import CASES
from tests.gpu_worker.hostile.strangers import NAMES
from tests.gpu_worker.hostile.trial import SIDE, look

ROOT = Path(__file__).parents[3]
MOST_MEMORY = 1024**3
REFUSALS = {"unreadable_photo", "photo_too_large", "photo_too_small"}  # without a look at what is shown

AT_ONCE = min(2, os.cpu_count() or 1)

Outcome = dict[str, Any]


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Outcome]]]:
    """What comes of every case that was asked for, by its name; each runs while the tests look at those before it."""
    items: list[Any] = request.session.items
    params = [item.callspec.params for item in items if item.module is request.module and hasattr(item, "callspec")]
    with ExitStack() as stack:
        free: Queue[subprocess.Popen[str]] = Queue()
        for _ in range(AT_ONCE):
            free.put(stack.enter_context(_trial()))
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        stack.callback(pool.shutdown, cancel_futures=True)
        folder = tmp_path_factory.mktemp("cases")
        yield {
            case.name: pool.submit(_outcome, case, folder / str(number), free)
            for number, case in enumerate(param["case"] for param in params)
        }


@contextmanager
def _trial() -> Iterator[subprocess.Popen[str]]:
    """The program that tries each photo in a process of its own."""
    command = [sys.executable, "-m", "tests.gpu_worker.hostile.trial"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


_heavy = Lock()  # large photos one at a time: they would wait for each other's memory


def _outcome(case: Case, folder: Path, free: Queue[subprocess.Popen[str]]) -> Outcome:
    folder.mkdir()
    path = folder / case.file
    with _heavy if case.slow else nullcontext():
        path.write_bytes(case.build())
        trial = free.get()
        try:
            assert trial.stdin
            assert trial.stdout
            print(json.dumps(str(path)), file=trial.stdin, flush=True)
            outcome: Outcome = json.loads(trial.stdout.readline())
        finally:
            free.put(trial)
            path.unlink()
    return outcome


def as_param(case: Case) -> Any:
    return pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else [])


def test_the_corpus_is_large_and_no_name_comes_twice() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 150


@pytest.mark.parametrize("case", [as_param(case) for case in CASES])
def test_what_comes_of_it(case: Case, outcomes: dict[str, Future[Outcome]]) -> None:
    outcome = outcomes[case.name].result()
    assert outcome["signal"] is None
    assert outcome["code"] == case.expected
    assert outcome["peak"] < MOST_MEMORY
    assert outcome["warnings"] == []
    if case.expected == "ok":
        assert (outcome["mode"], outcome["metadata"]) == ("RGB", [])
        assert set(outcome["found"]) <= PHOTO.keys() - REFUSALS
        assert {case.due} <= {"", *outcome["found"]}
        _compare(outcome, case)
    else:
        assert outcome["sentence"].startswith("Photo 3 ")
        assert outcome["found"] == [case.expected]


def _compare(outcome: Outcome, case: Case) -> None:
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
