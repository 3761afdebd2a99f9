"""What the app says when a GPU fails, and that others go on.

    python bench/gpu_failures.py

Two pages, by their workers alone. One asks for more memory than this process may have, while the
other plays: the first says so, and the other comes to its end. Then the GPU is made to fail for
good, by an index out of bounds in a kernel: the page says so, and what to do, and works on the CPU.
Exits with 1 if any of it is not so. It needs a GPU, which works again for other processes.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import torch
import typer

from ldensf_app.race import Race
from ldensf_app.settings import Settings
from ldensf_app.view import View
from ldensf_core.device import resolve_device, wait

SHARE = 0.03
"""Of the GPU's memory that this process may have."""
PATIENCE = 120.0  # seconds


def until(race: Race, condition: Callable[[View], bool]) -> View:
    """What the workers show once a condition holds, or when patience ends."""
    end = time.monotonic() + PATIENCE
    while not condition(race.view()) and time.monotonic() < end:
        time.sleep(0.05)
    return race.view()


def main() -> None:
    """Print one line a finding."""
    device = resolve_device("cuda")
    torch.cuda.set_per_process_memory_fraction(SHARE, device)
    usual = Settings(device="cuda").setup()
    greedy = replace(usual, benchmark="atmosphere", sensors=512, full_space_members=100)
    findings = []
    modest, immodest = Race(), Race()
    modest.reset(usual)
    modest.set_speed(20.0)
    modest.play()
    until(modest, lambda view: view.lead.index >= 2)
    immodest.reset(greedy)
    immodest.set_speed(math.inf)
    immodest.play()
    told = until(immodest, lambda view: bool(view.message)).message
    findings.append(("too large an ensemble is a message", "fewer members" in told, told))
    seen = until(modest, lambda view: not view.any("paused", "playing", "loading", "queued"))
    done = [s.phase for s in seen.snapshots] == ["finished", "finished"] and not seen.message
    findings.append(("the other page comes to its end", done, seen.message or "no message"))
    immodest.reset(usual)
    again = until(immodest, lambda view: view.lead.setup == usual and not view.starting)
    findings.append(
        (
            "and so does this one, with fewer",
            again.lead.index >= 0 and not again.message,
            again.message,
        )
    )

    with suppress(RuntimeError):
        torch.zeros(1, device=device)[torch.full((1,), 7, device=device)]
        wait(device)
    immodest.step()
    lost = until(immodest, lambda view: bool(view.message)).message
    findings.append(("a GPU that is lost is a message", "has failed" in lost, lost))
    immodest.reset(replace(usual, device="cpu", filters=("ld-ensf", "none")))
    immodest.play()
    on_cpu = until(immodest, lambda view: view.lead.phase == "finished")
    findings.append(("the page goes on on the CPU", on_cpu.lead.index == 50, on_cpu.message))
    for race in (modest, immodest):
        race.close()
        for worker in race.workers:
            worker.join(timeout=30)
    for what, good, text in findings:
        print(f"{'as it should' if good else 'WRONG'}: {what} ({text})")
    sys.exit(not all(good for _, good, _ in findings))


if __name__ == "__main__":
    typer.run(main)
