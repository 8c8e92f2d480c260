"""Styles: what can be drawn without writing prompts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse

from api.deps import Tenant
from api.errors import Answers, responses
from api.schemas_styles import StyleOut, StylesOut, WholeStyleOut
from photogen_tasks import styles
from photogen_tasks.errors import NotFound
from photogen_tasks.params import STYLE_NAME
from photogen_tasks.styles import Style

router = APIRouter(tags=["styles"])
StyleName = Annotated[str, Path(pattern=STYLE_NAME, examples=["demo"])]
MEDIA_TYPES = {".jpg": "image/jpeg", ".png": "image/png"}
PICTURE: Answers = {200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}, "description": "The picture."}}
KEPT_SECONDS = 3600  # by a browser; a new version of ours may bring new pictures


@router.get("/styles", responses=responses(401, 503))
def list_styles(_: Tenant) -> StylesOut:
    """The styles that suit the base model."""
    return StylesOut(styles=[StyleOut.of(style) for style in styles.suiting().values()])


@router.get("/styles/{name}", responses=responses(401, 404, 422, 503))
def get_style(_: Tenant, name: StyleName) -> WholeStyleOut:
    """One style with its prompts."""
    return WholeStyleOut.of(_found(name))


@router.get("/styles/{name}/preview", response_class=FileResponse, responses=PICTURE | responses(401, 404, 422, 503))
def get_style_preview(_: Tenant, name: StyleName) -> FileResponse:
    """What a style looks like: some of its prompts, drawn of somebody made up."""
    file = styles.preview(_found(name).name)
    if file is None:
        raise NotFound("preview of the style", name)
    kept = {"Cache-Control": f"private, max-age={KEPT_SECONDS}"}
    return FileResponse(file, media_type=MEDIA_TYPES[file.suffix], headers=kept)


def _found(name: str) -> Style:
    style = styles.suiting().get(name)
    if style is None:
        raise NotFound("style", name)
    return style
