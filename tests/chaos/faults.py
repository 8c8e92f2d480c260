"""Single faults, each against one living part of a world. When they strike is nemesis' business."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress

import redis

from tests.chaos.parts import Part
from tests.chaos.world import World

Undo = Callable[[], None]


def kill_worker(world: World, chance: random.Random) -> None:
    """kill -9 of a worker, its children with it."""
    _any(list(world.workers.values()), chance).kill()


def kill_child(world: World, chance: random.Random) -> None:
    """kill -9 of a worker's child alone, as the kernel does when memory runs out."""
    for pid in _any(list(world.workers.values()), chance).children():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_either(world: World, chance: random.Random) -> None:
    """One of the two above."""
    chance.choice((kill_worker, kill_child))(world, chance)


def stop_and_go(world: World, chance: random.Random) -> Undo:
    """A worker or sweeper falls silent; undone, it wakes as a zombie that may think it holds its lease or lock."""
    part = _any([*world.workers.values(), *world.sweepers], chance)
    pid = part.pid
    part.signal_group(signal.SIGSTOP)

    def wake() -> None:
        if part.alive() and part.pid == pid:
            part.signal_group(signal.SIGCONT)

    return wake


def kill_sweeper(world: World, chance: random.Random) -> None:
    _any(world.sweepers, chance).kill()


def kill_redis(world: World, chance: random.Random) -> Undo:
    """Gone at once; undone, it reads its append-only file."""
    world.redis.kill()
    return world.redis.start


def reset_redis(world: World, chance: random.Random) -> None:
    """RST on every connection while the server lives on."""
    world.proxies.order("redis", "reset")


def kill_clients(world: World) -> int:
    """The server itself throws out everybody. How many."""
    with world.redis.client() as client:
        others = [entry for entry in client.client_list() if "client|list" not in entry["cmd"]]
        for entry in others:
            with suppress(redis.ResponseError):
                client.client_kill_filter(_id=entry["id"])
    return len(others)


def crash_postgres(world: World, chance: random.Random) -> Undo:
    """An immediate stop; undone, it recovers from its log."""
    world.postgres.crash()
    return world.postgres.start


def s3_lies(world: World, slow_down: int = 20, lost_answer: int = 100, truncate: int = 97) -> Undo:
    """Every so many-th request: 503 unseen, 500 after it was stored, an answer cut half-way."""
    options = {"slow_down": slow_down, "lost_answer": lost_answer, "truncate": truncate}
    world.proxies.order("s3", "pass", options=options)
    return lambda: world.proxies.order("s3", "pass")


def _any(parts: list[Part], chance: random.Random) -> Part:
    living = [part for part in parts if part.alive()]
    return chance.choice(living or parts)
