"""What a running stack shows to strangers: listeners on loopback alone, no door without a key, no secret told."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]  # psutil ships no types
import pytest
import redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from api.main import create_app
from photogen_tasks import local
from photogen_tasks.config import Settings
from photogen_tasks.demo import CUSTOMER, free_ports, sample_customers
from tests.stack import Stack, running_stack

pytestmark = pytest.mark.slow
SECRET_FILES = ("key", "secret", "flower-password", "redis/password", "redis/photogen-password", "redis/redis.conf")
# Answered without a key: whether it lives, what it is, and links that carry their own signature.
PUBLIC = {"/healthz", "/readyz"}
SIGNED = {"/v1/files/{key}", "/v1/files"}
LOOPBACK = {"127.0.0.1", "::1"}


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    return free_ports("API_PORT", "FLOWER_PORT", "METRICS_PORT", "REDIS_PORT")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, ports: dict[str, str]) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("exposure") / "data"
    with running_stack(folder, ports) as stack:
        with stack.client() as client:  # a photo's link is signed: the secret is made, and lines are printed
            client.upload(sorted((sample_customers() / CUSTOMER).glob("*.jpg"))[:1])
        yield stack


def family(stack: Stack) -> list[psutil.Process]:
    """The stack's process and all below it."""
    root = psutil.Process(stack.process.pid)
    return [root, *root.children(recursive=True)]


def secrets(stack: Stack) -> dict[str, str]:
    """What nobody may be told, by where it lies."""
    return {name: (stack.data_dir / name).read_text().strip() for name in SECRET_FILES if name != "redis/redis.conf"}


def test_every_listener_is_on_loopback(stack: Stack, ports: dict[str, str]) -> None:
    heard = {
        (connection.laddr.ip, connection.laddr.port)
        for process in family(stack)
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert {port for _, port in heard} >= {int(port) for port in ports.values()}
    assert {ip for ip, _ in heard} <= LOOPBACK


def test_redis_lets_nobody_in_without_the_right_password(stack: Stack, ports: dict[str, str]) -> None:
    at: dict[str, Any] = {"port": int(ports["PHOTOGEN_REDIS_PORT"]), "retry": Retry(NoBackoff(), 0)}
    for user, password in [(None, None), (None, "wrong"), ("photogen", None), ("photogen", "wrong"), ("photogen", "")]:
        with redis.Redis(**at, username=user, password=password) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()


def test_flower_answers_nobody_without_its_password(stack: Stack, ports: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{ports['PHOTOGEN_FLOWER_PORT']}"
    pages = ["/", "/tasks", "/workers", "/broker", "/api/tasks", "/api/workers", "/api/queues/length"]
    for page in pages:
        assert httpx.get(url + page).status_code == 401, page
        assert httpx.get(url + page, auth=("ops", "wrong")).status_code == 401, page
    assert httpx.post(f"{url}/api/worker/shutdown/cpu@host").status_code in (401, 403)
    assert httpx.get(f"{url}/tasks", auth=("ops", secrets(stack)["flower-password"])).status_code == 200


def test_every_route_asks_for_a_key_but_the_public_ones(stack: Stack) -> None:
    paths = create_app().openapi()["paths"]
    refused = set()
    for path, methods in paths.items():
        for method in methods:
            url = stack.url + re.sub(r"\{\w+\}", "0" * 32, path)
            for headers in ({}, {"Authorization": "Bearer pg_wrong"}, {"Authorization": "Basic b3BzOm9wcw=="}):
                status = httpx.request(method.upper(), url, headers=headers).status_code
                if path in PUBLIC:
                    assert status == 200, path
                elif path in SIGNED:
                    assert 400 <= status < 500, path
                else:
                    assert status == 401, (method, path, status)
                    refused.add(path)
    assert refused == set(paths) - PUBLIC - SIGNED
    assert len(refused) > 5


def test_files_with_secrets_are_ours_alone(stack: Stack) -> None:
    for name in SECRET_FILES:
        assert stat.S_IMODE((stack.data_dir / name).stat().st_mode) == 0o600, name


def test_no_secret_is_on_a_command_line(stack: Stack) -> None:
    told = "\n".join(" ".join(process.cmdline()) for process in family(stack))
    assert "celery" in told
    assert [name for name, secret in secrets(stack).items() if secret in told] == []


def test_the_operators_password_is_in_no_environment(stack: Stack) -> None:
    operators = secrets(stack)["redis/password"]
    environments = [str(process.environ()) for process in family(stack)]
    assert any("PHOTOGEN_BROKER_URL" in environment for environment in environments)
    assert not any(operators in environment for environment in environments)


def test_no_secret_is_in_a_log_line(stack: Stack) -> None:
    """Whatever was asked before this test, with and without keys, left lines."""
    with stack.client() as client:
        client.jobs()
    printed = "\n".join(stack.lines)
    assert "worker-train | " in printed.replace("worker-train  |", "worker-train |")
    assert [name for name, secret in secrets(stack).items() if secret in printed] == []


def test_redis_refused_the_stack_nothing(stack: Stack, ports: dict[str, str]) -> None:
    config = Settings(data_dir=stack.data_dir, redis_port=int(ports["PHOTOGEN_REDIS_PORT"]))
    with redis.Redis.from_url(local.operator_url(config)) as operator:
        refused = [entry for entry in operator.acl_log() if entry["reason"] != "auth"]
    assert refused == []


def test_flower_does_not_start_for_others_without_a_password(tmp_path: Path) -> None:
    """`photogen flower` ends with an error, and nothing listens."""
    import os
    import subprocess
    import sys

    env = {name: value for name, value in os.environ.items() if not name.startswith("PHOTOGEN_")}
    env |= {"PHOTOGEN_HOST": "0.0.0.0", "PHOTOGEN_DATA_DIR": str(tmp_path)} | free_ports("FLOWER_PORT")
    command = [sys.executable, "-m", "monitoring.flower"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "PHOTOGEN_FLOWER_BASIC_AUTH" in done.stderr + done.stdout
