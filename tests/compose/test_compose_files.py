"""What docker-compose.yml and Dockerfile.gpu name exists in the code: commands, modules, ports, variables, paths."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from api.main import create_app
from gpu_worker.assets import ASSETS
from photogen_tasks import cli
from photogen_tasks.config import Settings
from photogen_tasks.stages import Role

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CARDS = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile.gpu").read_text()
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)")
FIELDS = {f"PHOTOGEN_{name.upper()}" for name in Settings.model_fields}
# docker-compose 1.29 and compose v2 read the same file; either is a judge where it is installed.
JUDGES = [shlex.split(command) for command in ("docker-compose", "docker compose")]


def instructions(name: str) -> list[str]:
    """The Dockerfile's lines of one instruction, continuations joined."""
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return [line.split(maxsplit=1)[1] for line in joined.splitlines() if line.strip().startswith(f"{name} ")]


def texts(node: Any) -> Iterator[str]:
    """Every string in a YAML tree."""
    if isinstance(node, dict):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    elif isinstance(node, str):
        yield node


def variables_of_example() -> set[str]:
    return set(re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def check_command(command: list[str]) -> None:
    """A `photogen …` or `python FILE` that exists."""
    if command[0] == "python":
        assert (ROOT / command[1]).is_file(), command
        return
    assert command[0] == "photogen"
    group = typer.main.get_command(cli.app)
    assert command[1] in group.commands, command  # type: ignore[attr-defined]
    if command[1] == "worker":
        assert command[2] in list(Role)
    else:
        assert command[2:] == []


def test_has_every_part() -> None:
    parts = "redis postgres s3 api worker-cpu worker-train worker-infer"
    parts += " worker-inspect sweeper beat flower exporter prometheus grafana"
    assert set(parts.split()) <= set(SERVICES)
    assert set(CARDS["services"]) <= set(SERVICES)
    assert SERVICES["grafana"]["profiles"] == ["grafana"]


@pytest.mark.parametrize("name", OURS)
def test_runs_a_command_that_exists(name: str) -> None:
    check_command(OURS[name]["command"])


@pytest.mark.parametrize("name", OURS)
def test_is_built_from_a_target_that_exists(name: str) -> None:
    build = OURS[name]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    assert build["target"] in re.findall(r"^FROM \S+ AS (\w+)", DOCKERFILE, re.MULTILINE)
    assert set(build["args"]) <= {line.split("=")[0] for line in instructions("ARG")}
    assert (build["target"] == "gpu") == name.startswith("worker-")


@pytest.mark.parametrize("name", SERVICES)
def test_settings_are_fields(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    assert {key for key in environment if key.startswith("PHOTOGEN_")} <= FIELDS


def test_variables_are_explained_in_the_example() -> None:
    used = {name for text in [*texts(COMPOSE), *texts(CARDS)] for name in VARIABLE.findall(text)}
    assert used - {"TRAIN_GPU", "INFER_GPU"} == variables_of_example()


@pytest.mark.parametrize("name", SERVICES)
def test_publishes_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z0-9]+_PORT:-\d+\}:\d+", port)


def test_ports_are_those_that_the_code_listens_on() -> None:
    defaults = Settings()
    ports = {name: service["ports"][0].split(":")[-1] for name, service in SERVICES.items() if "ports" in service}
    assert ports["api"] == str(defaults.api_port)
    assert ports["flower"] == str(defaults.flower_port)
    assert {str(defaults.api_port), str(defaults.flower_port), str(defaults.metrics_port)} == set(
        instructions("EXPOSE")[0].split()
    )
    targets = yaml.safe_load((ROOT / "monitoring/prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    assert targets["static_configs"][0]["targets"] == [f"exporter:{defaults.metrics_port}"]


def test_healthchecks_ask_what_is_answered() -> None:
    tests = [service["healthcheck"].get("test", []) for service in OURS.values()]
    asked = {url.split("/", 3)[3] for text in texts(tests) for url in re.findall(r"http://127[^'\"]+", text)}
    asked_by = {test[2] for test in tests if test[:2] == ["CMD", "python"]}
    assert all((ROOT / script).is_file() for script in asked_by)
    routes = {str(path).lstrip("/") for path in create_app().openapi()["paths"]}
    assert asked == {"healthz", "health", "healthcheck"}  # API, exporter, Flower
    assert "healthz" in routes
    assert {"celery"} == {
        service["healthcheck"]["test"][1].split()[0] for name, service in OURS.items() if name.startswith("worker-")
    }


@pytest.mark.parametrize("name", SERVICES)
def test_waits_for_what_can_come_true(name: str) -> None:
    wanted = SERVICES[name].get("depends_on", {})
    for other, how in wanted.items() if isinstance(wanted, dict) else ():
        if how["condition"] == "service_healthy":
            assert SERVICES[other]["healthcheck"].get("test")
        else:
            assert SERVICES[other]["restart"] == "no"
    assert set(wanted) <= set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_mounts_what_exists(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists()
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_can_be_chosen(name: str) -> None:
    assert re.fullmatch(r"\$\{[A-Z0-9_]+_IMAGE:-[a-z0-9./-]+(:[\w.-]+)?\}", SERVICES[name]["image"])


def test_grafana_finds_its_dashboards() -> None:
    mounted = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    provider = yaml.safe_load((ROOT / "monitoring/grafana/provisioning/dashboards/photogen.yml").read_text())
    path = provider["providers"][0]["options"]["path"]
    assert {"./monitoring/grafana/dashboards": path}.items() <= mounted.items()


def test_the_image_copies_and_installs_what_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in instructions("COPY"):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in allowed
    for names in re.findall(r"'\.\[([a-z,]+)\]'", DOCKERFILE):
        assert set(names.split(",")) <= set(extras)
    for module, argument in re.findall(r"python -m (gpu_worker\.\w+) (\S+)", DOCKERFILE):
        assert find_spec(module)
        assert argument in ASSETS
    for variable in re.findall(r"PHOTOGEN_\w+", DOCKERFILE):
        assert variable in FIELDS


def test_the_image_starts_commands_that_exist_and_is_nobody() -> None:
    for command in instructions("CMD"):
        if command.startswith('["photogen"'):
            check_command(yaml.safe_load(command))
    stages = DOCKERFILE.split("\nFROM ")[2:]
    assert len(stages) == 2
    for stage in stages:
        assert "\nUSER photogen\n" in stage
        assert "\nHEALTHCHECK " in stage


@pytest.mark.parametrize("files", [["docker-compose.yml"], ["docker-compose.yml", "docker-compose.gpu.yml"]])
@pytest.mark.parametrize("judge", JUDGES, ids=" ".join)
def test_compose_accepts_it(judge: list[str], files: list[str], tmp_path: Path) -> None:
    """Runs where compose is installed; the rest of this file needs none."""
    if not shutil.which(judge[0]) or subprocess.run([*judge, "version"], capture_output=True).returncode:
        pytest.skip(f"{' '.join(judge)} is missing")
    env = tmp_path / "env"
    env.write_text(re.sub(r"=$", "=secret", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    named = [argument for file in files for argument in ("-f", file)]
    command = [*judge, "--env-file", str(env), *named, "config", "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
