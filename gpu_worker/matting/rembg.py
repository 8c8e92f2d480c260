"""The backend `rembg`: the networks that the library rembg runs (BiRefNet, IS-Net, U²-Net), from files of your own.

Nothing is downloaded: each network's file must lie in the configured folder, with its SHA-256 beside it as
`sha256sum MODEL.onnx > MODEL.onnx.sha256` writes it. Needs the extra `rembg`, whose library
is MIT-licensed; the weights carry licences of their own (BiRefNet MIT; IS-Net, U²-Net Apache-2.0; others vary with the
data they learnt from), so read them before a customer's photo goes through. BRIA's, which asks for a paid agreement,
is left out, and so are sessions that send photos away.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gpu_worker.errors import BadWeights, WorkError
from gpu_worker.weight_files import check_hash

MODELS = (
    "birefnet-portrait",
    "birefnet-general",
    "birefnet-general-lite",
    "birefnet-massive",
    "birefnet-hrsod",
    "birefnet-dis",
    "birefnet-cod",
    "isnet-general-use",
    "u2net",
    "u2netp",
    "u2net_human_seg",
    "silueta",
    "u2net_custom",  # any network of U²-Net's input and output
    "dis_custom",  # any of IS-Net's
)


class RembgMatting:
    """One of rembg's sessions on FOLDER/MODEL.onnx.

    rembg stretches each answer to reach from 0 to 1, so it sees somebody in empty rooms too.
    Raises BadWeights when the model is unknown, its file missing, changed or no ONNX network; WorkError without the
    extra.
    """

    def __init__(self, model: str, folder: str | Path | None) -> None:
        if model not in MODELS:
            raise BadWeights(f"rembg's model {model} is not among {', '.join(MODELS)}")
        file = Path(folder or "") / f"{model}.onnx"
        if not folder or not file.is_file():
            raise BadWeights(f"rembg's model {model} is expected at {file if folder else f'rembg_weights/{file}'}")
        check_hash(file)
        self.name = f"rembg/{model}"
        self._session = _session(model, file)

    def alpha(self, image: np.ndarray) -> np.ndarray:
        """float64 (H, W) in [0, 1] of RGB, uint8 (H, W, 3); rembg answers in 8 bits."""
        with np.errstate(divide="ignore", invalid="ignore"):  # a level answer cannot be stretched: it becomes 0
            (mask,) = self._session.predict(Image.fromarray(image))
        return np.asarray(mask, np.float64) / 255


def _session(model: str, file: Path) -> Any:
    """rembg's own session, told where its file lies instead of fetching it."""
    try:
        import onnxruntime  # before rembg, which ends the process where it is missing
        from rembg.sessions import sessions
    except ImportError as error:
        raise WorkError(f"the matting `rembg` needs the extra: pip install 'photogen[rembg]' ({error})") from error

    class Local(sessions[model]):  # type: ignore[misc]  # a class by its name
        @classmethod
        def download_models(cls, *args: Any, **kwargs: Any) -> str:
            return str(file)

    try:
        return Local(model, onnxruntime.SessionOptions(), model_path=str(file))
    except Exception as error:  # onnxruntime's errors have no class in common
        raise BadWeights(f"{file} is not a network that rembg can run: {error}") from error
