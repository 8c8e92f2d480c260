"""Trains, draws and scores what is to be measured, and writes it down at once; what is measured is decided elsewhere.

A stopped training goes on from the trainer's last checkpoint.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import diffusers.utils.logging
import transformers.utils.logging

from gpu_worker.contact_sheet import contact_sheet
from gpu_worker.errors import TrainingDiverged
from gpu_worker.images import read_rgb
from gpu_worker.score import AttributeScorer
from gpu_worker.shared_folder import SharedFolder
from gpu_worker.stage import OnStep
from gpu_worker.subject_match import read_images
from gpu_worker.train import train_dreambooth
from gpu_worker.train.variants import instance_paths
from gpu_worker.weights import RECORD
from tests.benchmarks import quality_scores as scores
from tests.benchmarks.quality_customers import Customer, prepare
from tests.benchmarks.quality_images import Artist, Images
from tests.benchmarks.quality_likeness import SecondLikeness
from tests.benchmarks.quality_prompts import described, prompts
from tests.benchmarks.quality_recipes import DESCRIBED, PHOTOS_ALONE
from tests.benchmarks.quality_results import Key, Line, Results
from tests.benchmarks.quality_scale import IMAGE_STEPS, Look
from tests.benchmarks.quality_share import alone
from tests.benchmarks.quality_training import Training
from tests.benchmarks.quality_weights import at_step, unnamed

DIGITS = 4


class Laboratory:
    """Everything of one run lies in `work`; `on_step` is called often, and whatever it raises stops the work."""

    def __init__(self, base_model: str, work: Path, results: Results, second: SecondLikeness, on_step: OnStep) -> None:
        for library in (diffusers.utils.logging, transformers.utils.logging):
            library.disable_progress_bar()
        self.work, self.results, self.second, self._on_step = work, results, second, on_step
        self.artist = Artist(base_model, on_step)
        self.scorer = AttributeScorer.load(Path(base_model) / "scorer")

    def measure_base(self, seed: int, look: Look, key: Key) -> None:
        """Images of the base model without any training: the class noun stands for the subject, alone or, of the recipe
        DESCRIBED, with the customer's looks in words. Of PHOTOS_ALONE nothing is drawn.
        """
        customer = prepare(seed, self.work)
        if key.recipe == PHOTOS_ALONE:
            self.results.add(key, _rounded(scores.of_photos(customer, self.scorer, self.second)))
            return
        began = time.monotonic()
        name = f"{key.recipe.replace(' ', '-')}-{seed}"
        folder = self.work / "images" / name
        asked = prompts(look.prompts)
        if key.recipe == DESCRIBED:
            asked = described(customer.class_noun, customer.identity, look.prompts)
        images = self.artist.of_prompts(None, customer.class_noun, asked, look.images, folder)
        told = self._judged(customer, images, look) | {"drift": 0.0, "draw_seconds": _since(began)}
        self._keep_sheet(customer, folder, look, name)
        self.results.add(key, told)

    def measure(self, training: Training) -> None:
        """Train, unless an earlier run did, and judge each train step that is left; a training that diverges is worth
        nothing at any: no customer would get its weights.
        """
        customer = prepare(training.customer, self.work, training.photos)
        folder = self.work / "trainings" / f"{_word(training)}-{training.fingerprint}"
        try:
            told = self._train(training, customer, folder)
        except TrainingDiverged as error:
            for step in training.left(self.results):
                self.results.add(training.key(step), scores.NOTHING | {"diverged": str(error)})
        for step in training.left(self.results):
            began, look, end = time.monotonic(), training.look(step), step == training.steps[-1]
            subject = folder / "train"
            if not end:
                subject = folder / "midway" / "train"
                at_step(folder / "checkpoints", step, training.config, subject)
            line = self._look_at(customer, subject, look, folder, training.base_hash)
            if end:
                self._keep_sheet(customer, folder / "images", look, _word(training))
            self.results.add(training.key(step), line | {"draw_seconds": _since(began)} | (told if end else {}))
        shutil.rmtree(folder)

    def _train(self, training: Training, customer: Customer, folder: Path) -> Line:
        """What the trainer tells of it; `train_seconds` is None of a training that was resumed."""
        outputs = folder / "train"
        if not (outputs / RECORD).is_file():
            shutil.rmtree(outputs, ignore_errors=True)
            outputs.mkdir(parents=True)
            train_dreambooth(
                customer.folder,
                outputs,
                training.config,
                on_step=self._on_step,
                checkpoints=folder / "checkpoints",
                shared=SharedFolder(self.work / "shared"),
            )
        report = json.loads((outputs / "report.json").read_text())
        seconds = sum(phase["seconds"] for phase in report["phases"].values())
        whole = report["resumed_from"] == 0
        return {"chosen": report["choice"]["step"], "train_seconds": round(seconds, 1) if whole else None}

    def _look_at(self, customer: Customer, subject: Path, look: Look, folder: Path, base_hash: str) -> Line:
        asked = prompts(look.prompts)
        images = self.artist.of_prompts(subject, customer.class_noun, asked, look.images, folder / "images")
        told = self._judged(customer, images, look)
        if look.class_images:
            before = self._class_before(customer.class_noun, look.class_images, base_hash)
            unnamed(subject, folder / "unnamed" / "train")
            after = self.artist.of_class(
                folder / "unnamed" / "train", customer.class_noun, look.class_images, folder / "class"
            )
            told["drift"] = round(scores.drift(self.scorer, before, after), DIGITS)
        return told

    def _class_before(self, noun: str, count: int, base_hash: str) -> Images:
        """Drawn once for each base model: images.json is written after all of them."""
        folder = self.work / "images" / f"{noun}-{count}-{IMAGE_STEPS}-{base_hash[:12]}"
        with alone(folder):
            if (folder / "images.json").is_file():
                return read_images(folder)
            return self.artist.of_class(None, noun, count, folder)

    def _judged(self, customer: Customer, images: Images, look: Look) -> Line:
        asked = [prompt for prompt in prompts(look.prompts) for _ in range(look.images)]
        seen = self.scorer.judge(images)
        photos = [read_rgb(path) for path in instance_paths(customer.folder / "preprocess", customer.folder / "matte")]
        told: dict[str, float | None] = {
            "likeness": self.scorer.subject_match(images, customer.identity),
            "likeness_2": self.second.of(images, customer.photos()),
            "adherence": scores.adherence(seen, asked),
            "diversity": scores.diversity(images, asked),
            "leakage": scores.leakage(seen, asked, customer.room),
            "copy_distance": scores.copy_distance(images, photos),
        }
        return _rounded(told)

    def _keep_sheet(self, customer: Customer, images: Path, look: Look, name: str) -> None:
        """For people to look at."""
        drawn = sorted(images.glob("*.png"))
        rows = [(p.text, drawn[n * look.images : (n + 1) * look.images]) for n, p in enumerate(prompts(look.prompts))]
        folder = self.work / "sheets"
        folder.mkdir(exist_ok=True)
        photos = sorted((customer.folder / "photos").iterdir())
        contact_sheet([("photos", photos), *rows]).save(folder / f"{name}.jpg", quality=88)


def _rounded(told: Mapping[str, float | None]) -> Line:
    return {name: None if value is None else round(float(value), DIGITS) for name, value in told.items()}


def _word(training: Training) -> str:
    return f"{training.recipe}-{training.customer}".replace(" ", "-")


def _since(began: float) -> float:
    return round(time.monotonic() - began, 1)
