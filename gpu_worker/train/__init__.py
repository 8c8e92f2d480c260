"""The stage `train`: weights that make the base model draw one person.

Read it downwards: settings (config, defaults), what is learnt (lessons, class_images, captions), how (trainer,
checkpoints), and what is told of it (curves). Images are drawn with the result by `generate`.
"""

from typing import TYPE_CHECKING, Any

from gpu_worker.train.config import TrainConfig

if TYPE_CHECKING:
    from gpu_worker.train.dreambooth import train_dreambooth

__all__ = ["TrainConfig", "train_dreambooth"]


def __getattr__(name: str) -> Any:
    """`train_dreambooth` for who asks for it: settings are also checked where torch is not installed."""
    if name != "train_dreambooth":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from gpu_worker.train.dreambooth import train_dreambooth

    return train_dreambooth
