"""The embedded stack's own parts: a Redis that keeps what it has, ports that are free, a key for this machine."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from photogen_tasks import local
from photogen_tasks.config import Settings, settings
from photogen_tasks.errors import UsageError
from tests.conftest import await_true, free_port, running


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


def test_a_folder_may_have_a_space_in_its_name(tmp_path: Path) -> None:
    config = Settings(data_dir=tmp_path / "my data", redis_port=free_port())
    with running(local.redis_command(config)), redis.Redis.from_url(local.operator_url(config)) as client:
        await_true(lambda: _answers(client), "Redis")
        assert client.config_get("dir")["dir"] == str(tmp_path / "my data" / "redis")


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def test_a_password_that_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    config = Settings(data_dir=tmp_path)
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "photogen-password").touch()
    assert ":@" not in local.broker_url(config)


def test_flower_has_a_password_unless_another_was_chosen(tmp_path: Path) -> None:
    user, _, password = local.environment(Settings(data_dir=tmp_path))["PHOTOGEN_FLOWER_BASIC_AUTH"].partition(":")
    assert (user, password) == ("ops", (tmp_path / "flower-password").read_text())
    chosen = Settings(data_dir=tmp_path, flower_basic_auth=SecretStr("me:secret"))
    assert local.environment(chosen)["PHOTOGEN_FLOWER_BASIC_AUTH"] == "me:secret"
