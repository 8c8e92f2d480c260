"""What the commands of `photogen` share: where the API is and with which key, a console, a folder's photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from photogen_tasks.config import settings
from photogen_tasks.errors import UsageError

if TYPE_CHECKING:
    from photogen_tasks.client import Client

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"}
Url = Annotated[str, typer.Option(envvar="PHOTOGEN_URL", help="Where the API is.")]
Key = Annotated[str, typer.Option(envvar="PHOTOGEN_API_KEY", help="Default: the local tenant's, beside the data.")]
Photos = Annotated[Path, typer.Argument(help="A folder of photos of one person.", exists=True, file_okay=False)]


def console() -> Console:
    return Console(highlight=False)


def client(url: str, key: str) -> Client:
    """Raises UsageError with `no_key` when there is none, neither given nor beside the data."""
    from photogen_tasks.client import Client

    file = settings().data_dir / "key"
    key = key or (file.read_text().strip() if file.exists() else "")
    if not key:
        raise UsageError("no_key", "No API key: start `photogen up` here, or set PHOTOGEN_API_KEY.")
    return Client(url or settings().public_url, key)


def photo_files(folder: Path) -> list[Path]:
    """The folder's photos by name. Raises UsageError with `no_photos` when there are none."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in PHOTO_SUFFIXES)
    if not files:
        raise UsageError("no_photos", f"{folder} holds no JPEG, PNG, WebP or HEIC file.")
    return files
