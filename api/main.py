"""The HTTP API: `uvicorn api.main:app`. Only wiring lives here; torch and gpu_worker never enter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api import errors
from api.headers import JSON_BYTES, BodyLimit, SecurityHeaders
from api.routes import files, health, jobs, photos, styles, subjects, uploads
from photogen_tasks import log
from photogen_tasks import styles as catalogue
from photogen_tasks.config import settings

FORM_BYTES = 64 * 1024  # what multipart adds around a photo, generously
ABOUT = """Photos of one person in, realistic photos of that person out.

1. `POST /v1/uploads` announces photos and answers where to send each of them.
2. `POST /v1/photos/inspect` says what each photo is good for, before anything is spent.
3. `POST /v1/jobs` submits a job on them; `GET /v1/jobs/{id}` watches it.
4. `GET /v1/jobs/{id}/images` links to what was drawn.

Every error is a problem document (RFC 9457)."""
TAGS = [
    {"name": "photos", "description": "Pictures in."},
    {"name": "jobs", "description": "Runs: submit, watch, cancel, delete."},
    {"name": "subjects", "description": "Trained people, who outlive the job that trained them."},
    {"name": "styles", "description": "Named sets of prompts."},
    {"name": "health", "description": "For load balancers and people on call."},
]


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    log.setup()
    catalogue.read()
    yield


def create_app() -> FastAPI:
    """The whole application; opens nothing before the first request."""
    app = FastAPI(
        title="Photogen",
        version=version("photogen"),
        description=ABOUT,
        openapi_tags=TAGS,
        lifespan=_lifespan,
        generate_unique_id_function=_operation_id,
    )
    v1 = APIRouter(prefix="/v1")
    for routes in (uploads, photos, jobs, subjects, styles, files):
        v1.include_router(routes.router)
    app.include_router(v1)
    app.include_router(health.router)
    errors.install(app)
    app.add_middleware(BodyLimit, limit_of=_body_limit)
    app.add_middleware(SecurityHeaders)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _body_limit(path: str) -> int:
    return settings().max_upload_bytes + FORM_BYTES if path.startswith("/v1/files/") else JSON_BYTES


def _operation_id(route: APIRoute) -> str:
    return route.name


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document plus the problem schema, which no route returns by itself."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        made["components"]["schemas"]["Problem"] = errors.Problem.model_json_schema()
        app.openapi_schema = made
    return app.openapi_schema


app = create_app()
