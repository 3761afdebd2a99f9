"""What the charts draw of a run, of records whose numbers are known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ldensf_app import curves
from ldensf_app.frames import pack
from ldensf_app.settings import Settings
from ldensf_app.snapshot import Record, Snapshot
from ldensf_app.view import View
from ldensf_core import FILTERS, Observation, SensorNetwork, get_benchmark
from ldensf_core.observations import Innovation
from ldensf_core.twin import record as twin_record

TSUNAMI, KOLMOGOROV = get_benchmark("tsunami"), get_benchmark("kolmogorov")
NAN = math.nan


def record(parameters=((1.0, 2.0),), error=0.1, spread=0.05, ms=2.0, parts=(NAN, NAN), chi2=()):
    compared = tuple(Innovation((n,), (square, square)) for n, square in chi2)
    members = np.asarray(parameters, np.float32)
    return Record(error, spread, ms, *parts, 1.0, True, members, compared, None)


def snapshot(benchmark="tsunami", truth=None, more=None, **records):
    """One with these records of each filter, whose names have an underscore for every dash."""
    named = {name.replace("_", "-"): of for name, of in records.items()}
    cycles = max(map(len, named.values()), default=0)
    return Snapshot(
        version=1,
        phase="paused",
        setup=Settings(benchmark=benchmark, filters=list(named) or ["ld-ensf"]).setup(),
        index=cycles - 1,
        true_parameters=None if truth is None else np.array(truth),
        records=tuple({n: of[i] for n, of in named.items()} for i in range(cycles)),
        assimilated=(True,) * cycles,
        **(more or {}),
    )


def view(*args, **kwargs):
    return View(snapshot(*args, **kwargs), Snapshot())


def named(drawing):
    return {trace.name: trace for trace in drawing.traces}


def test_errors_and_spreads_are_drawn_against_model_time():
    run = [record(error=e, spread=s) for e, s in ((0.5, 0.4), (0.2, 0.1), (0.01, 0.0))]
    drawing = curves.errors(view(ld_ensf=run, none=run[:3]), TSUNAMI)
    found = named(drawing)
    assert found["LD-EnSF"].x == pytest.approx(TSUNAMI.times[:3])
    assert found["LD-EnSF"].y == pytest.approx([0.5, 0.2, 0.01])
    spread = found["LD-EnSF, spread"]
    assert spread.y[:2] == pytest.approx([0.4, 0.1]) and np.isnan(spread.y[2])  # no logarithm
    assert spread.dash and not spread.marker and found["LD-EnSF"].marker
    assert spread.colour == found["LD-EnSF"].colour != found["no assimilation"].colour
    assert drawing.y_range[0] < 0.01 and drawing.y_range[1] > 0.5
    assert drawing.x_range[0] < TSUNAMI.times[0] and drawing.x_range[1] > TSUNAMI.times[-1]
    assert list(found)[-1] == "LD-EnSF"  # above what does not correct
    assert drawing.bands == []


def test_a_filter_that_blew_up_leaves_the_others_in_the_frame():
    run = [record(error=0.5), record(error=NAN, spread=math.inf)]
    drawing = curves.errors(view(ld_ensf=run), TSUNAMI)
    assert np.isfinite(drawing.y_range).all()


def test_the_axis_of_errors_ends_somewhere():
    drawing = curves.errors(view(ld_ensf=[record(error=1e-9)]), TSUNAMI)
    assert drawing.y_range[0] == curves.LEAST_PERCENT


def test_times_are_those_of_filters_that_correct_and_of_their_parts():
    run = [record(ms=2.0), record(ms=4.0, parts=(1.0, 3.0)), record(ms=2.5)]
    drawing = curves.step_times(view(ld_ensf=run, none=run), TSUNAMI)
    found = named(drawing)
    assert set(found) == {"LD-EnSF", "LD-EnSF, forecast alone", "LD-EnSF, analysis alone"}
    assert found["LD-EnSF"].x.tolist() == [0, 1, 2] and found["LD-EnSF"].y.tolist() == [2, 4, 2.5]
    for part, ms in (("forecast", 1.0), ("analysis", 3.0)):
        trace = found[f"LD-EnSF, {part} alone"]
        assert (trace.x.tolist(), trace.y.tolist(), trace.width) == ([1], [ms], 0)
    slow = curves.step_times(view(ensf=[record(ms=5000.0)]), TSUNAMI)
    assert slow.y_range[1] > 5000 and "EnSF (full space)" in named(slow)


def test_innovations_are_averaged_over_the_latest_ones():
    latest = [[(10, 10.0)], [(10, 10.0)], [(10, 10.0), (30, 90.0)], [(10, 5.0)] * 10]
    run = [record(chi2=of) for of in latest]
    chi2 = named(curves.innovations(view(ld_ensf=run), TSUNAMI))["LD-EnSF"].y
    assert chi2 == pytest.approx([1.0, 1.0, 100 / 40, 0.5])  # nothing new at the second
    without = named(curves.innovations(view(ld_ensf=[record()]), TSUNAMI))
    assert np.isnan(without["LD-EnSF"].y).all()
    level = without["as expected"]
    assert set(level.y) == {1.0} and level.x[0] < TSUNAMI.times[0]


def test_two_parameters_are_drawn_as_they_are_now():
    run = [record([[1.0, 2.0]]), record([[10.0, 3.0], [12.0, 3.5]])]
    atmosphere = get_benchmark("atmosphere")
    drawing = curves.cloud(view("atmosphere", [11.0, 3.2], ld_ensf=run), atmosphere)
    found = named(drawing)
    assert found["LD-EnSF"].x.tolist() == [10, 12] and found["LD-EnSF"].y.tolist() == [3, 3.5]
    assert not found["LD-EnSF"].width
    assert (found["truth"].x.tolist(), found["truth"].y.tolist()) == ([11], [pytest.approx(3.2)])
    one, other = atmosphere.parameters[:2]
    prior = found["prior"]
    assert {prior.x.min(), prior.x.max()} == {one.low, one.high}
    assert {prior.y.min(), prior.y.max()} == {other.low, other.high}
    assert list(drawing.x_ticks) == [one.low, (one.low + one.high) / 2, one.high]


def test_a_truth_outside_the_prior_is_in_the_frame():
    """And the next one, inside, has the frame that there was before."""
    usual = (-30.0, 530.0)
    cases = {
        (100.0, 100.0): (usual, usual),
        (900.0, 100.0): ((-30.0, 930.0), usual),
        (20.0, 1000.0): (usual, (-30.0, 1030.0)),
        (NAN, NAN): (usual, usual),
    }
    for truth, ranges in cases.items():
        drawing = curves.cloud(view(truth=truth, ld_ensf=[record()]), TSUNAMI)
        assert (drawing.x_range, drawing.y_range) == ranges
        assert ("truth" in named(drawing)) == math.isfinite(truth[0])
    for truth, bounds in ((300.0, (240.0, 1560.0)), (900.0, (440.0, 1560.0))):
        run = view("kolmogorov", [truth], ld_ensf=[record([[900.0]])])
        assert curves.track(run, KOLMOGOROV, 0).y_range == bounds


def test_one_parameter_is_drawn_against_time():
    ensembles = np.linspace(600, 1400, 101)[:, None], np.full((101, 1), 900.0)
    run = view("kolmogorov", [1106.0], ld_ensf=[record(e) for e in ensembles])
    drawing = curves.track(run, KOLMOGOROV, 0)
    found, (band,) = named(drawing), drawing.bands
    assert found["LD-EnSF"].x == pytest.approx([4.0, 4.2])
    assert found["LD-EnSF"].y == pytest.approx([1000.0, 900.0])
    assert band.low == pytest.approx([640.0, 900.0])
    assert band.high == pytest.approx([1360.0, 900.0])
    assert band.colour == found["LD-EnSF"].colour
    assert set(found["truth"].y) == {1106.0}
    levels = [set(t.y) for t in drawing.traces if t.name == "end of the prior range"]
    assert levels == [{500.0}, {1500.0}]
    second = curves.track(view(truth=[1, 7], ld_ensf=[record([[1.0, 2.0]])]), TSUNAMI, 1)
    assert named(second)["LD-EnSF"].y.tolist() == [2.0] and set(named(second)["truth"].y) == {7}


@pytest.mark.parametrize("name", [n for n, of in FILTERS.items() if of.kind == "full space"])
def test_only_filters_that_correct_parameters_are_drawn(name):
    filter_ = FILTERS[name](TSUNAMI)
    filter_.reset(4, seed=0)
    before = filter_.parameters.clone()
    sensors = SensorNetwork.grid(TSUNAMI, 4, 4)
    filter_.analyse(Observation(0, sensors, torch.ones(16, 3), 0.1 * TSUNAMI.std(torch.ones(1))))
    corrected = not torch.equal(filter_.parameters, before)
    drawing = curves.cloud(view(**{name.replace("-", "_"): [record()]}), TSUNAMI)
    assert (FILTERS[name].title in named(drawing)) == corrected


def with_fields(cycles, filters=("ld-ensf",)):
    """A run on a small grid of three variables, all frames known."""
    rng = np.random.default_rng(5)
    kinds = [("truth", ""), *((k, n) for n in filters for k in ("mean", "spread"))]
    fields = [
        {of: np.abs(rng.standard_normal((3, 10, 20))).astype(np.float32) for of in kinds}
        for _ in range(cycles)
    ]
    return fields, tuple({of: pack(f) for of, f in one.items()} for one in fields)


def test_a_series_is_that_of_the_nearest_point_with_its_90_percent():
    fields, frames = with_fields(4)
    run = view(ld_ensf=[record()] * 4, more={"frames": frames})
    # Of 1000 km, in 10 rows and 20 columns: row 2 and column 7.
    drawing = curves.series(run, TSUNAMI, 1, (370.0, 240.0))
    found, (band,) = named(drawing), drawing.bands
    at = {of: np.array([one[of][1, 2, 7] for one in fields]) for of in fields[0]}
    level = 4 / 65534
    assert found["truth"].y == pytest.approx(at["truth", ""], abs=level)
    assert found["LD-EnSF"].y == pytest.approx(at["mean", "ld-ensf"], abs=level)
    assert found["LD-EnSF"].x == pytest.approx(TSUNAMI.times[:4])
    width = 1.6448536 * at["spread", "ld-ensf"]  # of a normal distribution
    assert band.high - band.low == pytest.approx(2 * width, rel=1e-3)
    assert (band.high + band.low) / 2 == pytest.approx(found["LD-EnSF"].y)
    lowest = min(band.low.min(), found["truth"].y.min())
    highest = max(band.high.max(), found["truth"].y.max())
    assert drawing.y_range[0] < lowest and drawing.y_range[1] > highest


@pytest.mark.parametrize(
    ("point", "row", "column"), [((0.0, 0.0), 0, 0), ((1000.0, 1000.0), 9, 19)]
)
def test_the_corners_of_the_domain_have_series(point, row, column):
    fields, frames = with_fields(1)
    drawing = curves.series(view(ld_ensf=[record()], more={"frames": frames}), TSUNAMI, 0, point)
    expected = fields[0]["truth", ""][0, row, column]
    assert named(drawing)["truth"].y == pytest.approx([expected], abs=4 / 65534)


def test_a_filter_that_is_behind_has_a_shorter_series():
    _, ahead = with_fields(4)
    _, behind = with_fields(2, ["ensf"])
    latent = snapshot(ld_ensf=[record()] * 4, more={"frames": ahead})
    full = replace(snapshot(ensf=[record()] * 2, more={"frames": behind}), setup=latent.setup)
    found = named(curves.series(View(latent, full), TSUNAMI, 0, (500.0, 500.0)))
    assert [len(found[name].y) for name in ("LD-EnSF", "EnSF", "truth")] == [4, 2, 4]


def test_the_same_filter_with_other_members_is_told_by_marker_and_dash_on_every_chart():
    labels = ("ld-ensf", "ld-ensf@5", "ld-ensf@50")
    setup = Settings(filters=["ld-ensf"], again=list(labels[1:])).setup()
    assert setup.filters == labels
    _, frames = with_fields(3, labels)
    records = (dict.fromkeys(labels, record(parts=(1.0, 2.0), chi2=[(10, 9.0)])),) * 3
    run = replace(snapshot(more={"frames": frames}), setup=setup, index=2, records=records)
    run = View(replace(run, assimilated=(True,) * 3), Snapshot())
    charts = {
        **curves.log_charts(),
        "track": lambda *of: curves.track(*of, 0),
        "series": lambda *of: curves.series(*of, 0, (500.0, 500.0)),
        "cloud": curves.cloud,
    }
    titles = ("LD-EnSF", "LD-EnSF, 5 members", "LD-EnSF, 50 members")
    for name, draw in charts.items():
        found = named(draw(run, TSUNAMI))
        assert len({found[title].marker for title in titles}) == 3, name
        assert len({found[title].dash for title in titles}) == 3, name


def test_before_the_first_cycle_a_series_is_empty():
    drawing = curves.series(View(Snapshot(), Snapshot()), TSUNAMI, 0, (500.0, 500.0))
    assert drawing.traces == [] and drawing.y_range[0] < drawing.y_range[1]


def test_forecasts_are_shaded_from_the_last_observation_on():
    on = (True, True, False, False, True, False)
    latent = replace(snapshot(ld_ensf=[record()] * 6), assimilated=on)
    drawing = curves.errors(View(latent, Snapshot()), TSUNAMI)
    spans = [(b.x[0], b.x[-1]) for b in drawing.bands]
    t = TSUNAMI.times
    assert spans == [pytest.approx((t[1], t[3])), pytest.approx((t[4], t[5]))]
    assert all(b.colour == curves.FORECAST for b in drawing.bands)
    assert all((b.low[0], b.high[0]) == drawing.y_range for b in drawing.bands)


def test_what_a_chart_shows_of_a_cycle_is_computed_once(monkeypatch):
    """A redraw late in a run costs what it does early."""
    counts = {"quantile": 0, "normalised_square": 0}

    def counted(of, name):
        function = getattr(of, name)

        def call(*args, **kwargs):
            counts[name] += 1
            return function(*args, **kwargs)

        monkeypatch.setattr(of, name, call)

    counted(np, "quantile"), counted(twin_record, "normalised_square")
    run = [record([[1.0, 2.0], [3.0, 4.0]], chi2=[(10, 10.0)]) for _ in range(6)]

    def draw(cycles):
        shown = view(ld_ensf=run[:cycles])
        curves.track(shown, TSUNAMI, 0), curves.track(shown, TSUNAMI, 1)
        curves.innovations(shown, TSUNAMI)
        return tuple(counts.values())

    assert draw(5) == (5, 5)
    assert draw(5) == (5, 5)
    assert draw(6) == (6, 6)


def test_charts_with_a_logarithmic_axis_have_positive_ranges():
    drawn = view(ld_ensf=[record(error=0.0, spread=0.0, ms=0.0, chi2=[(1, 0.0)])])
    for title, draw in curves.log_charts().items():
        drawing = draw(drawn, TSUNAMI)
        assert 0 < drawing.y_range[0] < drawing.y_range[1], title
