"""What docker-compose.yml keeps to itself: Redis by the product's rule, no password on a command line, no open door."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from photogen_tasks import broker_acl, local
from tests.conftest import await_true, free_port, running

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
SECRET = re.compile(r"\$\{[A-Z0-9_]*(PASSWORD|SECRET|KEY)[A-Z0-9_]*[:}]")
PASSWORD, OPERATORS = "of-the-product", "of-the-operator"


@pytest.fixture
def told(tmp_path: Path) -> str:
    """What docker/redis.sh tells the server on its standard input."""
    server = tmp_path / "redis-server"
    server.write_text('#!/bin/sh\n[ "$*" = - ] && env >"$SEEN" && exec cat\n')
    server.chmod(0o755)
    given = {"REDISCLI_AUTH": PASSWORD, "REDIS_ADMIN_PASSWORD": OPERATORS, "SEEN": str(tmp_path / "seen")}
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"} | given
    done = subprocess.run(
        ["sh", str(ROOT / "docker/redis.sh")], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not {PASSWORD, OPERATORS} & set(re.split(r"[=\n]", (tmp_path / "seen").read_text()))
    return done.stdout


def test_redis_has_the_products_own_rule(told: str) -> None:
    users = tuple(line for line in told.splitlines() if line.startswith("user "))
    assert users == broker_acl.user_lines(PASSWORD, OPERATORS)
    assert PASSWORD not in told
    assert OPERATORS not in told


@pytest.fixture
def port(told: str, tmp_path: Path) -> Iterator[int]:
    """A real server with what the script tells it, on a port of its own."""
    found = free_port()
    (tmp_path / "redis.conf").write_text(f"{told}port {found}\nbind 127.0.0.1\ndir {tmp_path}\n")

    def answers() -> bool:
        try:
            with redis.Redis(port=found, username="photogen", password=PASSWORD) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    with running([local._redis_server(), str(tmp_path / "redis.conf")]):
        await_true(answers, "Redis")
        yield found


def test_redis_starts_with_it(port: int) -> None:
    with redis.Redis(port=port, password=OPERATORS) as operator:
        config = operator.config_get("appendonly", "appendfsync", "maxmemory-policy", "save")
        assert config == {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
        }
    with redis.Redis(port=port, username="photogen", password=PASSWORD) as client:
        assert client.lpush("photogen:queue", "x") == 1
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.flushall()


@pytest.mark.parametrize("missing", ["REDISCLI_AUTH", "REDIS_ADMIN_PASSWORD"])
def test_redis_does_not_start_without_a_password(missing: str) -> None:
    given = {"PATH": os.environ["PATH"], "REDISCLI_AUTH": "a", "REDIS_ADMIN_PASSWORD": "b"}
    del given[missing]
    done = subprocess.run(["sh", str(ROOT / "docker/redis.sh")], env=given, capture_output=True, text=True)
    assert done.returncode != 0
    assert missing in done.stderr


def test_the_product_signs_in_as_its_own_user() -> None:
    urls = {
        service["environment"]["PHOTOGEN_BROKER_URL"]
        for service in SERVICES.values()
        if "PHOTOGEN_BROKER_URL" in service.get("environment", {})
    }
    assert len(urls) == 1
    assert urls.pop().startswith(f"redis://{broker_acl.USER}:${{REDIS_PASSWORD:?")
    knowing = [name for name, service in SERVICES.items() if "REDIS_ADMIN_PASSWORD" in str(service)]
    assert knowing == ["redis"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_on_a_command_line(name: str) -> None:
    service = SERVICES[name]
    shown = [service.get(part, "") for part in ("command", "entrypoint", "healthcheck", "labels")]
    assert not SECRET.search(str(shown))


@pytest.mark.parametrize("name", SERVICES)
def test_every_secret_must_be_set(name: str) -> None:
    """None has a default that somebody could forget to change; the S3 user's name is none."""
    for found in re.findall(r"\$\{([A-Z0-9_]*(?:PASSWORD|SECRET_KEY)[A-Z0-9_]*)(:\?|[^}]?)", str(SERVICES[name])):
        assert found[1] == ":?", found


def test_postgres_trusts_nobody_and_is_not_published() -> None:
    postgres = SERVICES["postgres"]
    assert "ports" not in postgres
    assert "POSTGRES_HOST_AUTH_METHOD" not in postgres["environment"]
    assert "POSTGRES_PASSWORD" in postgres["environment"]
    assert "command" not in postgres  # the image's own rules for who comes in, by password


@pytest.mark.parametrize("name", ["redis", "postgres", "exporter"])
def test_what_customers_never_need_is_not_published(name: str) -> None:
    assert "ports" not in SERVICES[name]
    assert "network_mode" not in SERVICES[name]


def test_grafana_knows_no_strangers() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_SECURITY_ADMIN_PASSWORD"].startswith("${GRAFANA_PASSWORD:?")
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert not any("ANONYMOUS" in name or "AUTH_PROXY" in name for name in environment)
    told = "".join(path.read_text() for path in (ROOT / "monitoring/grafana/provisioning").rglob("*.yml"))
    assert "anonymous" not in told


def test_flower_asks_for_a_password() -> None:
    credentials = SERVICES["flower"]["environment"]["PHOTOGEN_FLOWER_BASIC_AUTH"]
    assert re.fullmatch(r"\w+:\$\{FLOWER_PASSWORD:\?[^}]+\}", credentials)


def test_the_example_sets_no_secret_and_says_how_to() -> None:
    """The command in its comment makes one for every variable that must be set."""
    text = (ROOT / ".env.example").read_text()
    optional = re.compile("PHOTOGEN_|TORCH_INDEX_URL")  # settings, which may stay empty
    empty = {name for name in re.findall(r"^([A-Z0-9_]+)=$", text, re.MULTILINE) if not optional.match(name)}
    (command,) = re.findall(r"^#   (for .*)$", text, re.MULTILINE)
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    made = dict(line.split("=") for line in done.stdout.splitlines())
    assert set(made) == empty
    assert all(re.fullmatch("[0-9a-f]{48}", secret) for secret in made.values())
    assert len(set(made.values())) == len(made)
