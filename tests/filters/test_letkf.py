import math

import pytest
import torch

from ldensf_core.analyses.kalman import letkf_analysis
from ldensf_core.benchmarks import Atmosphere, Kolmogorov, Tsunami
from ldensf_core.filters.letkf import LETKF
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.scores import relative_rmse


@pytest.fixture(scope="module")
def basin():
    return Tsunami(30)


@pytest.fixture(scope="module")
def truth(basin):
    return basin.trajectories(torch.tensor([[300.0, 100.0]]))[0]


def smooth(benchmark, members, seed=0):
    """Normalised fields (M, V, ny, nx) of random waves that fit the domain."""
    generator = torch.Generator().manual_seed(seed)
    ny, nx = benchmark.grid_shape
    x, y = (2 * math.pi * torch.arange(n) / n for n in (nx, ny))
    amplitudes = torch.randn(members, len(benchmark.variables), 3, 3, 2, generator=generator)
    fields = torch.zeros(*amplitudes.shape[:2], ny, nx)
    for k in range(3):
        for m in range(3):
            phase = k * x + m * y[:, None]
            pair = amplitudes[:, :, k, m, :, None, None]
            fields += pair[:, :, 0] * phase.cos() + pair[:, :, 1] * phase.sin()
    return fields


def observe(benchmark, positions, sigma=0.1, gaps=(), seed=3):
    """Normal values at ``positions`` with ``gaps`` (sensor, variable)."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(len(positions), len(benchmark.variables), generator=generator)
    values = values * benchmark.std(values) + benchmark.mean(values)
    for gap in gaps:
        values[gap] = torch.nan
    return Observation(
        0, SensorNetwork.at(benchmark, positions), values, sigma * benchmark.std(values)
    )


def corrected(benchmark, fields, observation, **options):
    parameters = torch.zeros(len(fields), len(benchmark.parameters))
    letkf = LETKF(benchmark, **{"radius": 100.0, **options})
    return letkf.analysed(fields, benchmark.physical_parameters(parameters), observation)[0]


def run(benchmark, truth, members=8, seed=1, cycles=None, missing=0.0, **options):
    network = SensorNetwork.grid(benchmark, 10, 10)
    letkf = LETKF(benchmark, **{**benchmark.tuning["letkf"], **options})
    letkf.reset(members, seed)
    for index, fields in enumerate(truth[:cycles]):
        if index:
            letkf.forecast()
        letkf.analyse(network.observe(fields, index, noise=0.1, missing=missing, seed=9))
    return letkf


# -- the analysis -------------------------------------------------------------------------


def test_without_localisation_it_is_one_analysis_of_everything(basin):
    """With a value missing, which does not count."""
    positions = [[210.0, 130.0], [480.0, 620.0], [870.0, 405.0]]
    fields, observation = smooth(basin, 6), observe(basin, positions, gaps=[(1, 2)])
    mean, std = basin.mean(fields), basin.std(fields)
    y = ((observation.values - mean) / std).flatten()
    observed = SensorNetwork.at(basin, positions).values(fields).flatten(1)
    known = [0, 1, 2, 3, 4, 6, 7, 8]
    expected = letkf_analysis(
        fields.flatten(1)[..., None],
        observed[:, known],
        y[known],
        torch.full((8,), 0.01),
        torch.ones(1, 8),
        inflation=1.1,
    )
    found = corrected(basin, fields, observation, radius=math.inf, inflation=1.1)
    torch.testing.assert_close(found.flatten(1), expected[..., 0], atol=2e-4, rtol=0)


def test_every_point_is_corrected_by_what_is_near(basin):
    """Compared with an analysis of one grid point with its own weights, at every grid point."""
    positions = [[210.0, 130.0], [480.0, 620.0], [500.0, 600.0]]
    fields, observation = smooth(basin, 6), observe(basin, positions)
    found = corrected(basin, fields, observation, radius=200.0, points=math.inf, inflation=1.0)
    place = torch.tensor([[basin.x.points[14], basin.y.points[19]]])
    r = (place - torch.tensor(positions).double()).norm(dim=1) / 200
    weights = 1 - 5 / 3 * r**2 + 5 / 8 * r**3 + r**4 / 2 - r**5 / 4
    assert (r[1:] < 1).all() and r[0] > 2
    y = ((observation.values - basin.mean(fields)) / basin.std(fields))[1:].flatten()
    expected = letkf_analysis(
        fields[:, :, 19, 14, None],
        SensorNetwork.at(basin, positions).values(fields)[:, 1:].flatten(1),
        y,
        torch.full((6,), 0.01),
        weights[None, 1:].repeat_interleave(3, dim=1),
    )
    torch.testing.assert_close(found[:, :, 19, 14], expected[..., 0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("layout", ["grid", "random"])
def test_lattice_stands_for_all_grid_points(layout):
    """Mean and deviations change by the same to 4 %, after a few cycles with 100 sensors."""
    basin = Tsunami(75)
    letkf = LETKF(basin, radius=100.0)
    letkf.reset(members=20, seed=1)
    truth = basin.trajectories(torch.tensor([[300.0, 100.0]]))[0]
    network = SensorNetwork.place(basin, 100, layout, seed=3)
    for index in range(4):
        observation = network.observe(truth[index], index, noise=0.1, missing=0.0, seed=11)
        if index < 3:
            letkf.analyse(observation)
            letkf.forecast()
    before = basin.normalise(letkf.estimate().ensemble)
    found = letkf.analysed(before, letkf.parameters, observation)[0]
    everywhere = LETKF(basin, radius=100.0, points=math.inf)
    expected = everywhere.analysed(before, letkf.parameters, observation)[0]
    assert math.prod(letkf.lattice.shape) < 0.4 * math.prod(everywhere.lattice.shape)
    off, change = found.mean(0) - expected.mean(0), expected.mean(0) - before.mean(0)
    assert off.norm() < 0.04 * change.norm()
    off, change = off - (found - expected), change - (expected - before)
    assert off.norm() < 0.04 * change.norm()


@pytest.mark.parametrize(
    ("benchmark", "position", "radius", "reached"),
    [
        (Kolmogorov(32), (0.1, 3.0), 0.6, [(15, 31), (15, 0)]),
        (Tsunami(30), (10.0, 500.0), 100.0, [(15, 0)]),
        (Atmosphere(truncation=15), (1.0, 89.0), 500.0, [(255, 0), (255, 256), (253, 511)]),
    ],
    ids=["seam", "wall", "pole"],
)
def test_one_sensor_reaches_twice_the_radius(benchmark, position, radius, reached):
    """Across a seam and over a pole, but not across a wall."""
    fields = smooth(benchmark, 5)
    observation = observe(benchmark, [list(position)])
    after = corrected(benchmark, fields, observation, radius=radius, inflation=1.2)
    change = (after - fields).abs().amax(dim=(0, 1))
    x, y = torch.meshgrid(
        torch.as_tensor(benchmark.x.points), torch.as_tensor(benchmark.y.points), indexing="xy"
    )
    places = torch.stack([x.flatten(), y.flatten()], dim=1)
    apart = benchmark.domain.distances(places, torch.tensor([position], dtype=places.dtype))
    apart = apart.view(benchmark.grid_shape)
    for cell in reached:
        assert change[cell] > 1e-3
    assert (change[apart < 0.8 * radius] > 1e-4).all()
    assert (change[apart > 2.6 * radius] == 0).all()  # a lattice cell beyond, at most


def test_perfect_observations_are_taken_as_nearly_so(basin):
    positions = [[x, y] for x in (217.0, 483.0) for y in (250.0, 750.0)]
    fields, observation = smooth(basin, 10), observe(basin, positions, sigma=0.0)
    after = corrected(basin, fields, observation)
    seen = SensorNetwork.at(basin, positions).values(after.mean(0))
    y = (observation.values - basin.mean(fields)) / basin.std(fields)
    before = SensorNetwork.at(basin, positions).values(fields.mean(0))
    assert (seen - y).abs().max() < 0.05 * (before - y).abs().max()


def test_missing_values_do_not_count(basin):
    """A sensor that reports nothing is as good as none."""
    positions = [[210.0, 130.0], [260.0, 170.0], [870.0, 405.0]]
    gappy = observe(basin, positions, gaps=[(2, slice(None))])
    two = Observation(0, SensorNetwork.at(basin, positions[:2]), gappy.values[:2], gappy.std)
    fields = smooth(basin, 5)
    assert torch.equal(corrected(basin, fields, gappy), corrected(basin, fields, two))


def test_taper_is_worked_out_afresh_when_sensors_move(basin):
    fields, parameters = smooth(basin, 5), torch.full((5, 2), 250.0)
    going = LETKF(basin, radius=100.0)
    for positions in ([[210.0, 130.0]], [[710.0, 130.0]], [[710.0, 130.0], [210.0, 130.0]]):
        observation = observe(basin, positions)
        after = going.analysed(fields, parameters, observation)[0]
        assert torch.equal(after, corrected(basin, fields, observation))


# -- the parameters -----------------------------------------------------------------------


def parameters_after(basin, unit, fields, observation, **options):
    letkf = LETKF(basin, **options)
    after = letkf.analysed(fields, basin.physical_parameters(unit), observation)[1]
    return basin.unit_parameters(after)


def test_parameters_are_more_of_the_state(basin):
    """Corrected with all observations, each as precise as its taper has it."""
    positions = [[210.0, 130.0], [870.0, 405.0]]
    fields, observation = smooth(basin, 6), observe(basin, positions)
    unit = 0.2 * torch.randn(6, 2, generator=torch.Generator().manual_seed(5))
    expected = letkf_analysis(
        unit[..., None],
        SensorNetwork.at(basin, positions).values(fields).flatten(1),
        ((observation.values - basin.mean(fields)) / basin.std(fields)).flatten(),
        torch.full((6,), 0.01 / 0.3),
        torch.ones(1, 6),
        inflation=1.1,
    )
    found = parameters_after(
        basin, unit, fields, observation, parameter_taper=0.3, inflation=1.1, radius=50.0
    )
    torch.testing.assert_close(found, expected[..., 0].clamp(-1, 1), atol=1e-4, rtol=0)


def test_parameters_may_be_left_alone(basin):
    unit, fields = torch.linspace(-1, 1, 10).view(5, 2), smooth(basin, 5)
    observation = observe(basin, [[210.0, 130.0]])
    found = parameters_after(basin, unit, fields, observation, parameter_taper=0.0)
    torch.testing.assert_close(found, unit)


def test_parameters_stay_in_the_prior(basin):
    unit, fields = torch.linspace(-1, 1, 10).view(5, 2), smooth(basin, 5)
    observation = observe(basin, [[210.0, 130.0], [870.0, 405.0]], sigma=0.01)
    found = parameters_after(basin, unit, fields, observation, parameter_taper=1.0)
    assert found.abs().max() <= 1 + 1e-6 and not torch.equal(found, unit)


# -- the filter ---------------------------------------------------------------------------


def test_it_improves_on_no_assimilation(basin, truth):
    """And finds where the wave came from."""
    filtered, free = run(basin, truth), run(basin, truth, missing=1.0)
    errors = [relative_rmse(basin, f.estimate().mean, truth[-1]) for f in (filtered, free)]
    assert errors[0] < 0.5 * errors[1]
    off = [
        (f.estimate().parameters.mean(0) - torch.tensor([300.0, 100.0])).abs().mean()
        for f in (filtered, free)
    ]
    assert off[0] < off[1]


def test_all_missing_changes_nothing(basin, truth):
    letkf = run(basin, truth, cycles=2)
    before = letkf.estimate()
    gaps = [(slice(None), slice(None))]
    letkf.analyse(observe(basin, [[210.0, 130.0], [870.0, 405.0]], gaps=gaps))
    assert torch.equal(letkf.estimate().ensemble, before.ensemble)
    assert torch.equal(letkf.estimate().parameters, before.parameters)


def test_same_seed_same_run(basin, truth):
    first, again, other = (run(basin, truth, seed=s, cycles=3).estimate() for s in (1, 1, 2))
    assert torch.equal(first.ensemble, again.ensemble)
    assert torch.equal(first.parameters, again.parameters)
    assert not torch.equal(first.ensemble, other.ensemble)


def test_an_estimate_stays_as_it_is(basin, truth):
    letkf = run(basin, truth, cycles=3)
    early, expected = letkf.estimate(), basin.fields(letkf.state.clone())
    parameters = letkf.parameters.clone()
    letkf.forecast()
    letkf.analyse(observe(basin, [[210.0, 130.0]]))
    assert torch.equal(early.ensemble, expected) and torch.equal(early.parameters, parameters)
    assert not torch.equal(letkf.estimate().ensemble, expected)


def test_double_precision(basin, truth):
    single, double = (
        run(basin, truth, cycles=4, dtype=dtype).estimate()
        for dtype in (torch.float32, torch.float64)
    )
    assert double.ensemble.dtype == double.parameters.dtype == torch.float64
    std = basin.std(double.ensemble)[:, None, None]
    assert ((single.ensemble - double.ensemble) / std).abs().max() < 0.02


def test_one_member_is_never_corrected(basin, truth):
    one = run(basin, truth, members=1, cycles=3).estimate()
    free = run(basin, truth, members=1, cycles=3, missing=1.0).estimate()
    torch.testing.assert_close(one.ensemble, free.ensemble, atol=1e-6, rtol=0)
    assert torch.allclose(one.parameters, free.parameters)


# -- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inflation": 0.0}, "inflation = 0.0: more than 0"),
        ({"radius": -5.0}, "radius = -5.0: more than 0"),
        ({"radius": math.nan}, "radius = nan: more than 0"),
        ({"parameter_taper": 1.5}, "parameter_taper = 1.5: allowed is 0 to 1"),
        ({"points": 0.0}, "points = 0.0: more than 0"),
    ],
)
def test_impossible_options_are_named(basin, options, message):
    with pytest.raises(ValueError, match=message):
        LETKF(basin, **options)


def test_sensor_outside_the_domain_is_refused(basin):
    letkf = LETKF(basin)
    letkf.reset(members=2, seed=0)
    with pytest.raises(ValueError, match="x = 1500 km is outside the domain"):
        letkf.analyse(observe(basin, [[1500.0, 500.0]]))


def test_no_members_are_refused(basin):
    with pytest.raises(ValueError, match="n = 0"):
        LETKF(basin).reset(members=0, seed=0)


def test_an_analysis_that_is_interrupted_leaves_the_forecast(basin, truth, monkeypatch):
    letkf = LETKF(basin)
    letkf.reset(4, seed=1)
    state, parameters = letkf.state.clone(), letkf.parameters.clone()
    observation = SensorNetwork.grid(basin, 5, 5).observe(truth[0], 0, 0.1, 0.0, seed=2)
    with monkeypatch.context() as patch:
        patch.setattr(basin, "corrected", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            letkf.analyse(observation)
    assert torch.equal(letkf.state, state) and torch.equal(letkf.parameters, parameters)
    letkf.analyse(observation)
    assert not torch.equal(letkf.parameters, parameters)
