"""The application as a whole: what it loads, what it says of itself."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from api import schemas
from api.errors import Problem
from api.main import create_app

HEAVY = ("torch", "numpy", "gpu_worker", "diffusers", "photogen_tasks.tasks")
OPEN = {"/healthz", "/readyz", "/v1/files/{key}"}  # a signature in the link is the way in there


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app().openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, verbs in document["paths"].items() for operation in verbs.values()]


def test_the_api_loads_nothing_heavy() -> None:
    code = f"import api.main, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_examples_are_valid(document: dict[str, Any]) -> None:
    checked = 0
    for name, schema in document["components"]["schemas"].items():
        model = Problem if name == "Problem" else getattr(schemas, name, None)
        if isinstance(model, type) and issubclass(model, BaseModel):
            whole = schema.get("examples", [])
            fields = schema.get("properties", {})
            if not whole and all("examples" in field for field in fields.values()):
                whole = [{field: value["examples"][0] for field, value in fields.items()}]
            for example in whole:
                model.model_validate(example)
                checked += 1
    assert checked >= 6


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in references(value)]
    return [found for value in part for found in references(value)] if isinstance(part, list) else []


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    found = operations(document)
    assert len({operation["operationId"] for _, operation in found}) == len(found)
    for path, operation in found:
        assert operation["description"], path
        assert operation["tags"], path
        assert ("security" in operation) == (path not in OPEN), path


def test_every_refusal_is_a_problem(document: dict[str, Any]) -> None:
    for path, operation in operations(document):
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert refusals or path == "/healthz"
        for answer in refusals.values():
            assert path == "/readyz" or list(answer["content"]) == ["application/problem+json"], path


def test_security_scheme_is_the_key(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
