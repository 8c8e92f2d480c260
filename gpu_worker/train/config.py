"""Settings of a training, named as diffusers' training scripts name them.

What is usual for a base model and a method stands in `defaults`, with its sources; no value is decided by a photo
here except the number of train steps, which `steps_for` takes from how many there are. Read without torch, too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.prompts import fill
from gpu_worker.stage import StageConfig
from gpu_worker.train.defaults import training_defaults, usual_of

if TYPE_CHECKING:
    import torch

Method = Literal["lora", "full", "pivotal"]

# Views that no photo shows, beside the plain one: what was learnt must go along with what was known.
VALIDATION_PROMPTS = (
    "a photo of a {identifier} {class_noun}",
    "a photo of a {identifier} {class_noun} in the snow",
    "a photo of a {identifier} {class_noun} wearing a suit in an office",
    "a photo of a {identifier} {class_noun} on a beach at sunset",
)
# What a job, or an operator's setting of its own, says of every training.
SAID_ELSEWHERE = {"base_model", "revision", "class_noun", "seed", "clip_weights"}


class Hyperparameters(StageConfig):
    """What shapes a train step."""

    method: Method = "lora"
    rank: int = Field(default=16, ge=1)
    lora_alpha: int = Field(default=16, ge=1)
    lora_targets: tuple[str, ...] | None = None  # layers of the denoiser; None: the family's own
    use_dora: bool = False  # DoRA: Liu et al., arXiv 2402.09353
    save_full_as: Literal["folder", "difference"] = "folder"  # of method `full`: whole parts, or what changed in them
    learning_rate: float = Field(default=1e-4, gt=0)
    train_text_encoder: bool = False
    train_text_encoder_frac: float = Field(default=1.0, gt=0, le=1)  # share of the train steps it learns in
    text_encoder_lr: float = Field(default=5e-5, gt=0)  # lower: the text encoder over-fits first
    num_new_tokens: int = Field(default=2, ge=1, le=8)  # of method `pivotal`: what the identifier becomes
    train_text_encoder_ti_frac: float = Field(default=0.5, gt=0, lt=1)  # share of the train steps those learn in first
    token_lr: float = Field(default=3e-4, gt=0)
    train_batch_size: int = Field(default=1, ge=1)  # instance images at once; as many class images come on top
    gradient_accumulation_steps: int = Field(default=1, ge=1)  # times that, one after the other, in each train step
    prior_loss_weight: float = Field(default=1.0, ge=0)
    snr_gamma: float | None = Field(default=None, gt=0)  # min-SNR: Hang et al., arXiv 2303.09556, equation 7
    noise_offset: float = Field(default=0.0, ge=0)
    caption_dropout: float = Field(default=0.0, ge=0, lt=1)  # share of instance images shown without their prompt
    optimizer: Literal["adamw", "prodigy"] = "adamw"
    use_8bit_adam: bool = False  # where bitsandbytes is installed
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_weight_decay: float = 1e-2
    adam_epsilon: float = 1e-8
    max_grad_norm: float = Field(default=1.0, gt=0)
    lr_scheduler: Literal[
        "constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"
    ] = "constant"
    lr_warmup_steps: int = Field(default=0, ge=0)
    lr_num_cycles: int = Field(default=1, ge=1)
    lr_power: float = 1.0
    use_ema: bool = False
    ema_decay: float = Field(default=0.99, gt=0, lt=1)
    mixed_precision: Literal["no", "fp16", "bf16"] | None = None  # None: half on a gpu, none on the CPU
    gradient_checkpointing: bool = False  # slower, and half the memory
    seed: int = 0

    @model_validator(mode="after")
    def _one_optimizer(self) -> Self:
        if self.use_8bit_adam and self.optimizer != "adamw":
            raise ValueError(f"use_8bit_adam goes with the optimizer adamw, not with {self.optimizer}")
        return self


class TrainConfig(Hyperparameters):
    """All that shapes a subject's weights. Prompts may hold {identifier} and {class_noun}."""

    base_model: str = str(WEIGHTS)
    revision: str | None = None
    identifier: str = Field(default="sks", pattern=r"^[A-Za-z0-9]{1,16}$")
    class_noun: str = Field(default="person", pattern=r"^[A-Za-z][A-Za-z -]{0,31}$")
    instance_prompt: str = "a photo of a {identifier} {class_noun}"
    plain_words: str = ", plain background"  # behind the instance prompt where the background was replaced
    caption_photos: bool = False  # say in the instance prompt what each photo shows besides the subject; pocket only
    class_prompts: tuple[str, ...] = Field(default=("a photo of a {class_noun}",), min_length=1)
    num_class_images: int = Field(default=200, ge=0)  # 0: no prior preservation
    class_inference_steps: int = Field(default=25, ge=1)
    class_guidance_scale: float = 7.5
    resolution: int | None = Field(default=None, ge=8, multiple_of=8)  # px; None: the base model's own
    variants_per_photo: int = Field(default=8, ge=1)
    crop_jitter: float = Field(default=0.08, ge=0, le=0.5)  # share of the side by which a variant may be tighter
    random_flip: bool = False  # faces are not symmetrical
    background_probability: float = Field(default=0.5, ge=0, le=1)  # of a variant that shows the cutout on a colour
    background_loss_weight: float = Field(default=0.1, ge=0, le=1)  # of what is not the subject; 1: all count alike
    alpha_dilation: float = Field(default=0.03, ge=0, le=0.5)  # share of the side by which alphas grow first
    max_train_steps: int | None = Field(default=None, ge=1)  # None: as many as the photos ask for
    steps_per_photo: int = Field(default=100, ge=1)
    fewest_train_steps: int = Field(default=800, ge=1)
    most_train_steps: int = Field(default=1600, ge=1)
    checkpointing_steps: int = Field(default=100, ge=1)
    checkpoints_total_limit: int = Field(default=2, ge=1)
    validation_steps: int | None = Field(default=None, ge=1)  # None: four times, the last time at the end
    validation_prompts: tuple[str, ...] = Field(default=VALIDATION_PROMPTS, min_length=1)
    num_validation_images: int = Field(default=2, ge=0)  # of each prompt; 0: the last train step's weights are taken
    validation_inference_steps: int = Field(default=20, ge=1)
    validation_guidance_scale: float = Field(default=7.5, ge=1)
    # Folder of a CLIP network that compares samples with their prompts. It shapes no train step; candidates that it
    # scored bear its hash.
    clip_weights: Path | None = Field(default=None, exclude=True)

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        """Own settings of `params` over the base model's defaults; None means "not given".

        `model_fields_set` tells which were given.
        """
        given = {key: value for key, value in params.items() if value is not None}
        return cls._over(training_defaults(given.get("base_model", str(WEIGHTS)), given.get("method")), given)

    def of_pipe(self, pipe: str) -> Self:
        """The same given, for a base model that has been opened only now; `pipe` is the class of its pipe."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return self._over(usual_of(pipe, given.get("method")), given)

    @classmethod
    def _over(cls, usual: Mapping[str, Any], given: Mapping[str, Any]) -> Self:
        if given.get("optimizer") == "prodigy":
            usual = {**usual, "learning_rate": 1.0}  # it finds the rate, and this scales what it found
        whole = cls.model_validate({**usual, **given})
        set_here = set(cls.model_fields).intersection(given)
        # pydantic's plugin for mypy names this class where cls may be another.
        return cls.model_construct(_fields_set=set_here, **dict(whole))  # type: ignore[return-value]

    @classmethod
    def check_operators(cls, settings: Mapping[str, Any]) -> None:
        """Raises ValueError that names the field, for what an operator cannot say of all his trainings at once."""
        refused = sorted(name for name in settings if name not in cls.model_fields or name in SAID_ELSEWHERE)
        if refused:
            raise ValueError(f"{', '.join(refused)}: unknown, or not for all trainings to share")
        cls.model_validate(settings)

    @property
    def new_tokens(self) -> tuple[str, ...]:
        """What the identifier becomes: the words whose embeddings method `pivotal` learns, none for other methods."""
        return tuple(f"<s{n}>" for n in range(self.num_new_tokens)) if self.method == "pivotal" else ()

    def on(self, device: "torch.device") -> Self:
        """The same with the precision that `device` trains fastest in; bfloat16 needs no scaler where a gpu has it."""
        import torch

        if self.mixed_precision is not None:
            return self
        half = "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp16"
        return self.model_copy(update={"mixed_precision": half if device.type == "cuda" else "no"})

    def prompt(self, text: str) -> str:
        """Fill a prompt of these settings."""
        return fill(text, "".join(self.new_tokens) or self.identifier, self.class_noun)

    def steps_for(self, photos: int) -> int:
        """Train steps for so many instance images."""
        if self.max_train_steps is not None:
            return self.max_train_steps
        return min(max(self.steps_per_photo * photos, self.fewest_train_steps), self.most_train_steps)
