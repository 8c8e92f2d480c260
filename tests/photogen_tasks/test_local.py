"""The embedded stack's own parts: a Redis that keeps what it has, ports that are free, a key for this machine."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest
import redis

from photogen_tasks import local
from photogen_tasks.config import Settings, settings
from photogen_tasks.errors import UsageError


def test_the_embedded_redis_wants_a_password_and_keeps_a_file(operator_url: str) -> None:
    with redis.Redis.from_url(operator_url) as client:
        config = client.config_get("appendonly", "maxmemory-policy", "bind")
        port = client.connection_pool.connection_kwargs["port"]
    assert (config["appendonly"], config["maxmemory-policy"], config["bind"]) == ("yes", "noeviction", "127.0.0.1")
    with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_a_taken_port_is_named_with_the_variable_that_moves_it(data_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"{port}.*PHOTOGEN_API_PORT"):
            local.check_ports(Settings(data_dir=data_dir, api_port=port))


def test_the_local_key_is_made_once_and_readable_to_us_alone(sqlite: str, data_dir: Path) -> None:
    key = local.remember_key(settings())
    assert key is not None
    assert local.remember_key(settings()) is None
    file = data_dir / "key"
    assert file.read_text() == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_every_part_of_the_stack_is_started(data_dir: Path) -> None:
    names = [part.name for part in local.parts(settings())]
    assert names[0] == "redis"  # the others speak to it: first up, last down
    assert {"api", "sweeper", "beat", "flower", "exporter", "worker-cpu", "worker-train", "worker-infer"} < set(names)
