"""The figure of times: a cycle against ensemble size, one panel a benchmark."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ldensf_app.colours import filter_colour
from ldensf_core.benchmarks import get_benchmark
from report.speed_tables import IMPLEMENTATIONS
from report.style import legend, panels
from report.timings import Row, by_device

STYLES = {
    "this": (filter_colour("ld-ensf"), "o"),
    "published-loop": ("#374151", "s"),
    "full-space-ensf": (filter_colour("ensf"), "^"),
}
DEVICES = (("-", "full"), ("--", "none"), ("-.", "left"), (":", "right"))
"""Line and filling of a marker, by device."""


def cycle_by_members(rows: Sequence[Row]) -> Figure:
    """Medians, bands from the tenth to the ninetieth percentile, and each device's limit."""
    names = list(dict.fromkeys(row["benchmark"] for row in rows))
    devices = sorted({row["device"] for row in rows}, key=lambda name: name.startswith("cpu"))
    figure, axes = panels(1, len(names), sharey=True)
    for (benchmark, device), of in by_device(rows):
        axis = axes[0, names.index(benchmark)]
        dashes, fill = DEVICES[devices.index(device) % len(DEVICES)]
        for name, (colour, marker) in STYLES.items():
            mine = [row for row in of if row["implementation"] == name]
            sizes = [row["members"] for row in mine]
            middle, low, high, limit = (
                [row[key] for row in mine]
                for key in ("cycle_ms", "cycle_ms_10", "cycle_ms_90", "limit_ms")
            )
            axis.fill_between(sizes, low, high, color=colour, alpha=0.2, lw=0)
            options = {"color": colour, "linestyle": dashes, "fillstyle": fill}
            axis.plot(sizes, middle, marker=marker, **options)
            if name == "this":
                axis.plot(sizes, limit, color="black", linestyle=dashes, linewidth=1)
        axis.set(title=get_benchmark(benchmark).title, xlabel="members", xscale="log", yscale="log")
    for axis, benchmark in zip(axes[0], names, strict=True):
        sizes = sorted({row["members"] for row in rows if row["benchmark"] == benchmark})
        axis.xaxis.set(major_locator=FixedLocator(sizes), minor_locator=NullLocator())
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    for name, (colour, marker) in STYLES.items():
        axes[0, 0].plot([], [], marker, color=colour, label=IMPLEMENTATIONS[name])
    axes[0, 0].plot([], [], color="black", linewidth=1, label="LD-EnSF at the device's limit")
    for device, (dashes, fill) in zip(devices, DEVICES, strict=False):
        options = {"color": "grey", "linestyle": dashes, "fillstyle": fill}
        axes[0, 0].plot([], [], marker="o", label=device, **options)
    axes[0, 0].set_ylabel("ms a cycle")
    axes[0, 0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    legend(figure, axes)
    return figure
