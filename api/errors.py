"""The one place where an exception becomes an answer: RFC 9457 problems. Nothing internal leaves here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from api.headers import HEADERS
from photogen_tasks.errors import PhotogenError, TransientError, UsageError

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
OUR_FAULT = "Something went wrong on our side. We keep what happened and look into it."
CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "payload_too_large"}
MAX_TOLD = 20  # mistakes named in one answer; a hostile body holds thousands
RETRY_SECONDS = 5  # what we ask of a client when the database is away
Answers = dict[int | str, dict[str, Any]]  # what FastAPI calls `responses`
EXAMPLE: JsonDict = {
    "type": "urn:photogen:problem:not_found",
    "title": "Not Found",
    "status": 404,
    "detail": "There is no job 4f1c2a.",
    "code": "not_found",
    "instance": "/v1/jobs/4f1c2a",
}


class Problem(BaseModel):
    """Every error answer (RFC 9457). Programs read `code`, people read `detail`."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable word for programs.")
    instance: str = Field(description="Path of the request.")
    errors: list[dict[str, str]] | None = Field(None, description="For an invalid request: `where`, `what` and `code`.")


def responses(*statuses: int) -> Answers:
    """OpenAPI entries of the problems that a route can answer with."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Make render() the answer to every exception."""
    ours = (PhotogenError, RequestValidationError, HTTPException, OperationalError, PoolTimeout, Exception)
    for kind in ours:
        app.add_exception_handler(kind, render)


def render(request: Request, error: Exception) -> Response:
    """The problem document of an exception."""
    if isinstance(error, UsageError):
        return problem(request, error.status, error.code, error.sentence)
    if isinstance(error, RequestValidationError):
        return _invalid(request, error)
    if isinstance(error, HTTPException):
        code = CODES.get(error.status_code, f"http_{error.status_code}")
        return problem(request, error.status_code, code, str(error.detail), headers=error.headers)
    if isinstance(error, TransientError):
        log.warning("request refused for now", path=request.url.path, code=error.code, error=error.sentence)
        return _away(request, error.code, error.retry_after)
    if isinstance(error, OperationalError | PoolTimeout):
        log.warning("request refused: no database", path=request.url.path, error=str(error))
        return _away(request, "database_unavailable", RETRY_SECONDS)
    log.error("request failed", path=request.url.path, exc_info=error)
    code = error.code if isinstance(error, PhotogenError) else "internal_error"
    return problem(request, 500, code, OUR_FAULT)


def _away(request: Request, code: str, seconds: float) -> Response:
    sentence = "A part of the service cannot be reached right now. Try again in a moment."
    return problem(request, 503, code, sentence, headers={"Retry-After": str(int(seconds))})


def _invalid(request: Request, error: RequestValidationError) -> Response:
    # What was sent is never repeated: it may be huge, secret, or no valid text.
    found = [_mistake(each) for each in error.errors()[:MAX_TOLD]]
    detail = "; ".join(f"{each['where']}: {each['what']}" for each in found[:3]) + "."
    return problem(request, 422, "invalid_request", detail, errors=found)


def _mistake(told: Mapping[str, Any]) -> dict[str, str]:
    """One of pydantic's errors: its types are stable words, and a prompt's are those of docs/prompts.md."""
    return {"where": _where(told["loc"]), "what": told["msg"], "code": told["type"]}


def _where(steps: Iterable[str | int]) -> str:
    return ".".join(map(str, steps))[:200]


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem document as an answer; ASCII only, so that any text can be told."""
    body = Problem(
        type=f"urn:photogen:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        instance=request.url.path,
        errors=errors,
    )
    extra = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    return Response(
        json.dumps(body.model_dump(exclude_none=True)),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={**HEADERS, **extra, **(headers or {})},
    )
