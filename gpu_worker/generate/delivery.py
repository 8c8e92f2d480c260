"""Images with evidence: drawn, judged, and drawn again with a new seed until enough are accepted or the budget ends.

How an image is drawn stands in batches, how it is judged in evidence.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from gpu_worker.device import telling_out_of_memory
from gpu_worker.errors import NothingAccepted, OutOfMemory
from gpu_worker.evidence.findings import Evidence, delivery
from gpu_worker.evidence.judge import Judge
from gpu_worker.generate.batches import Drawn, Painter, Step
from gpu_worker.generate.config import GenerateConfig
from gpu_worker.generate.engine import Resident, engine, loaded
from gpu_worker.generate.named_loras import SUBJECT, check
from gpu_worker.generate.plans import Plan, chosen_style, plan_images
from gpu_worker.generate.subjects import is_scalable, read_names
from gpu_worker.prompt_language import FILLED, parse
from gpu_worker.prompts import Style
from gpu_worker.provenance import record as records
from gpu_worker.provenance.record import MadeBy, made_by, record_of
from gpu_worker.provenance.writing import write_image
from gpu_worker.stage import OnStep, silent


class Judging(Protocol):
    """Whoever says which images may go out."""

    def judge(self, image: Any, prompt: str) -> Evidence:
        """Of an RGB image, uint8 (H, W, 3), and what it was to show."""
        ...


def generate_images(
    inputs: Path,
    outputs: Path,
    config: GenerateConfig,
    *,
    on_step: OnStep | None = None,
    judge: Judging | None = None,
) -> None:
    """Draw `num_images_per_prompt` images for each prompt, with the subject's weights in inputs/train.

    Without inputs/train the base model draws them, the class noun standing for the subject. An image that is rejected
    is drawn again with a new seed, `draws_per_image` times at most. Writes outputs/NNN.png for those accepted and
    outputs/images.json, of which `settings` draw the same bytes again on the same machine, whatever its process drew
    before. Raises BadStyle, BadPrompt, BadWeights, OutOfMemory, NothingAccepted.
    """
    style = chosen_style(config)
    folder = inputs / "train" if (inputs / "train").is_dir() else None
    plans = plan_images(style, config, *(read_names(folder) if folder else ("", config.class_noun)))
    check(plans, config.loras, full_subject=folder is not None and not is_scalable(folder))
    judge = judge or Judge.of(config.base_model, folder, config.limits, config.clip_weights, painted=style.painted)
    config = config.model_copy(update={"batch_size": min(config.batch_size, len(plans))})
    rising = _rising(on_step or silent)
    while not _deliver(folder, outputs, plans, style, config, judge, rising):
        config = config.model_copy(update={"batch_size": max(1, config.batch_size // 2)})


def _deliver(
    folder: Path | None,
    outputs: Path,
    plans: Sequence[Plan],
    style: Style,
    config: GenerateConfig,
    judge: Judging,
    on_step: OnStep,
) -> bool:
    """False when memory is too short for such a batch: then all begins anew, for batches show in the last bits."""
    try:
        with telling_out_of_memory(), loaded(config) as resident:
            subject = engine().subject(folder) if folder else None
            job = Delivery(Painter(resident, subject, style, config), config, judge, on_step)
            job.draw(plans)
            job.write(outputs, _made_by(resident, folder, job.settings(), plans, style))
            return True
    except OutOfMemory:
        if not engine().make_room(config.base_model) and config.batch_size == 1:
            raise
    return False


def _rising(on_step: OnStep) -> OnStep:
    """Progress that never falls: what is drawn again makes the whole longer."""
    highest = 0.0

    def report(progress: float, line: str) -> None:
        nonlocal highest
        highest = max(highest, min(1.0, progress))
        on_step(highest, line)

    return report


class Delivery:
    """One job's images: what is accepted so far, and what had to be thrown away."""

    def __init__(self, painter: Painter, config: GenerateConfig, judge: Judging, on_step: OnStep) -> None:
        self._painter = painter
        self._config = config
        self._judge = judge
        self._on_step = on_step
        self._wanted = 0
        self._floor = 0.0
        self._judged: list[Evidence] = []
        self._accepted: dict[int, tuple[Drawn, Evidence]] = {}

    def draw(self, plans: Sequence[Plan]) -> None:
        """Until each plan has an accepted image, or its draws are used up. Raises NothingAccepted."""
        self._wanted = len(plans)
        left = list(plans)
        for redraws in range(self._config.draws_per_image):
            self._floor = 1 - 0.1**redraws
            self._draw_once(left)
            left = [plan.again(self._wanted) for plan in left if plan.number not in self._accepted]
            if not left:
                break
        self._on_step(1.0, f"{len(self._accepted)} of {self._wanted} images accepted")
        if not self._accepted:
            raise NothingAccepted(len(self._judged), delivery(self._wanted, self._judged)["rejected"])

    def _draw_once(self, plans: list[Plan]) -> None:
        first = len(self._judged)
        for batch in self._painter.batches(plans):
            for drawn in self._painter.draw(batch, self._report(len(batch), first, len(plans))):
                evidence = self._judge.judge(drawn.pixels, drawn.plan.prompt)
                self._judged.append(evidence)
                if evidence.accepted:
                    self._accepted[drawn.plan.number] = (drawn, evidence)

    def _report(self, count: int, first: int, total: int) -> Step:
        """Each round of draws takes nine tenths of the bar that is left: nobody knows how many follow."""
        before, floor = len(self._judged) - first, self._floor

        def report(step: int, steps: int) -> None:
            line = f"images {first + before + 1}-{first + before + count}/{first + total} inference step {step}/{steps}"
            self._on_step(floor + 0.9 * (1 - floor) * (before + count * step / steps) / total, line)

        return report

    def settings(self) -> GenerateConfig:
        """The job's, with what was chosen by what the machine had free."""
        return self._config.model_copy(update={"decoding": self._painter.decoding})

    def write(self, outputs: Path, made_by: MadeBy) -> None:
        """NNN.png for each accepted image, and images.json."""
        told = []
        for number in sorted(self._accepted):
            drawn, evidence = self._accepted[number]
            told.append(self._told(drawn, evidence))
            write_image(drawn.pixels, outputs / told[-1].file, told[-1], made_by)
        counts = delivery(self._wanted, self._judged)
        record_of(told, made_by, records.Delivery(**counts)).write(outputs)

    def _told(self, drawn: Drawn, evidence: Evidence) -> records.Drawn:
        plan, config, drawing = drawn.plan, self._config, self._painter.drawing
        return records.Drawn(
            file=f"{plan.number:03d}.png",
            prompt_index=plan.prompt_index,
            prompt=plan.prompt,
            negative_prompt=plan.negative_prompt,
            seed=plan.seed,
            width=drawn.pixels.shape[1],
            height=drawn.pixels.shape[0],
            first_width=drawing.width,
            first_height=drawing.height,
            sampler=self._painter.sampler_title,
            num_inference_steps=drawing.steps,
            guidance_scale=drawing.guidance,
            hires_scale=config.hires_scale,
            hires_strength=config.hires_strength if config.hires_scale else None,
            faces_redrawn=drawn.faces,
            evidence=evidence.told(),
        )


def _made_by(
    resident: Resident, subject: Path | None, config: GenerateConfig, plans: Sequence[Plan], style: Style
) -> MadeBy:
    named = {lora.name for plan in plans for lora in parse(plan.prompt, limits=FILLED).loras} - {SUBJECT}
    loras = {name: config.loras / f"{name}.safetensors" for name in named if config.loras}
    return made_by(
        config.model_dump(mode="json"),
        config.base_model,
        resident.sha256,
        resident.base.denoiser.device,
        resident.base.denoiser.dtype,
        subject=subject,
        loras=loras,
        style=style.model_dump(mode="json"),
    )
