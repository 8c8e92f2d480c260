"""Styles: what can be drawn without writing prompts."""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import Tenant
from api.errors import responses
from api.schemas import StyleOut, StylesOut
from photogen_tasks import styles

router = APIRouter(tags=["styles"])


@router.get("/styles", responses=responses(401, 503))
def list_styles(_: Tenant) -> StylesOut:
    """The styles that suit the base model."""
    return StylesOut(styles=[StyleOut.of(style) for style in styles.suiting().values()])
