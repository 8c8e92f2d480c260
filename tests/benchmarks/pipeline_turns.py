"""Rounds of the pipeline's benchmark: sides in turns, ratios of pairs, CPU by group of processes. It starts nothing."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

from tests.benchmarks.pipeline_sides import Run, Side

ALONE = 10  # jobs one by one, per side and round
NAMES = ("ours", "raw")


@dataclass
class Turns:
    """What a phase's rounds measured, by side; idle: hand-offs in ms of jobs one by one, by round."""

    runs: dict[str, list[Run]] = field(default_factory=lambda: {name: [] for name in NAMES})
    idle: dict[str, list[list[float]]] = field(default_factory=lambda: {name: [] for name in NAMES})
    cpu: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in NAMES})

    def ratio(self) -> float:
        """Ours against raw in jobs per second, median of the pairs."""
        return statistics.median(self._ratios())

    def _ratios(self) -> list[float]:
        pairs = zip(self.runs["ours"], self.runs["raw"], strict=True)
        return [ours.per_second / raw.per_second for ours, raw in pairs]

    def idle_ms(self, side: str, percentile: float) -> float:
        """A percentile of all hand-offs between idle workers."""
        return float(np.percentile([ms for turn in self.idle[side] for ms in turn], percentile))

    def _added(self) -> list[float]:
        """By round: how much later ours begins the next stage than raw, medians in ms."""
        pairs = zip(self.idle["ours"], self.idle["raw"], strict=True)
        return [statistics.median(ours) - statistics.median(raw) for ours, raw in pairs]

    def tell(self, phase: str) -> None:
        """Print the phase: both sides, then the pairs."""
        print(f"{phase}, {len(self.runs['ours'])} rounds of {self.runs['ours'][0].jobs} jobs:")
        for name in NAMES:
            self._tell_side(name)
        print(f"  ours of raw throughput {_spread(self._ratios())}; hand-off above raw, ms {_spread(self._added())}")

    def _tell_side(self, name: str) -> None:
        runs = self.runs[name]
        busy = [ms for run in runs for ms in run.hand_offs]
        submit = statistics.median(run.submitting / run.jobs for run in runs) * 1000
        jobs = sum(run.jobs for run in runs)
        cpu = ", ".join(f"{group} {spent / jobs:.0f}" for group, spent in self.cpu[name].most_common() if spent >= jobs)
        print(
            f"  {name:4} {_spread([run.per_second for run in runs])} jobs/s, submission {submit:.1f} ms a job\n"
            f"       hand-off idle: p50 {self.idle_ms(name, 50):.1f}, p99 {self.idle_ms(name, 99):.1f} ms; under load, "
            f"with the wait in the queue: p50 {np.percentile(busy, 50):.0f}, p99 {np.percentile(busy, 99):.0f} ms\n"
            f"       CPU ms a job under load: {cpu}",
            flush=True,
        )


def take_turns(
    sides: Sequence[Side],
    rounds: int,
    jobs: int,
    groups: Mapping[str, Sequence[int]],
    before: Callable[[], None] = lambda: None,
) -> Turns:
    """Each round every side once; who begins changes. `groups` are process ids whose CPU is counted."""
    turns = Turns()
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            before()
            turns.idle[side.name].append(side.one_by_one(ALONE))
            before()
            spent = _cpu_ms(groups)
            turns.runs[side.name].append(side.together(jobs))
            turns.cpu[side.name].update(_cpu_ms(groups) - spent)
    return turns


def _cpu_ms(groups: Mapping[str, Sequence[int]]) -> Counter[str]:
    """CPU ms so far of each group, of its descendants, and of this process, which submits and waits."""
    found = Counter({"submitter": round(time.process_time() * 1000)})
    for name, pids in groups.items():
        parents = [psutil.Process(pid) for pid in pids]
        children = [child for parent in parents for child in parent.children(recursive=True)]
        found |= {name: _spent(parents), f"{name}'s children": _spent(children)}
    return found


def _spent(processes: Sequence[psutil.Process]) -> int:
    """CPU ms of those that still live."""
    spent = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent += times.user + times.system
    return round(spent * 1000)


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"
