"""Visitors who play with the app's workers, all at once, and whether anything fails.

    python bench/live.py --visitors 4 --seconds 60 --device cuda

Each visitor has the two workers of a page and does with them what people do: plays runs of random
settings to their end, changes sensors, noise, members and more on the way, resets or switches the
benchmark in mid-run, closes the page and comes back. Every other run is the default scene of its
benchmark, which nobody touches. Printed are, of those scenes, the times of
the cycles as the page tells them, beside what `ldensf bench` measures in this process before
anyone comes, and how far estimates are from those of the same run in one thread alone; then cycles,
failures, the time to the first cycle, threads and memory. It ends with 1 after any failure.
"""

from __future__ import annotations

import json
import math
import random
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import psutil
import torch
import typer

from ldensf_app.race import Race
from ldensf_app.settings import FULL_SPACE_MEMBERS, MEMBERS, ROWS, Settings
from ldensf_app.setup import Setup
from ldensf_app.worker import TOO_LATE
from ldensf_core import FILTERS, SensorNetwork, get_benchmark, list_benchmarks
from ldensf_core.device import environment, machine_name, resolve_device
from ldensf_core.speed import NAMES, bench
from ldensf_core.verification.table import as_text

PATIENCE = 240.0
"""Seconds to a first cycle or to the next, after which a run counts as failed."""
LOOK = 0.05
"""Seconds between two looks at the workers."""
MEDDLING = 0.1
"""Chance of a change at a look."""
ALIKE = 1e-5
"""Relative difference of estimates that counts as none."""


@dataclass
class Diary:
    """What all visitors saw; each adds to it under the lock.

    Attributes:
        times: of complete cycles of default scenes, (cycle, decoding) in ms, by benchmark and
            filter.
        estimates: of default scenes at their end, by benchmark and filter.
    """

    runs: int = 0
    finished: int = 0
    cycles: int = 0
    failures: list[str] = field(default_factory=list)
    first_cycles: list[float] = field(default_factory=list)
    times: dict[tuple[str, str], list[tuple[float, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    estimates: dict[tuple[str, str], list[np.ndarray]] = field(
        default_factory=lambda: defaultdict(list)
    )
    lock: threading.Lock = field(default_factory=threading.Lock)


class Visitor(threading.Thread):
    """One browser's worth of commands, until the time is up."""

    def __init__(
        self, number: int, benchmarks: list[str], filters: list[str], device: str, until: float,
        diary: Diary,
    ) -> None:  # fmt: skip
        super().__init__(name=f"visitor-{number}")
        self.random = random.Random(number)
        self.benchmarks, self.filters, self.device = benchmarks, filters, device
        self.until, self.diary = until, diary

    def run(self) -> None:
        """Come, play some runs, go, and come back."""
        turn = 0
        while time.monotonic() < self.until:
            race = Race()
            for _ in range(self.random.randint(1, 4)):
                if time.monotonic() < self.until:
                    try:
                        self._play(race, default=turn % 2 == 0)
                    except Exception as error:
                        self._fail(repr(error))
                    turn += 1
            race.close()
            for worker in race.workers:
                worker.join(timeout=PATIENCE)
                if worker.is_alive():
                    self._fail(f"{worker.name} does not end")

    def _play(self, race: Race, default: bool) -> None:
        setup = self._setup(default)
        leave_at = math.inf if default else self.random.choice([math.inf, 1, 5, 20])
        start = time.monotonic()
        race.reset(setup)
        race.set_speed(math.inf if default else self.random.choice([math.inf, 20.0]))
        race.play()
        first, seen, looked = None, -1, start
        while True:
            time.sleep(LOOK)
            view, now = race.view(), time.monotonic()
            if now - looked > PATIENCE:
                self._fail(f"{setup}: nothing happened for {PATIENCE:.0f} s")
                return
            if view.lead.setup is not setup:
                continue
            if view.message:
                self._fail(f"{setup}: {view.message}")
                return
            if refused := [told for told in view.notices if told != TOO_LATE]:
                self._fail(f"{setup}: {refused}")
                return
            if not default and self.random.random() < MEDDLING:
                race.change(**self._change(setup))
            if first is None and view.lead.index >= 0:
                first = now - start
            done = sum(len(s.records) for s in view.snapshots)
            if done > seen:
                seen, looked = done, now
            ended = not view.any("loading", "queued", "paused", "playing")
            if ended or view.lead.index >= leave_at or (now > self.until and first is not None):
                self._note(view, first, default and ended)
                return

    def _change(self, setup: Setup) -> dict[str, Any]:
        """Something else from the next cycle on."""
        draw, benchmark = self.random, get_benchmark(setup.benchmark)
        places = SensorNetwork.random(benchmark, draw.choice([4, 25, 100]), draw.randint(0, 9))
        return draw.choice(
            [
                {"noise": draw.choice([0.05, 0.2])},
                {"sensors": places},
                {"members": draw.choice([5, 20, 100])},
                {"variables": [draw.choice(benchmark.variables).name]},
                {"assimilate": draw.random() < 0.7},
                {"every": draw.choice([1, 2])},
                {"missing": draw.choice([0.0, 0.3])},
            ]
        )

    def _setup(self, default: bool) -> Setup:
        draw = self.random
        settings = Settings(benchmark=draw.choice(self.benchmarks), device=self.device)
        settings.filters = [name for name in settings.filters if name in self.filters]
        if not default:
            settings.param.update(
                filters=draw.sample(self.filters, draw.randint(1, min(4, len(self.filters)))),
                sensors=draw.choice(settings.param.sensors.objects[: len(ROWS) // 2]),
                layout=draw.choice(["grid", "random"]),
                every=draw.choice([1, 2, 5]),
                noise=draw.choice([0.05, 0.1, 0.3]),
                missing=draw.choice([0.0, 0.0, 0.3]),
                members=draw.choice(MEMBERS),
                full_space_members=draw.choice(FULL_SPACE_MEMBERS[:4]),
                options={"ld-ensf": {"rule": draw.choice(["gaussian", "published"])}},
                seed=draw.randint(0, 3),
            )
        return settings.setup()

    def _note(self, view: Any, first: float | None, whole: bool) -> None:
        diary, benchmark = self.diary, view.lead.setup.benchmark
        history = view.history()
        with diary.lock:
            diary.runs += 1
            diary.finished += whole
            diary.cycles += sum(map(len, history.values()))
            if first is not None:
                diary.first_cycles.append(first)
            if whole:
                for name, records in history.items():
                    times = [(r.cycle_ms, r.decode_ms) for r in records if r.complete]
                    diary.times[benchmark, name] += times
                    diary.estimates[benchmark, name].append(view.of(name).mean[name])

    def _fail(self, what: str) -> None:
        with self.diary.lock:
            self.diary.failures.append(f"{self.name}: {what}")


def main(
    visitors: Annotated[int, typer.Option(help="Visitors at a time.")] = 1,
    seconds: Annotated[float, typer.Option(help="How long they stay.")] = 60.0,
    benchmark: Annotated[
        str, typer.Option(help=f"all, or with commas: {', '.join(list_benchmarks())}.")
    ] = "all",
    filters: Annotated[
        str, typer.Option(help=f"all, or with commas: {', '.join(FILTERS)}.")
    ] = "all",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    alone: Annotated[bool, typer.Option(help="Time cycles by `ldensf bench` first.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print a row a benchmark and filter, and what happened in all."""
    torch.set_num_threads(1)  # as each worker has it
    on = resolve_device(device)
    names = list_benchmarks() if benchmark == "all" else benchmark.split(",")
    chosen = list(FILTERS) if filters == "all" else filters.split(",")
    timed = timed_alone(names, chosen, on) if alone else {}
    before = resources(on)
    diary = Diary()
    until = time.monotonic() + seconds
    people = [Visitor(i, names, chosen, str(on), until, diary) for i in range(visitors)]
    for visitor in people:
        visitor.start()
    for visitor in people:
        visitor.join()
    rows = [
        row(benchmark, name, diary, timed.get((benchmark, name)), on)
        for benchmark, name in sorted(diary.times)
    ]
    diary.failures += [
        f"{r['benchmark']}, {r['filter']}: off by {r['apart']:.1e} from the run in one thread"
        for r in rows
        if r["apart"] > ALIKE
    ]
    summary = {
        "visitors": visitors,
        "seconds": seconds,
        "device": machine_name(on),
        "runs": diary.runs,
        "default_scenes_to_the_end": diary.finished,
        "cycles": diary.cycles,
        "failures": len(diary.failures),
        "first_cycle_s": float(np.median(diary.first_cycles)) if diary.first_cycles else None,
        "first_cycle_s_90": float(np.quantile(diary.first_cycles, 0.9))
        if diary.first_cycles
        else None,
        "before": before,
        "after": resources(on),
    }
    if as_json:
        document = {"rows": rows, "summary": summary, "environment": environment()}
        print(json.dumps(document, indent=2))
    else:
        if rows:
            print(as_text(rows))
        for key, value in summary.items():
            print(f"{key}: {value}")
    for failure in diary.failures:
        print(failure, file=sys.stderr)
    raise typer.Exit(1 if diary.failures or not diary.cycles else 0)


def timed_alone(
    benchmarks: list[str], filters: list[str], device: torch.device
) -> dict[tuple[str, str], float]:
    """Milliseconds a cycle by `ldensf bench`; on a CPU, where the solver takes long, of LD-EnSF."""
    wanted = ["ld-ensf", "ensf"] if device.type == "cuda" else ["ld-ensf"]
    known_as = {filter_: name for name, filter_ in NAMES.items()}
    return {
        (name, filter_): row["cycle_ms"]
        for name in benchmarks
        for filter_ in wanted
        if filter_ in filters
        for row in bench(name, (20,), (known_as[filter_],), device=str(device))
    }


def row(
    benchmark: str, name: str, diary: Diary, alone: float | None, device: torch.device
) -> dict[str, Any]:
    """Of the default scenes of a benchmark, what a filter took and how it ended."""
    cycle, decode = np.array(diary.times[benchmark, name]).T
    expected = estimate_alone(benchmark, name, device)
    scale = np.abs(expected).max(axis=(1, 2), keepdims=True)
    apart = [np.abs((e - expected) / scale).max() for e in diary.estimates[benchmark, name]]
    return {
        "benchmark": benchmark,
        "filter": name,
        "scenes": len(apart),
        "live_ms": float(np.median(cycle)),
        "live_ms_90": float(np.quantile(cycle, 0.9)),
        "decode_ms": float(np.median(decode)),
        "shown_ms": float(np.median(cycle + decode)),
        "bench_ms": alone,
        "live/bench": None if alone is None else float(np.median(cycle)) / alone,
        "apart": float(max(apart)),
    }


def estimate_alone(benchmark: str, name: str, device: torch.device) -> np.ndarray:
    """The mean at the end of the default scene, of one filter run in this thread."""
    setup = Settings(benchmark=benchmark, device=str(device), filters=[name]).setup()
    *_, last = setup.experiment(setup.classes[name].kind)
    return last.filters[name].estimate.mean.cpu().numpy()


def resources(device: torch.device) -> dict[str, float]:
    """Threads, and memory in MB: of the process, and what it holds of a GPU."""
    found = {
        "threads": threading.active_count(),
        "memory_mb": round(psutil.Process().memory_info().rss / 1e6),
    }
    if device.type == "cuda":
        found["gpu_mb"] = round(torch.cuda.memory_reserved(device) / 1e6)
        found["gpu_in_use_mb"] = round(torch.cuda.memory_allocated(device) / 1e6)
    return found


if __name__ == "__main__":
    typer.run(main)
