import math

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import atmosphere as module
from ldensf_core.benchmarks import get_benchmark, list_benchmarks
from ldensf_core.benchmarks.atmosphere import Atmosphere
from ldensf_core.domains.harmonics import even_latitudes

PARAMETERS = torch.tensor([[15.0, 2.0], [5.0, 3.0]], dtype=torch.float64)


@pytest.fixture(scope="module")
def small():
    return Atmosphere(truncation=15, steps=10)


def jets(benchmark, parameters):
    """The state of the common beginning, before the burn-in: (B, 1 + 3 L M)."""
    flow = benchmark.flow(parameters)
    return torch.view_as_complex(flow.jets).expand(len(parameters), -1).clone()


def after(benchmark, parameters, snapshots):
    state = jets(benchmark, parameters)
    for _ in range(snapshots):
        state = benchmark.advance(state, parameters)
    return state


def mean(fields):
    """Over the sphere, of fields (..., ny, nx) on the benchmark's grid."""
    return fields.mean(dim=-1) @ even_latitudes(fields.shape[-2])[1].to(fields) / 2


def relative(a, b):
    """Difference of fields, each variable over its spatial variation in ``b``."""
    variation = (b - b.mean(dim=(-2, -1), keepdim=True)).square().mean(dim=(0, 2, 3))
    return ((a - b).square().mean(dim=(0, 2, 3)) / variation).sqrt()


# -- the solver ---------------------------------------------------------------------------


def test_fields_converge_with_the_truncation():
    """One day from the jets, against T63: each truncation at least halves the error."""
    parameters = PARAMETERS[:1]
    fields = {
        t: (b := Atmosphere(truncation=t)).fields(after(b, parameters, 3)) for t in (21, 31, 42, 63)
    }
    finest = fields.pop(63)
    errors = torch.stack([relative(coarse, finest) for coarse in fields.values()])
    for t, error in zip(fields, errors, strict=True):
        print(f"T{t}: error of h, u, v {error.tolist()}")
    assert (errors[1:] < 0.5 * errors[:-1]).all()
    assert (errors[-1] < torch.tensor([0.005, 0.03, 0.06])).all()


def test_second_order_in_time():
    """Eight hours from the jets, under a sun that moves on within the steps."""
    parameters = PARAMETERS[:1]
    benchmarks = [Atmosphere(truncation=21, steps=steps) for steps in (24, 48, 96, 288)]
    *coarse, finest = (b.fields(after(b, parameters, 1)) for b in benchmarks)
    errors = torch.stack([relative(fields, finest) for fields in coarse])
    orders = torch.log2(errors[:-1] / errors[1:])
    print(f"order in time of h, u, v {orders.tolist()}, errors {errors[-1].tolist()}")
    assert orders.min() > 1.8 and orders.max() < 2.3


def test_mass_is_conserved():
    benchmark = Atmosphere(truncation=21)
    state = jets(benchmark, PARAMETERS)
    end = after(benchmark, PARAMETERS, 3)
    before, later = benchmark.fields(state)[:, 0], benchmark.fields(end)[:, 0]
    drift = (mean(later) / mean(before) - 1).abs().max().item()
    print(f"mean of h drifts by {drift:.1e} in a day, h itself by {(later - before).std():.0f} m")
    assert mean(before).numpy() == pytest.approx(module.DEPTH, rel=1e-12)
    assert (later - before).std() > 10
    assert drift < 1e-12


def test_forcing_raises_the_surface():
    """What a minute adds, beyond what it does unforced, is F at that hour times the minute."""
    benchmark = Atmosphere(truncation=21, steps=480)
    parameters = torch.tensor([[0.0, 2.0], [30.0, 2.0]], dtype=torch.float64)
    flow = benchmark.flow(parameters)
    state = jets(benchmark, parameters)
    state[:, 0] = 9.0 * 60  # steps of a minute
    without, forced = flow.coefficients(flow.step(state, parameters))
    half_a_step_on = torch.full((2, 1), 9.0 + 0.5 / 60, dtype=torch.float64)
    expected = 60 * flow.forcing(half_a_step_on, parameters)[1]
    gap = ((forced - without)[2] - expected).norm() / expected.norm()
    print(f"relative difference {gap:.1e}")
    assert gap < 1e-3


def test_batch_equals_single_runs(small):
    together = after(small, PARAMETERS, 3)
    alone = torch.cat([after(small, p[None], 3) for p in PARAMETERS])
    assert torch.allclose(small.fields(together), small.fields(alone), rtol=0, atol=1e-8)
    assert relative(*small.fields(together)[:, None]).min() > 1e-3  # parameters do matter


def test_same_run_bit_for_bit(small):
    assert torch.equal(after(small, PARAMETERS, 2), after(small, PARAMETERS, 2))


def test_single_precision_stays_close():
    benchmark = Atmosphere(truncation=42)
    double = benchmark.fields(after(benchmark, PARAMETERS[:1], 3))
    single = benchmark.fields(after(benchmark, PARAMETERS[:1].float(), 3))
    assert double.dtype == torch.float64 and single.dtype == torch.float32
    gap = relative(single.double(), double)
    print(f"single precision differs after a day by {gap.tolist()} of h, u, v")
    assert gap.max() < 1e-4


def test_nothing_is_changed_in_place(small):
    state = after(small, PARAMETERS, 1)
    increment = torch.ones(2, 3, *small.grid_shape, dtype=torch.float64)
    parameters = PARAMETERS.clone()
    kept = [t.clone() for t in (state, parameters, increment)]
    small.advance(state, parameters)
    small.fields(state)
    small.corrected(state, increment)
    assert all(torch.equal(a, b) for a, b in zip((state, parameters, increment), kept, strict=True))


# -- where it begins ----------------------------------------------------------------------


def test_all_runs_begin_with_the_same_jets(small, monkeypatch):
    monkeypatch.setattr(module.Flow, "step", lambda flow, state, parameters: state)
    start = small.initial_state(PARAMETERS)
    assert torch.equal(start[0], start[1])
    assert (start[:, 0] == 0).all()
    again = Atmosphere(truncation=15).initial_state(PARAMETERS)
    assert torch.equal(start, again)


def test_jets_are_the_same_at_every_truncation():
    """Degrees up to 12: the disturbance exactly, the rest but for aliasing of the sharp jets."""
    starts = {}
    for t in (21, 31, 42, 63):
        flow = Atmosphere(truncation=t).flow(PARAMETERS)
        starts[t] = flow.coefficients(torch.view_as_complex(flow.jets))[0, ::2, :13, :13]
    for t, tolerance in ((21, 1e-3), (31, 1e-5), (42, 1e-8)):
        gap = (starts[t] - starts[63]).abs().amax(dim=(1, 2))
        scale = starts[63][:, 1:].abs().amax(dim=(1, 2))
        print(f"T{t}: ζ, η differ by {(gap / scale).tolist()} of the largest")
        assert (gap < tolerance * scale).all()
        waves = slice(4, 13), slice(1, 13)
        assert (starts[t][0][waves] - starts[63][0][waves]).abs().max() < 1e-12 * scale[0]


def test_jets_are_where_they_should_be():
    """Eastward, as fast as documented, one in each hemisphere; no wind across, but for waves."""
    benchmark = Atmosphere(truncation=63)
    h, u, v = benchmark.fields(jets(benchmark, PARAMETERS[:1]))[0]
    zonal = u.mean(dim=1)
    latitude = torch.as_tensor(benchmark.y.points)
    exact = module.JET_SPEED * torch.exp(
        -(((latitude.abs() - module.JET_LATITUDE) / module.JET_WIDTH) ** 2)
    )
    error = (zonal - exact).abs().max().item()
    print(f"the jets' speed is off by {error:.1e} m/s, h varies by {h.std():.0f} m")
    assert error < 1e-3 * module.JET_SPEED
    assert v.mean(dim=1).abs().max() < 1e-9
    assert 0.5 < v.std() < 10
    assert h.mean(dim=1)[128] > h.mean(dim=1)[0] + 500  # geostrophic


def test_disturbance_has_the_stated_size():
    waves = module._disturbance(21)
    both = 2 * waves.abs().square().sum() / (4 * math.pi)  # with the orders −m
    assert both.sqrt().item() == pytest.approx(module.DISTURBANCE, rel=1e-12)
    assert (waves[:4] == 0).all() and (waves[13:] == 0).all() and (waves[:, 0] == 0).all()


def test_burn_in_ends_at_the_first_snapshot():
    benchmark = Atmosphere(truncation=12, steps=10)
    for dtype in (torch.float64, torch.float32):
        state = benchmark.initial_state(PARAMETERS[:1].to(dtype))
        assert state.shape == (1, 1 + 3 * 13 * 13)
        assert state[0, 0].real.item() * 8 / benchmark.steps == benchmark.times[0]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"truncation": 11}, "truncation = 11: at least 12"),
        ({"steps": 0}, "steps = 0: an even number"),
        ({"steps": 15}, "steps = 15: an even number"),
    ],
)
def test_impossible_solvers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Atmosphere(**arguments)


def test_mountains_rise_in_five_days():
    """Half of them stands after two and a half days, and nothing stood at first."""
    benchmark = Atmosphere(truncation=12, steps=8)
    flow = benchmark.flow(PARAMETERS)
    risen = []
    step = flow.water.step
    flow.water.step = lambda c, source, share: risen.append(share) or step(c, source, share)
    state = jets(benchmark, PARAMETERS[:1])
    for hour in (0.0, 60.0, 120.0, 300.0):
        state[:, 0] = hour
        flow.step(state, PARAMETERS[:1])
    assert [float(share) for share in risen] == pytest.approx([0.0, 0.5, 1.0, 1.0])


# -- the sun ------------------------------------------------------------------------------


def forcing(benchmark, hours, parameters=(10.0, 2.0)):
    """F in m/h on the benchmark's grid, (times, ny, nx)."""
    parameters = torch.tensor([parameters], dtype=torch.float64).expand(len(hours), -1)
    flow = benchmark.flow(parameters)
    hours = torch.as_tensor(hours, dtype=torch.float64)[:, None]
    return 3600 * flow.grid.to_grid(flow.forcing(hours, parameters))


@pytest.fixture(scope="module")
def fine():
    return Atmosphere(truncation=63)


@pytest.mark.parametrize("amplitude, width", [(10.0, 1.0), (1.0, 2.0), (30.0, 2.5)])
def test_forcing_is_as_documented(fine, amplitude, width):
    hours = [0.0, 7.0, 252.0, 300.5, 700.0]
    longitude = np.radians(fine.x.points)
    latitude = np.radians(fine.y.points)[:, None]
    for hour, field in zip(hours, forcing(fine, hours, (amplitude, width)), strict=True):
        sun_longitude = -2 * np.pi * hour / 24
        sun_latitude = np.radians(23.4) * np.sin(2 * np.pi * hour / (42 * 24))
        belt = np.exp(-(((latitude - sun_latitude) / np.radians(10 * width)) ** 2))
        exact = torch.as_tensor(
            amplitude * (np.cos(longitude - sun_longitude) + module.DAILY_MEAN) * belt
        )
        error = (field - (exact - mean(exact))).abs().max().item() / amplitude
        print(f"A = {amplitude:g}, w = {width:g}, t = {hour:g} h: error {error:.1e} of A")
        assert error < 2e-3


@pytest.mark.parametrize("width", [1.0, 2.5, 4.0])
def test_forcing_has_no_mean(fine, width):
    fields = forcing(fine, np.linspace(0, 748, 23), (30.0, width))
    assert fields.abs().amax(dim=(1, 2)).min() > 25
    assert mean(fields).abs().max() < 1e-12


def test_forcing_follows_the_sun(fine):
    """Noon moves westward, once round a day; north until a quarter of the year is over."""
    hours = [0.0, 6.0, 12.0, 18.0, 24.0, 252.0, 756.0]
    longitudes = [0.0, 270.0, 180.0, 90.0, 0.0, 180.0, 180.0]
    latitudes = [23.4 * math.sin(2 * math.pi * hour / 1008) for hour in hours]
    assert latitudes[-2:] == pytest.approx([23.4, -23.4])
    for field, east, north in zip(forcing(fine, hours), longitudes, latitudes, strict=True):
        row, column = divmod(int(field.argmax()), 512)
        away = (fine.x.points[column] - east + 180) % 360 - 180
        assert abs(away) < 0.5
        assert abs(fine.y.points[row] - north) < 0.5


def test_sun_returns_after_a_day_and_after_a_year(fine):
    noon, day, half, year = forcing(fine, [252.0, 276.0, 264.0, 252.0 + 42 * 24])
    assert (year - noon).abs().max() < 1e-9
    assert (day - noon).abs().max() < 0.05 * noon.abs().max()  # the season has moved on
    assert (half - noon).abs().max() > noon.abs().max()


def test_forcing_is_proportional_to_its_amplitude(fine):
    one, ten = (forcing(fine, [100.0], (a, 2.0)) for a in (1.0, 10.0))
    assert torch.allclose(ten, 10 * one, rtol=1e-12, atol=1e-12)


# -- states and corrections ---------------------------------------------------------------


def test_steps_are_counted(small):
    state = jets(small, PARAMETERS)
    state[:, 0] = torch.tensor([100.0, 200.0])
    for snapshot in (1, 2):
        state = small.advance(state, PARAMETERS)
        expected = [100.0 + small.steps * snapshot, 200.0 + small.steps * snapshot]
        assert state[:, 0].real.tolist() == expected
        assert (state[:, 0].imag == 0).all()


def test_season_follows_the_time_in_the_state(small):
    early, late = jets(small, PARAMETERS[:1]), jets(small, PARAMETERS[:1])
    late[:, 0] = 12.0 * small.steps / 8
    first, second = (small.fields(small.advance(s, PARAMETERS[:1])) for s in (early, late))
    assert (first - second)[:, 0].abs().max() > 10  # m: day against night


def test_correction_reaches_the_fields_of_another_state(small):
    state, other = after(small, PARAMETERS, 1), after(small, PARAMETERS, 3)
    increment = small.fields(other) - small.fields(state)
    assert increment.abs().amax(dim=(0, 2, 3)).min() > 1
    corrected = small.corrected(state, increment)
    assert torch.allclose(small.fields(corrected), small.fields(other), rtol=0, atol=1e-8)
    assert torch.equal(corrected[:, 0], state[:, 0])  # but it keeps its own time
    gap = (small.flow(corrected).coefficients(corrected - other)).abs().amax(dim=(0, 2, 3))
    assert (gap < 1e-11 * small.flow(other).coefficients(other).abs().amax(dim=(0, 2, 3))).all()


def test_correction_by_nothing_changes_nothing(small):
    state = after(small, PARAMETERS, 1)
    nothing = torch.zeros(2, 3, *small.grid_shape, dtype=torch.float64)
    assert torch.equal(small.corrected(state, nothing), state)


def test_correction_adds_the_part_that_the_truncation_holds(small):
    """Noise leaves a smooth trace; that, added instead, is seen in full."""
    state = after(small, PARAMETERS, 1)
    noise = torch.randn(2, 3, *small.grid_shape, dtype=torch.float64)
    corrected = small.corrected(state, noise)
    trace = small.fields(corrected) - small.fields(state)
    assert 0 < trace.std() < 0.2 * noise.std()
    again = small.corrected(state, trace)
    assert torch.allclose(small.fields(again), small.fields(corrected), rtol=0, atol=1e-8)


# -- the benchmark ------------------------------------------------------------------------


def test_registered():
    assert "atmosphere" in list_benchmarks()
    benchmark = get_benchmark("atmosphere")
    assert isinstance(benchmark, Atmosphere)
    assert benchmark.grid_shape == (256, 512) and benchmark.n_times == 63
    assert benchmark.times == pytest.approx(np.arange(252.0, 749.0, 8.0))
    assert benchmark.x.periodic and not benchmark.y.periodic
    for axis in (benchmark.x, benchmark.y):  # cell centres: half a spacing off the bounds
        spacing = np.diff(axis.points)
        assert np.allclose(spacing, (axis.high - axis.low) / len(axis.points))
        assert axis.points[0] - axis.low == pytest.approx(spacing[0] / 2)


def test_fields_are_on_the_grid_of_the_axes(small):
    """A solid-body rotation about an axis on the equator, and a height that is highest there."""
    speed, radius = 10.0, module.RADIUS
    flow = small.flow(PARAMETERS)
    c = torch.zeros(1, 3, 16, 16, dtype=torch.complex128)
    c[:, 0, 1, 1] = 2 * speed / radius * math.sqrt(2 * math.pi / 3)
    c[:, 2, 1, 1] = math.sqrt(2 * math.pi / 3)
    state = torch.cat([torch.zeros(1, 1), c.flatten(1)], dim=1)
    assert flow.coefficients(state).shape == c.shape
    h, u, v = small.fields(state)[0].numpy()
    longitude = np.radians(small.x.points)
    latitude = np.radians(small.y.points)[:, None]
    assert np.abs(h - np.cos(latitude) * np.cos(longitude)).max() < 1e-12
    assert np.abs(u + speed * np.sin(latitude) * np.cos(longitude)).max() < 1e-10
    assert np.abs(v - speed * np.sin(longitude)).max() < 1e-10


def test_simulate():
    benchmark = Atmosphere(truncation=12, steps=10)
    middle = {p.name: (p.low + p.high) / 2 for p in benchmark.parameters}
    run = benchmark.simulate(middle)
    assert list(run.data_vars) == ["h", "u", "v"]
    assert run.u.dims == ("time", "y", "x") and run.u.shape == (63, 256, 512)
    assert run.u.dtype == np.float32
    assert [run[name].attrs["units"] for name in ("h", "u", "v")] == ["m", "m s-1", "m s-1"]
    assert [run[name].attrs["units"] for name in ("time", "x", "y")] == [
        "h",
        "degrees_east",
        "degrees_north",
    ]
    assert run.width.attrs["units"] == "dekadegree" and run.amplitude == middle["amplitude"]
    assert run.time[0] == 252 and run.time[-1] == 748
    assert mean(torch.as_tensor(run.h.values)).numpy() == pytest.approx(module.DEPTH, rel=1e-5)
    wind = np.hypot(run.u, run.v).max(dim=("y", "x"))
    assert (wind > 5).all() and (wind < 200).all()


@pytest.mark.parametrize("name", ["amplitude", "width"])
def test_parameters_beyond_the_prior_are_named(small, name):
    middle = {p.name: (p.low + p.high) / 2 for p in small.parameters}
    bounds = {p.name: (p.low, p.high) for p in small.parameters}[name]
    for value in (0.9 * bounds[0], 1.1 * bounds[1], np.nan):
        with pytest.raises(ValueError, match=f"{name} = .*: allowed is {bounds[0]:g} to"):
            small.simulate(middle | {name: value})


# -- model errors -------------------------------------------------------------------------


def test_higher_mountains_are_a_fifth_higher(small):
    """Ground at its highest, and from rest under a level surface nothing moves on either."""
    like = torch.zeros(1, dtype=torch.float64)
    known, higher = (b.flow(like).water for b in (small, small.with_error("higher-mountains")))
    assert known.ground.max() > 1500
    assert torch.allclose(higher.ground, 1.2 * known.ground, rtol=1e-12)
    still = torch.zeros(1, 3, 16, 16, dtype=torch.complex128)
    still[:, 2, 0, 0] = math.sqrt(4 * math.pi) * module.DEPTH
    assert higher.tendency(still, still[:, 0]).abs().max() < 1e-12


def test_more_diffusion_damps_small_eddies_twice_as_fast(small):
    """One implicit solve of vorticity: 1 + γ Δt κ (l(l + 1)/a²)²."""
    like = torch.zeros(1, dtype=torch.float64)
    known, more = (b.flow(like).water for b in (small, small.with_error("more-diffusion")))
    assert torch.allclose(more.damping - 1, 2 * (known.damping - 1), rtol=1e-9)
    assert (known.damping - 1).max() > 1e-4
