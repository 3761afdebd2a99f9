"""Filters and a benchmark of a visitor's own: nothing in the app knows of them."""

import json
from typing import Annotated

import numpy as np
import panel_material_ui as pmui
import pytest
import torch
import xarray as xr

from ldensf_app import Dashboard, readout
from ldensf_app.colours import COLOURS, UNCORRECTED, filter_colour
from ldensf_app.controls import Controls
from ldensf_app.export import netcdf
from ldensf_app.panels import usual
from ldensf_app.settings import Settings
from ldensf_core import FILTERS, get_benchmark, register_filter
from ldensf_core.benchmarks import BENCHMARKS, Axis, Benchmark, Box, Parameter, Variable
from ldensf_core.filters import FullSpaceFilter
from ldensf_core.filters.latent import LatentFilter
from ldensf_core.filters.options import Option

Gain = Annotated[float, Option("Share of the innovation that is added.", low=0.0, high=1.0)]


class Nudging(FullSpaceFilter):
    """Adds a share of each innovation to the cell that its sensor stands in."""

    name, title = "nudging", "Nudging"
    sentence = "Pulls the fields at the sensors towards what is measured."
    corrects_parameters = False

    def __init__(self, benchmark, device="cpu", dtype=torch.float32, gain: Gain = 0.5):
        super().__init__(benchmark, device, dtype)
        self.gain = gain

    def correct(self, observation):
        before = self.benchmark.fields(self.state)
        points, weights = observation.sensors.stencils()
        cell = points.gather(1, weights.argmax(dim=1, keepdim=True))[:, 0]
        increment = torch.zeros_like(before).flatten(2)
        innovation = observation.values.mT - before.flatten(2)[..., cell]
        increment[..., cell] = self.gain * innovation.nan_to_num()
        self.state = self.benchmark.corrected(self.state, increment.view_as(before))


class LatentNudging(LatentFilter):
    """Pulls the latent ensemble towards what is encoded."""

    name, title = "latent-nudging", "Latent nudging"
    sentence = "Pulls latent state and parameters towards what the encoder says."

    def __init__(self, model, gain: Gain = 0.3, rule: Annotated[str, Option(
        "Of no consequence.", choices=("one", "other", "third", "fourth"))] = "one"):  # fmt: skip
        super().__init__(model)
        self.gain = gain

    def correct(self):
        encoder = self.model.encoder
        self.state.lerp_(encoder.mean + encoder.std * self.y, self.gain)


class Idle(FullSpaceFilter):
    """Does not correct."""

    name, title, sentence = "idle", "Idle", "Runs the solver and leaves observations alone."
    corrects = corrects_parameters = False

    def correct(self, observation):
        pass


class Advection(Benchmark):
    """A wave that drifts through a small periodic box at an unknown speed."""

    name, title = "advection", "A drifting wave"
    variables = (Variable("c", "concentration", "g/m³", mean=0.0, std=0.5),)
    parameters = (Parameter("speed", "speed of the drift", "km/h", 0.5, 2.0),)
    domain = Box(
        Axis("x", "x", "km", np.arange(24) + 0.5, 0.0, 24.0, periodic=True),
        Axis("y", "y", "km", np.arange(16) + 0.5, 0.0, 16.0),
    )
    times, time_units = np.arange(6.0), "h"
    sensor_grid = (6, 4)

    def spin_up(self, parameters):
        x = torch.as_tensor(self.x.points, dtype=parameters.dtype)
        wave = torch.sin(2 * np.pi * x / 24) * torch.ones(16, 1, dtype=parameters.dtype)
        yield wave.expand(len(parameters), 1, 16, 24)

    def advance(self, state, parameters):
        waves = 2 * np.pi * torch.fft.rfftfreq(24)
        shift = torch.exp(-1j * waves * parameters[:, :1])[:, None, None]
        return torch.fft.irfft(torch.fft.rfft(state) * shift, n=24)

    def fields(self, state):
        return state

    def corrected(self, state, increment):
        return state + increment


@pytest.fixture(autouse=True)
def own(monkeypatch):
    """What is registered here is gone afterwards."""
    for registry in (FILTERS, BENCHMARKS):
        list(registry)
        monkeypatch.setattr(registry, "_things", dict(registry._things))


def test_a_registered_filter_can_be_chosen_and_explains_itself():
    register_filter(Nudging)
    controls = Controls(Settings(filters=["nudging", "ensf"]))
    button = controls.widgets["filters"]
    assert button.options["Nudging"] == "nudging"
    assert "Nudging (full space): Pulls the fields at the sensors" in button.description
    assert "nudging" in button.value


def test_colours_go_by_the_registry_and_are_never_the_same():
    kinds = [type(f"F{i}", (Nudging,), {"name": f"f{i}"}) for i in range(12)]
    before = {name: filter_colour(name) for name in FILTERS}
    assert before == {
        "ld-ensf": "#0090d8",
        "latent-smoother": "#007864",
        "latent-etkf": "#b42484",
        "latent-enkf": "#5448f0",
        "encoder": "#90543c",
        "ensf": "#d87800",
        "ensf-inpainting": "#00a824",
        "letkf": "#fc3c84",
        "latent-ensf": "#606c00",
        "none": "#90909c",
    }
    for kind in (*kinds, Idle):
        register_filter(kind)
    after = {name: filter_colour(name) for name in FILTERS}
    assert before.items() <= after.items()
    assert after["idle"] == UNCORRECTED and after["f0"] not in COLOURS
    assert len(set(after.values())) == len(after) - 1


def test_options_are_fields_of_the_chosen_filters():
    register_filter(LatentNudging)
    settings = Settings(filters=["latent-nudging", "letkf", "none"])
    options = Controls(settings).options
    assert options.widgets == {}  # nobody has looked
    options.view.active = [0]
    assert list(options.widgets) == ["letkf", "latent-nudging"]
    kinds = {name: type(widget) for name, widget in options.widgets["latent-nudging"].items()}
    assert kinds == {"gain": pmui.FloatInput, "rule": pmui.Select}
    gain = options.widgets["latent-nudging"]["gain"]
    assert gain.label == "Gain" and gain.description == "Share of the innovation that is added."
    gain.value = 0.7
    assert settings.setup().options == (("latent-nudging", "gain", 0.7),)
    gain.value = 0.3
    assert settings.setup().options == ()
    settings.filters = ["ensf", "ld-ensf"]
    assert [type(w) for w in options.widgets["ensf"].values()] == [pmui.IntInput, pmui.FloatInput]
    assert type(options.widgets["ld-ensf"]["rule"]) is pmui.RadioButtonGroup


def test_fields_show_what_is_tuned_for_the_benchmark():
    settings = Settings(filters=["letkf"], benchmark="tsunami")
    options = Controls(settings).options
    options.view.active = [0]
    radius, tuned = options.widgets["letkf"]["radius"], BENCHMARKS["tsunami"].tuning["letkf"]
    assert radius.value == tuned["radius"]
    settings.options = {"letkf": {"radius": 5.0}}
    assert radius.value == 5.0
    radius.value = None  # no limit
    assert settings.setup().options == (("letkf", "radius", float("inf")),)
    settings.benchmark = "kolmogorov"
    usual = BENCHMARKS["kolmogorov"].tuning["letkf"]["radius"]
    assert radius.value == (None if usual == float("inf") else usual)
    assert settings.setup().options == ()


def test_own_filters_run_each_in_the_worker_of_its_kind(race, wait):
    register_filter(Nudging)
    register_filter(LatentNudging)
    names = ["nudging", "latent-nudging", "none"]
    given = {"latent-nudging": {"gain": 0.2}}
    race.reset(Settings(filters=names, full_space_members=2, options=given).setup())
    race.step()
    wait(lambda: all(s.index == 1 for s in race.view().snapshots))
    view = race.view()
    assert view.shown == ("latent-nudging", "nudging")
    assert list(race.latent.snapshot.records[-1]) == ["none", "latent-nudging"]
    assert list(race.full_space.snapshot.records[-1]) == ["nudging"]
    assert view.latest("nudging").error < view.latest("none").error
    assert [s.title for s in usual(view)][1:3] == ["Latent nudging", "Nudging (full space)"]
    assert "Latent nudging: gain <b>0.2</b>" in readout.status(view)


def test_a_dashboard_takes_a_filter_class_and_shows_what_it_is_told(started, wait):
    dashboard = started(filters=["ld-ensf", Nudging], full_space_members=2, sensors=16)
    assert FILTERS["nudging"] is Nudging
    assert dashboard.settings.filters == ["ld-ensf", "nudging"]
    wait(lambda: dashboard.race.view().of("nudging"))
    dashboard.controls.options.view.active = [0]
    dashboard.controls.options.widgets["nudging"]["gain"].value = 1.5
    wait(lambda: dashboard.race.view().message)
    dashboard.pull()
    assert "gain of &#x27;nudging&#x27; = 1.5: allowed is 0 to 1" in dashboard.page.status.object
    wait(lambda: dashboard.race.view().of("ld-ensf"))  # which runs all the same
    dashboard.controls.options.widgets["nudging"]["gain"].value = 1.0
    wait(lambda: dashboard.race.full_space.snapshot.phase == "paused")
    dashboard.step()
    wait(lambda: dashboard.race.view().lead.index == 1)
    dashboard.controls.options.widgets["nudging"]["gain"].value = 0.5
    assert "changed: options of the filters" in dashboard.controls.notice.object
    dashboard.pull()
    cards = dashboard.page.cards
    assert "Nudging" in cards["errors"].chart.dots.data["name"]
    assert "Nudging" not in cards["parameters"].chart.dots.data["name"]


def test_a_benchmark_without_trained_weights_is_run_by_the_solver(started, wait):
    benchmark = Advection()
    dashboard = started(benchmark=benchmark, full_space_members=2)
    assert dashboard.settings.filters == ["ensf", "none"]
    dashboard.controls.speed.value = float("inf")
    dashboard.play()
    wait(lambda: dashboard.race.full_space.snapshot.phase == "finished")
    dashboard.pull()
    assert list(dashboard.race.view().history()) == ["ensf", "none"]
    assert "A drifting wave" in dashboard.page.story.object
    frame = dashboard.page.scene.board.frame
    assert frame["shape"] == [16, 24] and len(frame["pixels"]) == 4 * 16 * 24
    assert [p["unit"] for p in frame["panels"]][:2] == ["c (g/m³)"] * 2
    card = dashboard.page.cards["parameters"]
    assert card.choice.value == "speed (km/h) over time"
    assert card.chart.dots.data["name"].count("no assimilation") == 6
    told = dashboard.controls.lacking.object
    assert "LD-EnSF, latent smoother, latent ETKF, latent EnKF, encoder alone cannot run" in told
    assert "ldensf train advection" in told
    with xr.open_dataset(netcdf(dashboard.race.view(), benchmark), engine="h5netcdf") as run:
        assert list(run["filter"].values) == ["ensf", "none"]
        assert set(json.loads(run.attrs["options"])) == {"ensf", "none"}

    dashboard.settings.filters = ["ld-ensf", "none"]
    dashboard.reset()
    wait(lambda: dashboard.race.view().message and dashboard.race.view().of("none"))
    dashboard.pull()
    assert "LD-EnSF cannot run: there are no trained weights" in dashboard.page.status.object
    assert "ldensf train advection" in dashboard.page.status.object


def test_filters_that_need_weights_come_back_with_them():
    BENCHMARKS.register(Advection())
    settings = Settings(filters=["ld-ensf", "none"])
    settings.benchmark = "advection"
    assert settings.filters == ["ensf", "none"]
    assert settings.setup().classes["none"].kind == "full space"
    settings.benchmark = "kolmogorov"
    assert settings.setup().filters == ("ld-ensf", "ensf", "none")
    assert settings.setup().classes["none"].kind == "latent"


def test_a_benchmark_whose_name_is_taken_is_refused():
    BENCHMARKS.register(Advection())
    with pytest.raises(ValueError, match="there is another benchmark called 'advection'"):
        Dashboard(benchmark=Advection())


def test_without_a_solver_full_space_filters_are_not_chosen(monkeypatch):
    tsunami = get_benchmark("tsunami")
    assert readout.lacking(tsunami) == ""
    monkeypatch.setattr(type(tsunami), "has_solver", False)
    assert Settings().filters == ["ld-ensf", "latent-smoother", "none"]
    told = readout.lacking(tsunami)
    assert "EnSF, EnSF inpainting, LETKF, Latent-EnSF cannot run" in told and "no solver" in told


def test_a_file_of_runs_without_weights_says_what_it_needs(tmp_path, wait):
    rows = np.arange(10.0)
    fields = np.cos(rows[:, None, None, None] + np.arange(4.0)[:, None, None] + np.arange(8.0))
    xr.Dataset(
        {
            "c": (("trajectory", "time", "y", "x"), fields * np.ones((1, 1, 6, 1))),
            "phase": ("trajectory", rows),
        },
        {"time": np.arange(4.0), "y": np.arange(6.0), "x": np.arange(8.0)},
    ).to_netcdf(tmp_path / "waves.nc", engine="h5netcdf")
    dashboard = Dashboard(str(tmp_path / "waves.nc"), device="cpu")
    wait(lambda: dashboard.race.view().message)
    message = dashboard.race.view().message
    assert "waves has neither a solver nor trained weights" in message
    assert f"`ldensf train {tmp_path / 'waves.nc'}`" in message
    dashboard.end()
