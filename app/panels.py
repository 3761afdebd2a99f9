"""What the maps can show: the truth, and of every filter its mean, uncertainty and error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ldensf_app import readout, units
from ldensf_app.colours import filter_colour
from ldensf_app.frames import Frame, pack
from ldensf_app.labels import full_title, title
from ldensf_app.limits import Limits, centre
from ldensf_app.view import View

TRUTH, MEAN, SPREAD, ERROR = "truth", "mean", "spread", "error"
SCALES = {TRUTH: "field", MEAN: "field", SPREAD: "spread", ERROR: "error"}


@dataclass(frozen=True)
class Shown:
    """What a map shows, ``kind`` of filter ``label``; written ``kind:label``."""

    kind: str
    label: str = ""

    @classmethod
    def read(cls, text: str) -> Shown:
        """From its written form."""
        return cls(*text.split(":", 1))

    def __str__(self) -> str:
        return f"{self.kind}:{self.label}" if self.label else self.kind

    @property
    def title(self) -> str:
        """For people."""
        if self.kind == TRUTH:
            return "Truth"
        what = {MEAN: "", SPREAD: ": uncertainty", ERROR: ": error"}[self.kind]
        return (full_title if self.kind == MEAN else title)(self.label) + what


def choices(labels: tuple[str, ...]) -> list[Shown]:
    """All that can be shown of a run with these filters."""
    return [Shown(TRUTH), *(Shown(k, label) for label in labels for k in (MEAN, SPREAD, ERROR))]


def usual(view: View) -> list[Shown]:
    """What is shown if nobody has chosen: truth, both kinds of filters, one uncertainty."""
    latent, full_space = view.shown
    there = view.lead.setup.classes if view.lead.setup else {}
    if there and latent not in there and full_space not in there:
        latent = next(iter(there))
    elif latent not in there and full_space in there:
        latent = full_space
    if full_space not in there or latent == full_space:
        other = next((n for n in view.in_tiles if n in there and n != latent), None)
        third = Shown(MEAN, other) if other else Shown(ERROR, latent)
        return [Shown(TRUTH), Shown(MEAN, latent), third, Shown(SPREAD, latent)]
    return [Shown(TRUTH), Shown(MEAN, latent), Shown(MEAN, full_space), Shown(SPREAD, latent)]


class Scales:
    """The colour scales that maps of one kind share."""

    def __init__(self) -> None:
        self.limits = {
            "field": Limits(symmetric=True),
            "error": Limits(symmetric=True),
            "spread": Limits(symmetric=False),
        }

    def expect(self, variable: Any) -> None:
        """Take the colours that suit a variable, until there are fields of it to follow."""
        self.limits["field"].expect(variable.std, centre(variable))
        self.limits["error"].expect(variable.std / 3)
        self.limits["spread"].expect(variable.std)

    def forget(self) -> None:
        """Let the next fields set the limits alone."""
        for limits in self.limits.values():
            limits.forget()

    def follow(self, fields: list[tuple[Shown, Frame | None]]) -> None:
        """Adapt to the fields of one picture, each of the one variable that is shown."""
        for scale, limits in self.limits.items():
            mine = [frame for shown, frame in fields if frame and SCALES[shown.kind] == scale]
            limits.follow(*((f.low[0], f.high[0]) for f in mine))


def field(view: View, shown: Shown, index: int | None, variable: int) -> Frame | None:
    """What a map shows of one variable at a cycle, None where it is not there (yet)."""
    if shown.kind != ERROR:
        frame = view.frame(shown.kind, shown.label, index)
        return frame.only(variable) if frame else None
    snapshot = view.of(shown.label)
    if snapshot is None:
        return None
    at = len(snapshot.frames) - 1 if index is None else index
    if not 0 <= at < len(snapshot.frames):
        return None
    frames = snapshot.frames[at]  # of one worker: the other may not be there yet
    mean, truth = frames.get((MEAN, shown.label)), frames.get((TRUTH, ""))
    if mean is None or truth is None:
        return None
    return pack((mean.unpack(variable) - truth.unpack(variable))[None])


def panel(
    view: View, shown: Shown, frame: Frame | None, index: int | None, variable: int, scales: Scales
) -> dict[str, Any]:
    """What the browser has to know of one map, beside its pixels.

    Args:
        frame: of the one variable that is shown, see ``field``.
    """
    benchmark = readout.benchmark_of(view)
    v = benchmark.variables[variable]
    symbol = units.symbol(v)
    limits = scales.limits[SCALES[shown.kind]]
    quantity = {SPREAD: f"σ({symbol})", ERROR: f"error of {symbol}"}.get(shown.kind, symbol)
    note = readout.map_note(view, shown.kind, shown.label, index)
    return {
        "view": str(shown),
        "scale": SCALES[shown.kind],
        "note": note if frame or shown.kind == TRUTH else "",  # else it stands in the middle
        "unit": units.named(quantity, v.units),
        "suffix": units.unit(v.units),
        "digits": units.decimals(v.std) + (shown.kind != TRUTH),
        "colour": filter_colour(shown.label) if shown.label else "inherit",
        "label": f"{shown.title}, {quantity}",
        "low": float(frame.low[0]) if frame else 0.0,
        "high": float(frame.high[0]) if frame else 1.0,
        "from": limits.low,
        "to": limits.high,
        "empty": "" if frame else (note or "Not there yet."),
    }
