"""What is drawn is what the dataset holds, whichever backend draws it."""

import warnings

import holoviews as hv
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import chisquare

from ldensf_app import figures
from ldensf_app.colours import filter_colour
from ldensf_app.figures.style import filter_line
from ldensf_app.record.course import liveliest
from ldensf_app.record.labels import NEUTRAL, looks, title
from ldensf_app.record.lines import DOTTED
from ldensf_app.record.run import Run
from ldensf_core.observations.innovation import Innovation, disagreement
from tests.app.drawn import CYCLES, globe_run, one_cycle, read_back, tsunami_run

RUNS = {
    "box": lambda: tsunami_run().isel(filter=[1]),
    "globe, incomplete": globe_run,
    "one cycle of a globe": lambda: one_cycle(globe_run()),
    "truth unknown": lambda: globe_run().assign(
        h=globe_run()["h"] * np.nan, rel_rmse=globe_run()["rel_rmse"] * np.nan, heat=np.nan
    ),
    "first cycle": lambda: tsunami_run().isel(time=slice(1), filter=[0]),
    "many filters": lambda: globe_run(("letkf", "b@5", "b")),
}


def images(layout):
    """All maps of a layout, without what is drawn on them."""
    return layout.traverse(lambda e: e, [hv.Image])


def field(image):
    """The pixels of a map, (ny, nx), from south to north."""
    return image.dimension_values(2, flat=False)


def limits(image):
    return hv.Store.lookup_options("bokeh", image, "plot").kwargs["clim"]


def curve(overlay, label, of=hv.Curve):
    (found,) = [e for e in overlay if type(e) is of and e.label == label]
    return found


def test_maps_are_the_fields_of_the_cycle():
    run = tsunami_run()
    truth, *others = images(figures.maps(run, time=2, variable="u"))
    assert np.array_equal(field(truth), run.u.values[2])
    assert np.array_equal(truth.dimension_values("x", expanded=False), run.x)
    for place in range(3):
        mean, error, spread = others[3 * place : 3 * place + 3]
        of_filter = run.isel(filter=place, time=2)
        assert np.array_equal(field(mean), of_filter.u_mean)
        assert np.array_equal(field(error), of_filter.u_mean - of_filter.u)
        assert np.array_equal(field(spread), of_filter.u_spread)
        assert "spread" in spread.vdims[0].label and mean.vdims[0].unit == "m/s"


def test_truth_and_estimates_share_a_scale_that_holds_them_all():
    run = tsunami_run().isel(time=-1)
    truth, *others = images(figures.maps(tsunami_run()))
    means, errors, spreads = others[0::3], others[1::3], others[2::3]
    peak = max(float(np.abs(run[name]).max()) for name in ("eta", "eta_mean"))
    worst = float(np.abs(run.eta_mean - run.eta).max())
    for low, some, high in (
        (-peak, (truth, *means), peak),
        (0.0, spreads, float(run.eta_spread.max())),
        (-worst, errors, worst),
    ):
        assert len(set(map(limits, some))) == 1
        assert limits(some[0]) == pytest.approx((low, high))


def test_a_variable_far_from_zero_has_its_colours_about_its_mean():
    run = globe_run()
    low, high = limits(images(figures.maps(run, time=0))[0])
    assert (low + high) / 2 == pytest.approx(float(run.h.mean()), rel=1e-5)
    assert 7000 < low < 7900 < 8100 < high < 9000


def test_sensors_that_report_are_filled_and_others_hollow():
    run = tsunami_run()
    for cycle in (1, 2):  # every second cycle has observations
        overlay = figures.maps(run, time=cycle)[0, 0]
        drawn = {e.label: e.array() for e in overlay if isinstance(e, hv.Points)}
        there = run.eta_observed.values[cycle]
        positions = np.stack([run.sensor_x, run.sensor_y], axis=-1)
        assert np.array_equal(drawn["silent"], positions[np.isnan(there)])
        assert ("reporting" in drawn) == (cycle == 2)
        if cycle == 2:
            assert np.array_equal(drawn["reporting"], positions[~np.isnan(there)])


def test_filters_may_be_chosen():
    assert len(images(figures.maps(tsunami_run(), filters=["mine"]))) == 4
    with pytest.raises(ValueError, match=r"'enkf'.*ld-ensf, ld-ensf@3, mine"):
        figures.maps(tsunami_run(), filters=["enkf"])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"time": 4}, "from -4 to 3"), ({"time": -5}, "time = -5"), ({"variable": "w"}, "u, v, eta")],
)
def test_what_is_not_there_is_told(wrong, told):
    with pytest.raises(ValueError, match=told):
        figures.maps(tsunami_run(), **wrong)


def test_another_dataset_is_refused():
    with pytest.raises(ValueError, match=r"TwinExperiment\.run is needed"):
        figures.errors(tsunami_run()[["rel_rmse"]])
    with pytest.raises(ValueError, match="int: the dataset"):
        figures.board(3)


def test_fields_of_one_cycle_are_of_that_cycle_only():
    run = one_cycle(tsunami_run())
    layout = figures.maps(run)
    assert np.array_equal(field(images(layout)[0]), tsunami_run().eta[2])
    titles = [hv.Store.lookup_options("bokeh", i, "plot").kwargs["title"] for i in images(layout)]
    assert titles[0].startswith("truth, step 2, 0.47 h")
    assert [t for t in titles if "step 1" in t] == ["mine, step 1"]
    assert len(figures.maps(run, time=2)) == len(layout)
    with pytest.raises(ValueError, match="cycle 2 only"):
        figures.maps(run, time=1)
    with pytest.raises(ValueError, match="every cycle"):
        figures.fan(run, 500.0, 500.0)


def test_a_file_read_back_is_drawn_as_the_run(tmp_path):
    run, folder = tsunami_run(), tmp_path
    with read_back(run, folder) as again:
        for name in ("maps", "errors", "parameters", "innovations", "times"):
            ours, theirs = (getattr(figures, name)(r) for r in (run, again))
            ours, theirs = (f.traverse(lambda e: e, [hv.Element]) for f in (ours, theirs))
            assert len(ours) == len(theirs) >= 3
            for a, b in zip(ours, theirs, strict=True):
                assert a.label == b.label
                if len(a):
                    values = [[e.dimension_values(d) for d in e.dimensions()] for e in (a, b)]
                    np.testing.assert_array_equal(*values)


def test_errors_are_those_of_the_run():
    run, overlay = tsunami_run(), figures.errors(tsunami_run())
    drawn = curve(overlay, title("ld-ensf"))
    of_filter = run.sel(filter="ld-ensf")
    np.testing.assert_allclose(drawn["time"], run.time, rtol=1e-6)
    assert np.array_equal(drawn["rel_rmse"], of_filter.rel_rmse)
    dotted = [e for e in overlay if e.vdims[0].name == "rel_spread"]
    assert np.array_equal(dotted[-1]["rel_spread"], of_filter.rel_spread)
    low, high = hv.Store.lookup_options("bokeh", overlay, "plot").kwargs["ylim"]
    assert low < float(run.rel_rmse.min()) < float(run.rel_rmse.max()) < high
    styles = [hv.Store.lookup_options("bokeh", e, "style").kwargs for e in (drawn, dotted[-1])]
    assert [s["line_dash"] for s in styles] == [[], list(DOTTED)]
    assert {s["color"] for s in styles} == {filter_colour("ld-ensf")}


def test_the_same_filter_with_other_members_has_another_dash_and_other_markers():
    run = tsunami_run()
    found = looks(map(str, run["filter"].values))
    x, y = run.sensor_x.values[0], run.sensor_y.values[0]
    overlays = figures.errors(run), figures.times(run), figures.innovations(run)
    for overlay in (*overlays, *figures.parameters(run), figures.fan(run, x, y)):
        for label in ("ld-ensf", "ld-ensf@3"):
            line, dots = (curve(overlay, title(label), of) for of in (hv.Curve, hv.Scatter))
            np.testing.assert_array_equal(*(e.dimension_values(1) for e in (line, dots)))
            drawn = [hv.Store.lookup_options("bokeh", e, "style").kwargs for e in (line, dots)]
            assert drawn[0]["line_dash"] == list(found[label].dash)
            assert drawn[1]["marker"] == found[label].marker
    assert found["ld-ensf"].dash != found["ld-ensf@3"].dash
    assert found["ld-ensf"].marker != found["ld-ensf@3"].marker


@pytest.mark.parametrize(("points", "markers"), [(1, 1), (12, 12), (13, 7), (51, 11), (63, 11)])
def test_markers_leave_room_for_dashes(points, markers):
    x, dims = np.arange(points, dtype=float), (hv.Dimension("t"), hv.Dimension("v"))
    line, dots = filter_line(x, x, dims, "LD-EnSF", looks(["ld-ensf"])["ld-ensf"])
    assert (len(line), len(dots)) == (points, markers)


def test_cycles_that_were_not_run_are_gaps():
    run = globe_run()
    drawn = curve(figures.errors(run), title("none"))["rel_rmse"]
    assert np.isnan(drawn).tolist() == [False, False, True, True]
    area = [e for e in figures.parameters(run)[0, 0] if isinstance(e, hv.Area)]
    assert sorted(len(a) for a in area) == [2, CYCLES]


def test_days_are_told_as_in_the_app():
    overlay = figures.errors(globe_run())
    assert curve(overlay, title("none"))["time"][0] == 10.0
    assert hv.Store.lookup_options("bokeh", overlay, "plot").kwargs["xlabel"] == "model time (days)"


def test_parameters_are_quantiles_of_the_ensembles():
    run, layout = tsunami_run(), figures.parameters(tsunami_run())
    assert len(layout) == 2
    for overlay, name in zip(layout, ("source_x", "source_y"), strict=True):
        for label in run["filter"].values:
            members = run[f"{name}_ensemble"].sel(filter=label).values.astype(float)
            low, median, high = np.nanquantile(members, (0.05, 0.5, 0.95), axis=1)
            np.testing.assert_allclose(curve(overlay, title(label))[name], median)
        area = next(e for e in overlay if isinstance(e, hv.Area))  # of the last, which lies below
        np.testing.assert_allclose(area.dimension_values(1), high)
        np.testing.assert_allclose(area.dimension_values(2), low)
        assert set(curve(overlay, "truth")[name]) == {float(run[name])}


def test_times_are_in_milliseconds_by_step():
    drawn = curve(figures.times(globe_run()), title("letkf"))
    assert np.array_equal(drawn["step"], range(CYCLES))
    assert np.array_equal(drawn["cycle_ms"], globe_run().cycle_ms.sel(filter="letkf"))


def test_innovations_have_the_line_at_one_and_crosses_where_they_disagree():
    run = globe_run()
    flags = np.array([[0, 1, 1, 0], [np.nan] * 4], np.float32)
    run = run.assign(disagrees=run.disagrees.copy(data=flags))
    overlay = figures.innovations(run)
    assert set(curve(overlay, "expected")["chi2"]) == {1.0}
    assert np.array_equal(curve(overlay, title("letkf"))["chi2"], run.chi2.sel(filter="letkf"))
    crosses = curve(overlay, "disagrees", hv.Points).dimension_values("chi2")
    assert np.array_equal(crosses, run.chi2.values[0, 1:3])


def test_the_limit_is_where_the_library_finds_that_observations_disagree():
    run = tsunami_run().assign_coords(filter=["latent-smoother", "b", "latent-smoother@3"])
    run = run.isel(time=slice(3))  # with observations at the cycles 0 and 2
    limit = curve(figures.innovations(run), f"limit of {title('latent-smoother')}")["chi2"]
    counts = [int(np.isfinite(run[f"{v}_observed"][[0, 2]]).sum()) for v in ("u", "v", "eta")]
    for factor, disagrees in ((0.999, False), (1.001, True)):
        found = Innovation(tuple(counts), (factor * limit[2] * sum(counts),))
        assert (disagreement([found], 1.05) is not None) == disagrees
    assert limit[0] == limit[1] > limit[2]  # of fewer measurements
    assert not [e for e in figures.innovations(run) if e.label == "limit of b"]


def test_a_fan_is_the_course_at_the_nearest_grid_point():
    run = tsunami_run()
    x, y = run.x.values[40] + 1.0, run.y.values[70] - 1.0
    overlay = figures.fan(run, x, y, "v")
    there = run.isel(x=40, y=70)
    assert np.array_equal(curve(overlay, "truth")["v"], there.v)
    area = [e for e in overlay if isinstance(e, hv.Area)][-1]
    of_filter = there.sel(filter="ld-ensf")
    np.testing.assert_allclose(
        area.dimension_values(1), of_filter.v_mean + 1.645 * of_filter.v_spread, rtol=1e-5
    )
    assert not [e for e in overlay if isinstance(e, hv.Points)]
    with pytest.raises(ValueError, match="x = 1001: a place from 0 to 1000 km"):
        figures.fan(run, 1001, 0)


def test_a_fan_at_a_sensor_has_its_measurements():
    run = tsunami_run()
    for sensor in (0, 5):
        x, y = float(run.sensor_x[sensor]), float(run.sensor_y[sensor])
        drawn = curve(figures.fan(run, x + 3, y - 3), "measured", hv.Points)
        values = run.eta_observed[:, sensor].values
        assert np.array_equal(drawn.dimension_values(1), values[np.isfinite(values)])


def test_places_on_a_globe_are_near_across_the_seam():
    run = globe_run()
    overlay = figures.fan(run, 0.5, 7.0)  # the sensor is at 352.5°E
    assert len(curve(overlay, "measured", hv.Points)) == CYCLES
    assert np.array_equal(curve(overlay, "truth")["h"], run.h.sel(x=7.5, y=7.5))


def test_the_liveliest_sensor_is_where_the_truth_varies_most():
    run = tsunami_run()
    at = run.eta.sel(x=run.sensor_x, y=run.sensor_y, method="nearest").std("time")
    best = int(np.argmax(at.values))
    assert liveliest(Run(run), "eta") == (run.sensor_x[best], run.sensor_y[best])


def draws(rng, width, n=400):
    """Runs whose ensembles are as wide as the truth's distribution, times ``width``."""
    base = globe_run().isel(filter=[0], y=slice(2), x=slice(2)).drop_dims("member")
    for _ in range(n):
        yield base.assign(
            heat=rng.normal(),
            heat_ensemble=(("filter", "time", "member"), width * rng.normal(size=(1, CYCLES, 7))),
        )


def counts(layout):
    return next(e.dimension_values("runs") for e in layout[0, 0] if isinstance(e, hv.Histogram))


def test_ranks_are_flat_only_where_truth_and_members_are_alike():
    rng = np.random.default_rng(4)
    alike, narrow, wide = (
        counts(figures.rank_histogram(list(draws(rng, width)))) for width in (1.0, 0.3, 3.0)
    )
    assert alike.sum() == narrow.sum() == 400
    assert chisquare(alike).pvalue > 0.01
    assert narrow[[0, -1]].min() > 2 * 40 and wide[[0, -1]].max() < 40 / 2


def test_the_band_of_a_flat_histogram_holds_nine_counts_of_ten():
    rng = np.random.default_rng(5)
    layout = figures.rank_histogram(list(draws(rng, 1.0, 100)))
    (area,) = [e for e in layout[0, 0] if isinstance(e, hv.Area)]
    high, low = area.dimension_values(1)[0], area.dimension_values(2)[0]
    chance = rng.binomial(100, 0.1, 20_000)
    assert np.mean(chance < low) <= 0.05 >= np.mean(chance > high)
    assert np.mean(chance <= low) > 0.05 < np.mean(chance >= high)


def test_ranks_need_runs_that_are_many_and_alike():
    with pytest.raises(ValueError, match="1 results: at least 10"):
        figures.rank_histogram(globe_run())
    with pytest.raises(ValueError, match="must agree"):
        figures.rank_histogram([globe_run()] * 9 + [tsunami_run()])


def test_colours_are_the_apps_and_others_are_neutral():
    labels = ["ld-ensf", "a", "ld-ensf@5", "a@5", "ld-ensf@50", "b", "none"]
    found = {label: look.colour for label, look in looks(labels).items()}
    assert found["ld-ensf"] == filter_colour("ld-ensf") and found["none"] == filter_colour("none")
    assert (found["a"], found["a@5"], found["b"]) == NEUTRAL[:3]
    assert found["ld-ensf@5"] == found["ld-ensf@50"] == filter_colour("ld-ensf@5")
    assert len(set(found.values())) == 6
    assert title("ld-ensf@5") == "LD-EnSF, 5 members" and title("a@5") == "a@5"
    assert title("ensf") == "EnSF (full space)"
    many = [f"name {k}" for k in range(40)]
    assert {look.colour for look in looks(many).values()} == set(NEUTRAL)


@pytest.mark.parametrize("backend", ["bokeh", "matplotlib"])
@pytest.mark.parametrize("name", RUNS)
def test_both_backends_draw_without_a_warning(name, backend, capfd):
    run = RUNS[name]()
    board = figures.board(run)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = hv.render(board, backend=backend)
        if backend == "matplotlib":
            drawn.canvas.draw()
    plt.close("all")
    out, err = capfd.readouterr()
    assert not err and not out


@pytest.mark.parametrize("backend", ["bokeh", "matplotlib"])
def test_both_backends_draw_ranks(backend, capfd):
    layout = figures.rank_histogram(list(draws(np.random.default_rng(1), 1.0, 12)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hv.render(layout, backend=backend)
    plt.close("all")
    assert not capfd.readouterr().err


def test_a_board_has_all_figures():
    board = figures.board(tsunami_run(), time=1)
    kinds = {d.name for e in board.traverse(lambda e: e, [hv.Element]) for d in e.dimensions()}
    assert {"eta", "eta_error", "eta_spread", "rel_rmse", "source_x", "source_y"} <= kinds
    assert {"chi2", "cycle_ms"} <= kinds
    assert np.array_equal(field(images(board)[0]), tsunami_run().eta[1])
