import itertools
import json
import weakref

import numpy as np
import pytest
import torch

from ldensf_core import TwinExperiment
from ldensf_core.observations.innovation import WINDOW, normalised_square
from ldensf_core.twin import follow as following
from ldensf_core.twin.record import record_cycle
from ldensf_core.twin.results import result_dataset

FILTERS = ("ld-ensf", "ensf")


@pytest.fixture(scope="module")
def twin():
    return TwinExperiment(
        "tsunami",
        FILTERS,
        noise=0.2,
        every=2,
        members=4,
        full_space_members=2,
        seed=3,
        device="cpu",
        missing=0.3,
        options={"ld-ensf": {"rule": "published"}},
    )


@pytest.fixture(scope="module")
def cycles(twin):
    return list(itertools.islice(twin, 4))


@pytest.fixture(scope="module")
def result(twin, cycles):
    return result_dataset(twin, FILTERS, cycles, twin.settings)


def test_dimensions_and_units(tsunami, result):
    assert dict(result.sizes) == {
        "time": 4, "y": 150, "x": 150, "filter": 2, "sensor": 100, "member": 4,
    }  # fmt: skip
    dims = {
        "eta": ("time", "y", "x"),
        "eta_mean": ("filter", "time", "y", "x"),
        "eta_spread": ("filter", "time", "y", "x"),
        "eta_observed": ("time", "sensor"),
        "source_x": (),
        "source_x_ensemble": ("filter", "time", "member"),
        "rel_rmse": ("filter", "time"),
        "rel_spread": ("filter", "time"),
        "cycle_ms": ("filter", "time"),
        "forecast_ms": ("filter", "time"),
        "analysis_ms": ("filter", "time"),
        "decode_ms": ("filter", "time"),
        "chi2": ("filter", "time"),
        "disagrees": ("filter", "time"),
    }
    units = {
        "eta": "m", "eta_mean": "m", "eta_spread": "m", "eta_observed": "m", "u_mean": "m s-1",
        "source_x": "km", "source_y_ensemble": "km", "forecast_ms": "ms", "time": "h", "x": "km",
        "sensor_y": "km",
    }  # fmt: skip
    assert {name: result[name].dims for name in dims} == dims
    assert {name: result[name].attrs["units"] for name in units} == units
    assert set(result.data_vars) == set(dims) | {
        *(v + kind for v in "uv" for kind in ("", "_mean", "_spread", "_observed", "_chi2")),
        *("source_y", "source_y_ensemble", "eta_chi2"),
    }
    assert all(result[name].attrs["long_name"] for name in result.data_vars)


def test_coordinates(tsunami, twin, result):
    assert result["filter"].values.tolist() == list(FILTERS)
    assert np.array_equal(result.time, tsunami.times[:4])
    assert np.array_equal(result.x, tsunami.x.points) and np.array_equal(result.y, tsunami.y.points)
    positions = np.stack([result.sensor_x, result.sensor_y], axis=-1)
    assert np.array_equal(positions, twin.sensors.positions)


def test_settings_are_kept(result):
    settings = {
        "benchmark": "tsunami",
        "layout": "grid",
        "noise": 0.2,
        "every": 2,
        "members": 4,
        "full_space_members": 2,
        "seed": 3,
        "missing": 0.3,
        "device": "cpu",
    }
    assert settings.items() < result.attrs.items()
    options = json.loads(result.attrs["options"])
    assert options["ld-ensf"] == {"filter": "ld-ensf", "rule": "published", "epsilon": 0.5}
    assert options["ensf"] == {"filter": "ensf", "steps": 100, "epsilon": 0.3}
    assert json.loads(result.attrs["changes"]) == []


def test_values_are_those_of_the_cycles(tsunami, twin, cycles, result):
    for t, cycle in enumerate(cycles):
        for i, v in enumerate(tsunami.variables):
            assert np.array_equal(result[v.name][t], cycle.truth[i])
            for name in FILTERS:
                estimate, row = cycle.filters[name].estimate, result.sel(filter=name).isel(time=t)
                ensemble = estimate.ensemble[:, i].numpy()
                np.testing.assert_allclose(row[v.name + "_mean"], ensemble.mean(0), atol=1e-6)
                spread = estimate.spread[i].numpy()
                assert np.array_equal(row[v.name + "_spread"], spread)
                # That of the members drawn, but for their number and the draws of the error
                # that the surrogate makes itself.
                drawn = ensemble.std(0, ddof=1)
                assert 0.7 < np.linalg.norm(drawn) / np.linalg.norm(spread) < 1.4


def test_nothing_measured_is_missing(cycles, result):
    for t, cycle in enumerate(cycles):
        if cycle.observation is None:
            assert t % 2 == 1
            assert result.u_observed[t].isnull().all()
        else:
            assert np.array_equal(result.v_observed[t], cycle.observation.values[:, 1], True)
    assert 0 < result.eta_observed[0].isnull().sum() < 100


def test_ensembles_are_padded_to_the_largest(twin, cycles, result):
    assert result.source_x.item() == twin.true_parameters[0]
    for name, members in zip(FILTERS, (4, 2), strict=True):
        draws = result.source_y_ensemble.sel(filter=name)
        assert draws[:, :members].notnull().all() and draws[:, members:].isnull().all()
        expected = torch.stack([c.filters[name].estimate.parameters[:, 1] for c in cycles])
        assert np.array_equal(draws[:, :members], expected)


def test_errors_follow_from_the_fields(tsunami, result):
    """‖mean − truth‖/‖truth‖ and ‖spread‖/‖truth‖ of normalised fields, from the record itself."""
    error, spread, energy = 0.0, 0.0, 0.0
    for v in tsunami.variables:
        error = (
            error + ((result[v.name + "_mean"] - result[v.name]) ** 2).sum(("y", "x")) / v.std**2
        )
        spread = spread + (result[v.name + "_spread"] ** 2).sum(("y", "x")) / v.std**2
        energy = energy + (((result[v.name] - v.mean) / v.std) ** 2).sum(("y", "x"))
    np.testing.assert_allclose(result.rel_rmse, np.sqrt(error / energy), rtol=1e-4)
    np.testing.assert_allclose(result.rel_spread, np.sqrt(spread / energy), rtol=1e-4)


def test_times_of_the_parts_are_missing_where_they_were_not_taken(cycles, result):
    assert (result.cycle_ms > 0).all() and (result.decode_ms > 0).all()
    for part in (result.forecast_ms, result.analysis_ms):  # at the second observation alone
        assert part.notnull().all("filter").values.tolist() == [False, False, True, False]
        assert part.isnull().all("filter").values.tolist() == [True, True, False, True]
    assert result.cycle_ms.sel(filter="ensf")[2] == cycles[2].filters["ensf"].cycle_ms


def test_estimates_are_let_go_as_cycles_come(monkeypatch):
    """Whole ensembles hang on them: of two filters only the other's is there, of this cycle."""
    made, alive = [], []
    run_cycle = following._cycle

    def watched(*arguments):
        alive.append(sum(estimate() is not None for estimate in made))
        cycle = run_cycle(*arguments)
        made.append(weakref.ref(cycle.estimate))
        return cycle

    monkeypatch.setattr(following, "_cycle", watched)
    run = TwinExperiment("tsunami", ["ensf", "none"], members=2, device="cpu").run()
    assert len(made) == 2 * 51 and run.rel_rmse.notnull().all()
    assert alive == [0, 1] * 51


def test_a_record_has_the_latest_innovations_and_no_more():
    experiment = TwinExperiment("tsunami", "ld-ensf", every=2, members=5, device="cpu")
    found, record = [], None
    for cycle in itertools.islice(experiment, 2 * WINDOW + 4):
        found.append(cycle.filters["ld-ensf"].estimate.innovation)
        record = record_cycle(experiment.benchmark, cycle, "ld-ensf", record)[0]
        assert record.chi2 == pytest.approx(normalised_square(found), nan_ok=True)
    assert None in found and len(record.innovations) == WINDOW
    members = record.parameters
    assert record.mean == pytest.approx(members.mean(0))
    assert record.central == pytest.approx(np.quantile(members, (0.05, 0.95), axis=0))
