"""What the maps show of a run, and of what they offer."""

from dataclasses import replace

import numpy as np
import pytest

from ldensf_app import panels
from ldensf_app.frames import Frame, pack
from ldensf_app.panels import Scales, Shown, choices, field, panel, usual
from ldensf_app.settings import Settings
from ldensf_app.snapshot import Snapshot
from ldensf_app.view import View
from ldensf_core import get_benchmark

TSUNAMI = get_benchmark("tsunami")


def fields(seed):
    return np.random.default_rng(seed).standard_normal((3, 6, 8)).astype(np.float32)


def snapshot(setup, filters, cycles):
    """One with a frame of everything at every cycle; records are not looked at but by name."""
    frames = [
        {("truth", ""): pack(fields(i))}
        | {("mean", name): pack(fields(10 + i)) for name in filters}
        | {("spread", name): pack(np.abs(fields(20 + i))) for name in filters}
        for i in range(cycles)
    ]
    return Snapshot(
        version=cycles,
        phase="paused",
        setup=setup,
        index=cycles - 1,
        truth=fields(cycles - 1),
        records=tuple(dict.fromkeys(filters) for _ in range(cycles)),
        frames=tuple(frames),
        networks=(range(16),) * cycles,
    )


def views(*filters, **settings):
    """Nothing computed yet, of these filters."""
    setup = Settings(filters=list(filters), **settings).setup()
    return View(Snapshot(phase="loading", setup=setup), Snapshot(phase="loading", setup=setup))


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (views("ld-ensf", "ensf", "none"), "truth mean:ld-ensf mean:ensf spread:ld-ensf"),
        (views("ld-ensf", "none"), "truth mean:ld-ensf mean:none spread:ld-ensf"),
        (views("ld-ensf"), "truth mean:ld-ensf error:ld-ensf spread:ld-ensf"),
        (
            views("ld-ensf", "latent-etkf"),
            "truth mean:ld-ensf mean:latent-etkf spread:ld-ensf",
        ),
        (views("ld-ensf", second=5), "truth mean:ld-ensf mean:ld-ensf@5 spread:ld-ensf"),
        (views("letkf"), "truth mean:letkf error:letkf spread:letkf"),
    ],
)
def test_without_a_choice_maps_show_filters_that_are_there(view, expected):
    assert list(map(str, usual(view))) == expected.split()
    assert set(usual(view)) <= set(choices(view.lead.setup.filters))


def test_all_that_can_be_shown_is_offered_by_its_title():
    offered = {str(s): s.title for s in choices(("ld-ensf", "ld-ensf@5", "ensf"))}
    assert len(offered) == 1 + 3 * 3
    assert offered["truth"] == "Truth"
    assert offered["mean:ensf"] == "EnSF (full space)"
    assert offered["spread:ld-ensf@5"] == "LD-EnSF, 5 members: uncertainty"
    assert offered["error:ensf"] == "EnSF: error"
    assert [str(Shown.read(text)) for text in offered] == list(offered)


@pytest.fixture
def view():
    """The full-space filter is two cycles behind."""
    setup = Settings(filters=["ld-ensf", "ensf"]).setup()
    return View(snapshot(setup, ["ld-ensf"], 5), snapshot(setup, ["ensf"], 3))


@pytest.mark.parametrize(("index", "at"), [(None, 4), (1, 1)])
def test_an_error_is_mean_less_truth(view, index, at):
    for variable in range(3):
        error = field(view, Shown("error", "ld-ensf"), index, variable)
        difference = (fields(10 + at) - fields(at))[variable]
        levels = 3 * np.ptp(difference) / 65534  # of three packed fields
        assert np.abs(error.unpack(0) - difference).max() <= levels


def test_an_error_is_computed_of_the_variable_that_is_shown_alone(view, monkeypatch):
    unpacked, unpack = [], Frame.unpack

    def counted(self, variable):
        unpacked.append(variable)
        return unpack(self, variable)

    monkeypatch.setattr(Frame, "unpack", counted)
    error = field(view, Shown("error", "ld-ensf"), None, 1)
    assert unpacked == [1, 1] and error.pixels.shape == (1, 6, 8)  # of the mean, of the truth


def test_a_filter_that_is_behind_shows_its_own_latest_cycle(view):
    mean = field(view, Shown("mean", "ensf"), None, 0)
    assert np.shares_memory(mean.pixels, view.snapshots[1].frames[2]["mean", "ensf"].pixels[0])
    error = field(view, Shown("error", "ensf"), None, 0)  # of the same cycle, not of now
    difference = (fields(12) - fields(2))[0]
    assert np.abs(error.unpack(0) - difference).max() <= 3 * np.ptp(difference) / 65534
    later = [field(view, Shown(kind, "ensf"), 4, 0) for kind in ("mean", "error")]
    assert later == [None, None]
    truth = field(view, Shown("truth"), 4, 2)
    assert np.shares_memory(truth.pixels, view.lead.frames[4]["truth", ""].pixels[2])


def test_what_is_not_there_yet_is_empty_and_says_why(view):
    scales = Scales()
    shown = Shown("mean", "ensf")
    told = panel(view, shown, None, 4, 2, scales)
    assert told["empty"] == "Not there yet." and told["view"] == "mean:ensf"
    loading = View(view.snapshots[0], replace(view.snapshots[1], phase="queued"))
    told = panel(loading, shown, None, None, 2, scales)
    assert told["empty"] == "busy with an earlier run" and told["note"] == ""  # once is enough
    told = panel(view, shown, field(view, shown, None, 2), None, 2, scales)
    assert told["empty"] == "" and told["note"] == "at step 2, 2 behind"
    assert panel(view, Shown("truth"), None, 1, 2, scales)["note"] == "16 sensors"


def test_maps_of_a_kind_share_a_scale(view):
    scales = Scales()
    scales.expect(TSUNAMI.variables[2])
    wanted = [Shown("truth"), Shown("mean", "ld-ensf"), Shown("spread", "ld-ensf"),
              Shown("error", "ld-ensf")]  # fmt: skip
    found = [(s, field(view, s, None, 2)) for s in wanted]
    scales.follow([*found, (Shown("mean", "ensf"), None)])
    told = [panel(view, s, frame, None, 2, scales) for s, frame in found]
    peak = max(np.abs(fields(4)[2]).max(), np.abs(fields(14)[2]).max())
    assert [(t["from"], t["to"]) for t in told[:2]] == [pytest.approx((-peak, peak))] * 2
    spread, error = np.abs(fields(24)[2]).max(), np.abs(fields(14)[2] - fields(4)[2]).max()
    assert (told[2]["from"], told[2]["to"]) == pytest.approx((0, spread), rel=1e-4)
    assert (told[3]["from"], told[3]["to"]) == pytest.approx((-error, error), rel=1e-4)
    assert [t["scale"] for t in told] == ["field", "field", "spread", "error"]
    assert [t["unit"] for t in told] == ["η (m)", "η (m)", "σ(η) (m)", "error of η (m)"]
    assert set(panels.SCALES.values()) == set(scales.limits)
