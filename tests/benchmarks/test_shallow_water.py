"""Test cases 2 and 5 are those of Williamson et al. (1992, J. Comput. Phys. 102); the jet is that
of Galewsky, Scott and Polvani (2004, Tellus A 56)."""

import math

import numpy as np
import pytest
import torch
from torch_harmonics.examples.shallow_water_equations import ShallowWaterSolver

from ldensf_core.benchmarks.shallow_water import OMEGA, G, ShallowWater
from ldensf_core.domains.globe import RADIUS
from ldensf_core.domains.harmonics import Sphere, gaussian_latitudes

HOUR, DAY = 3600.0, 86400.0


def water(truncation, time_step, depth=5000.0, hyperdiffusion=0.0, ground=None, finer=1):
    """The solver on its Gaussian grid, or on that of a truncation ``finer`` times as large."""
    latitudes = gaussian_latitudes(finer * truncation)
    sphere = Sphere(truncation, RADIUS, latitudes, 2 * len(latitudes[0]))
    ground = None if ground is None else on_grid(sphere, ground)
    return ShallowWater(sphere, time_step, depth, hyperdiffusion, ground)


def on_grid(sphere, function):
    """Of latitude and longitude."""
    return function(torch.asin(sphere.sin_latitude), sphere.longitude)


def no_source(_):
    return torch.zeros((), dtype=torch.complex128)


def run(solver, c, duration, source=no_source):
    for _ in range(round(duration / solver.time_step)):
        c = solver.step(c, source)
    return c


def rates(solver, c, hyperdiffusion=0.0):
    """∂c/∂t in full: the explicit terms and, written here anew, the implicit ones."""
    laplacian = solver.sphere.laplacian
    linear = -hyperdiffusion * laplacian**2 * c
    linear[..., 1, :, :] -= G * laplacian * c[..., 2, :, :]
    linear[..., 2, :, :] -= solver.depth * c[..., 1, :, :]
    return solver.tendency(c, no_source(0.0)) + linear


def grids(solver, c):
    """ζ, δ, η, u and v on the grid."""
    wind = solver.sphere.to_grid(torch.stack(solver.sphere.wind(c[..., 0, :, :], c[..., 1, :, :])))
    return [*solver.sphere.to_grid(c).unbind(dim=-3), *(wind / solver.sphere.cos_latitude)]


def mean(solver, grid):
    """Over the sphere, by the quadrature."""
    latitudes = gaussian_latitudes(solver.sphere.truncation)
    return (grid.mean(dim=-1) @ latitudes[1] / 2).item()


def invariants(solver, c, ground=0.0):
    """Mass, energy and potential enstrophy, per area."""
    vorticity, _, height, u, v = grids(solver, c)
    layer = height - ground
    energy = 0.5 * layer * (u**2 + v**2) + 0.5 * G * height**2  # but for that of the ground
    enstrophy = 0.5 * (vorticity + solver.coriolis) ** 2 / layer
    return np.array([mean(solver, q) for q in (layer, energy, enstrophy)])


def random_flow(solver, speed=25.0, height=50.0, low=2, high=8, seed=0, batch=()):
    """Random waves of the degrees from ``low`` to ``high`` in all of ζ, δ and η, about depth H.

    Winds are of the given speed (root mean square), those of the divergence a tenth of it.
    """
    n = solver.sphere.truncation + 1
    generator = torch.Generator().manual_seed(seed)
    degree = torch.arange(n)[:, None]
    c = torch.randn(*batch, 3, n, n, dtype=torch.complex128, generator=generator).tril()
    c = c * ((degree >= low) & (degree <= high))
    c[..., 0] = c[..., 0].real.to(c.dtype)
    for i, size in enumerate((speed * degree / RADIUS, 0.1 * speed * degree / RADIUS, height)):
        c[..., i, :, :] *= size * math.sqrt(4 * math.pi / (high + 1) ** 2)
    c[..., 2, 0, 0] = math.sqrt(4 * math.pi) * solver.depth
    return c


def other_solver(truncation, time_step):
    """torch-harmonics' solver on the same grid: explicit, third-order Adams-Bashforth."""
    n = len(gaussian_latitudes(truncation)[0])
    other = ShallowWaterSolver(
        n, 2 * n, time_step, lmax=truncation + 1, mmax=truncation + 1, grid="legendre-gauss"
    ).double()
    l = torch.arange(1, truncation + 1)[:, None]  # noqa: E741
    factor = 1.0 / l / (l + 1)  # single precision, as it went into the weights there
    other.vsht.weights[:, :, 1:] /= factor.double() * (l * (l + 1))
    other.hyperdiff.fill_(1.0)
    return other


def for_other(c):
    """Its state: geopotential, vorticity and divergence."""
    return torch.stack([G * c[2], c[0], c[1]])


def norm(c):
    """Root mean square on the sphere, but for a factor: of ζ, δ and η separately."""
    weights = torch.full(c.shape[-1:], 2.0, dtype=torch.float64)
    weights[0] = 1.0
    return (c.abs().square() * weights).sum(dim=(-2, -1)).sqrt()


# -- the equations ------------------------------------------------------------------------


@pytest.mark.parametrize("truncation", [21, 42])
def test_rates_agree_with_torch_harmonics(truncation):
    solver = water(truncation, 600.0)
    c = random_flow(solver, high=truncation)
    theirs = other_solver(truncation, 600.0).dudtspec(for_other(c))
    error = norm(for_other(rates(solver, c)) - theirs) / norm(theirs)
    print(f"T{truncation}: relative difference of the rates {error.max():.1e}")
    assert error.max() < 1e-11


def test_rates_are_free_of_aliasing():
    few, many = water(21, 600.0), water(21, 600.0, finer=2)
    c = random_flow(few, high=21)
    error = norm(rates(few, c) - rates(many, c)) / norm(rates(many, c))
    assert error.max() < 1e-11


def zonal_flow(solver, tilt):
    """Test case 2: ζ, δ, η of a solid-body rotation in balance; the earth's axis tilts with it."""
    speed, height = 2 * math.pi * RADIUS / (12 * DAY), 2.94e4 / G
    sphere = solver.sphere
    turned = sphere.sin_latitude * math.cos(tilt)
    turned = turned - sphere.cos_latitude * torch.cos(sphere.longitude) * math.sin(tilt)
    solver.coriolis = 2 * OMEGA * turned
    vorticity = sphere.to_spectral(2 * speed / RADIUS * turned)
    eta = height - (RADIUS * OMEGA * speed + speed**2 / 2) / G * turned**2
    return torch.stack([vorticity, torch.zeros_like(vorticity), sphere.to_spectral(eta)])


@pytest.mark.parametrize("tilt", [0.0, math.pi / 4])
def test_zonal_flow_is_steady(tilt):
    """Five days of test case 2 at T42 in steps of an hour, along and across the grid."""
    solver = water(42, HOUR, depth=2500.0)
    start = zonal_flow(solver, tilt)
    end = run(solver, start, 5 * DAY)
    (*_, h0, u0, v0), (*_, h1, u1, v1) = grids(solver, start), grids(solver, end)
    height = (mean(solver, (h1 - h0) ** 2) / mean(solver, h0**2)) ** 0.5
    gap = mean(solver, (u1 - u0) ** 2 + (v1 - v0) ** 2) / mean(solver, u0**2 + v0**2)
    print(f"tilt {tilt:.2f}: after five days l2(h) = {height:.1e}, l2(v) = {gap**0.5:.1e}")
    assert h0.max() - h0.min() > 1000
    assert height < 1e-12
    assert gap**0.5 < 1e-10


def test_balanced_height_of_zonal_flow_is_the_exact_one():
    solver = water(21, 600.0)
    start = zonal_flow(solver, 0.0)
    solver.depth = start[2, 0, 0].real.item() / math.sqrt(4 * math.pi)
    assert (solver.balanced(start[0]) - start)[2].abs().max() < 1e-12 * start[2].abs().max()


def test_balanced_flow_begins_without_divergence():
    solver = water(42, 600.0)
    vorticity = random_flow(solver, batch=(2,))[:, 0]
    c = solver.balanced(vorticity)
    assert torch.equal(c[:, 0], vorticity) and (c[:, 1] == 0).all()
    assert c[:, 2, 0, 0].real.numpy() / math.sqrt(4 * math.pi) == pytest.approx(solver.depth)
    growth = norm(rates(solver, c))[:, 1]
    c[:, 2, 1:] = 0.0  # what balances the wind
    unbalanced = norm(rates(solver, c))[:, 1]
    print(f"growth of δ {(growth / unbalanced).max():.1e} of what it is over a level surface")
    assert (growth < 1e-13 * unbalanced).all()


@pytest.mark.parametrize("degree, order", [(1, 1), (4, 3), (21, 2)])
def test_rossby_haurwitz_waves_turn_at_their_rate(degree, order):
    """A single harmonic is not carried by its own wind: ∂ζ/∂t = i 2Ω m / (l (l + 1)) ζ exactly."""
    solver = water(21, 600.0)
    c = torch.zeros(3, 22, 22, dtype=torch.complex128)
    c[0, degree, order] = (1 + 2j) * 1e-5
    exact = 2j * OMEGA * order / (degree * (degree + 1)) * c[0]
    assert (rates(solver, c)[0] - exact).abs().max() < 1e-13 * OMEGA * 1e-5 * degree * (degree + 1)


@pytest.mark.parametrize("f", [0.0, 1e-4])
@pytest.mark.parametrize("degree, order", [(1, 0), (3, 2), (10, 10)])
def test_inertia_gravity_wave_turns_at_its_rate(f, degree, order):
    """Under a uniform Coriolis parameter ω² = f² + g H l (l + 1) / a²; a small wave, one period.

    Running (its crest moves east if m > 0): η ~ e^{−iωt}, δ = iω η / H, ζ = f η / H.
    """
    depth, height = 1000.0, 1e-6
    frequency = math.sqrt(f**2 + G * depth * degree * (degree + 1) / RADIUS**2)
    period = 2 * math.pi / frequency
    solver = water(10, period / 200, depth)
    solver.coriolis = torch.full_like(solver.sphere.sin_latitude, f)
    start = torch.zeros(3, 11, 11, dtype=torch.complex128)
    start[2, degree, order] = height
    start[:2, degree, order] = height / depth * torch.tensor([f, 1j * frequency])
    if order == 0:  # no field is complex there: the wave stands
        start = start.real.to(start.dtype)
    start[2, 0, 0] = math.sqrt(4 * math.pi) * depth
    quarter = run(solver, start, period / 4)
    end = run(solver, quarter, 3 * period / 4)
    eta = end[2, degree, order].item() / height
    phase = math.atan2(eta.imag, eta.real) / (2 * math.pi)
    print(f"f = {f:g}, l = {degree}: after a period amplitude {abs(eta):.6f}, phase {phase:+.1e}")
    assert abs(eta) == pytest.approx(1.0, abs=1e-4)
    assert abs(phase) < 1e-4
    assert quarter[2, degree, order].item() / height == pytest.approx(-1j if order else 0, abs=1e-3)
    others = end - start
    others[:, degree, order] = 0.0
    assert others[2].abs().max() < 1e-8  # 1e-12 of H: rounding


# -- the ground ---------------------------------------------------------------------------


def mountain(latitude, longitude):
    """Test case 5: a cone of 2000 m."""
    away = torch.hypot(latitude - math.pi / 6, longitude - 1.5 * math.pi) / (math.pi / 9)
    return 2000 * (1 - away.clamp_max(1))


def hills(latitude, longitude):
    """A polynomial: on the sphere of degree three."""
    return 300 * torch.sin(latitude) * torch.cos(latitude) ** 2 * torch.cos(2 * longitude) + 100


def test_water_at_rest_stays_at_rest():
    solver = water(21, 600.0, ground=mountain)
    c = torch.zeros(3, 22, 22, dtype=torch.complex128)
    c[2, 0, 0] = math.sqrt(4 * math.pi) * 5000
    assert torch.equal(run(solver, c, HOUR), c)


def test_ground_takes_from_the_layer_alone():
    """Over the height b, mass moves as in a layer η − b over flat ground, wind as if b were not."""
    flat, hilly = water(21, 600.0), water(21, 600.0, ground=hills)
    c = random_flow(flat)
    thinner = c.clone()
    thinner[2] -= flat.sphere.to_spectral(on_grid(flat.sphere, hills))
    over_hills, over_flat, of_layer = (
        rates(solver, state) for solver, state in ((hilly, c), (flat, c), (flat, thinner))
    )
    assert norm(over_flat - of_layer)[2] > 0.01 * norm(of_layer)[2]  # b does matter
    assert (norm(over_hills - over_flat)[:2] < 1e-12 * norm(over_flat)[:2]).all()
    assert norm(over_hills - of_layer)[2] < 1e-11 * norm(of_layer)[2]


def test_flow_over_a_mountain():
    """Test case 5 at T42 for five days: mass is kept, energy nearly, and the flow deflected."""
    solver = water(42, HOUR, depth=5400.0, ground=mountain)
    speed = 20.0
    mu = solver.sphere.sin_latitude.expand(-1, solver.sphere.n_lon)
    eta = 5960 - (RADIUS * OMEGA * speed + speed**2 / 2) / G * mu**2
    vorticity, height = (solver.sphere.to_spectral(f) for f in (2 * speed / RADIUS * mu, eta))
    start = torch.stack([vorticity, torch.zeros_like(vorticity), height])
    end = run(solver, start, 5 * DAY)
    ground = on_grid(solver.sphere, mountain)
    mass, energy, _ = invariants(solver, end, ground) / invariants(solver, start, ground) - 1
    v = grids(solver, end)[4]
    print(f"mass changes by {mass:.1e}, energy by {energy:.1e}; v up to {v.abs().max():.0f} m/s")
    assert abs(mass) < 1e-14
    assert abs(energy) < 3e-6
    assert 10 < v.abs().max() < 50


# -- the time steps -----------------------------------------------------------------------


def test_implicit_terms_are_solved_for():
    """c − γΔt L c = known, with hyperdiffusion; γ = 1 − 1/√2."""
    kappa, dt = 1e16, 3600.0
    solver = water(21, dt, hyperdiffusion=kappa)
    known = random_flow(solver, high=21, batch=(2,))
    c = solver.solve(known)
    linear = rates(solver, c, kappa) - solver.tendency(c, no_source(0.0))
    gap = norm(c - (1 - math.sqrt(0.5)) * dt * linear - known) / norm(known)
    assert norm(c - known).min() > 1e-3 * norm(known).min()
    assert gap.max() < 1e-12


def test_explicit_steps_are_as_stable_as_those_of_third_order():
    """What δ = −2√2/3 is for: of ∂c/∂t = iω c a step makes the Taylor series to its third term."""
    solver = water(10, 1.0)
    waves = torch.linspace(0.1, 2.0, 11, dtype=torch.float64)[:, None] * 1j
    solver.tendency = lambda c, *_: waves * c
    vorticity = solver.step(torch.ones(3, 11, 11, dtype=torch.complex128), no_source)[0]
    series = 1 + waves + waves**2 / 2 + waves**3 / 6
    assert (vorticity - series).abs().max() < 1e-13


def test_implicit_steps_damp_whatever_is_fast():
    """Hyperdiffusion alone: R(z) = (1 + (1 − 2γ) z) / (1 − γ z)², which vanishes for large −z."""
    kappa, gamma = 1e20, 1 - math.sqrt(0.5)
    solver = water(10, HOUR, hyperdiffusion=kappa)
    solver.tendency = lambda c, *_: torch.zeros_like(c)
    degree = torch.arange(11, dtype=torch.float64)[:, None]
    z = -kappa * HOUR * (degree * (degree + 1) / RADIUS**2) ** 2
    exact = (1 + (1 - 2 * gamma) * z) / (1 - gamma * z) ** 2
    start = torch.zeros(3, 11, 11, dtype=torch.complex128)
    start[0] = 1.0
    assert z.min() < -1
    assert (solver.step(start, no_source)[0] - exact).abs().max() < 1e-12


def test_hyperdiffusion_damps_at_its_rate():
    """Over water at rest and without rotation a weak vortex decays by κ l² (l + 1)² / a⁴."""
    kappa = 1e16
    solver = water(21, HOUR, hyperdiffusion=kappa)
    solver.coriolis = torch.zeros_like(solver.coriolis)
    c = torch.zeros(3, 22, 22, dtype=torch.complex128)
    c[0, 20, 5] = 1e-12
    c[2, 0, 0] = math.sqrt(4 * math.pi) * solver.depth
    rate = kappa * (20 * 21 / RADIUS**2) ** 2
    end = run(solver, c, 5 * DAY)
    assert end[0, 20, 5].real.item() == pytest.approx(1e-12 * math.exp(-rate * 5 * DAY), rel=1e-4)
    assert rate * 5 * DAY > 0.3


def test_second_order_in_time():
    """Six hours over hills, with hyperdiffusion and under a source that changes."""
    duration, solutions = DAY / 4, []
    pattern = random_flow(water(21, 1.0), seed=1)[2] / DAY
    for n in (36, 72, 144, 576):
        solver = water(21, duration / n, hyperdiffusion=1e16, ground=hills)
        c = random_flow(solver)
        for step in range(n):
            start = step * solver.time_step
            c = solver.step(c, lambda t, start=start: pattern * math.cos((start + t) / HOUR))
        solutions.append(c)
    *coarse, finest = solutions
    errors = torch.stack([norm(c - finest) / norm(finest) for c in coarse])
    orders = torch.log2(errors[:-1] / errors[1:])
    for name, column, error in zip("ζδη", orders.T, errors.T, strict=True):
        print(f"{name}: order {column.tolist()}, errors {error.tolist()}")
    assert orders.min() > 1.8 and orders.max() < 2.2


@pytest.mark.filterwarnings("ignore:torch.meshgrid")
def test_galewsky_jet_agrees_with_torch_harmonics():
    """Its jet, unbalanced bump included, after half a day; neither has hyperdiffusion.

    Ours, of second order, is extrapolated to steps of no length.
    """
    other = other_solver(31, 75.0)
    start = other.galewsky_initial_condition().to(torch.complex128)
    start[..., 0] = start[..., 0].real.to(start.dtype)
    theirs = other.timestep(start, round(DAY / 2 / other.dt))
    c = torch.stack([start[1], start[2], start[0] / G])
    coarse, fine = (for_other(run(water(31, dt, 1e4), c, DAY / 2)) for dt in (150.0, 75.0))
    ours = (4 * fine - coarse) / 3
    change = norm(theirs - start) / norm(theirs)
    for name, result in (("step 75 s", fine), ("extrapolated", ours)):
        error = norm(result - theirs) / norm(theirs)
        print(f"{name}: relative difference of h, ζ, δ {error.tolist()}")
    print(f"change in half a day {change.tolist()}")
    assert change[0] > 5e-4 and change[1] > 0.01
    assert (error < torch.tensor([6e-7, 2.5e-6, 5e-3])).all()


def test_free_flow_conserves_mass_energy_and_potential_enstrophy():
    """Five days, in which waves of degrees 3 to 8 are stirred past recognition."""
    solver = water(42, 1200.0)
    start = solver.balanced(random_flow(solver, low=3, high=8)[0])
    end = run(solver, start, 5 * DAY)
    change = norm(end - start) / norm(start)
    mass, energy, enstrophy = invariants(solver, end) / invariants(solver, start) - 1
    print(f"ζ changes by {change[0]:.2f} of its size")
    print(f"mass drifts by {mass:.1e}, energy {energy:.1e}, potential enstrophy {enstrophy:.1e}")
    assert change[0] > 1
    assert abs(mass) < 1e-14
    assert abs(energy) < 2e-6
    assert abs(enstrophy) < 2e-4


def test_source_adds_its_mean():
    solver = water(15, 1800.0, ground=hills)
    c = random_flow(solver)
    source = random_flow(solver, seed=1)[2] / DAY
    end = run(solver, c, DAY, lambda _: source)
    assert (end - c)[2, 0, 0].real.item() == pytest.approx(source[0, 0].real.item() * DAY, 1e-12)


def test_batch_equals_single_runs():
    solver = water(21, 1200.0, hyperdiffusion=1e16, ground=mountain)
    c = random_flow(solver, batch=(2, 3))
    c[0] *= 0.5
    sources = random_flow(solver, seed=1, batch=(2, 3))[..., 2, :, :] / DAY
    together = run(solver, c, DAY / 2, lambda _: sources)
    for i in np.ndindex(2, 3):
        alone = run(solver, c[i], DAY / 2, lambda _, i=i: sources[i])
        assert (norm(together[i] - alone) < 1e-12 * norm(alone)).all()


def test_steps_may_be_longer_than_gravity_waves_allow():
    """Ten days in steps of an hour; with these, explicit ones grow without bound."""
    dt = HOUR
    solver = water(42, dt, hyperdiffusion=1e15)
    fastest = math.sqrt(G * solver.depth * 42 * 43) / RADIUS
    assert fastest * dt > 2 * 1.74  # a third-order Runge-Kutta scheme is stable up to √3
    c = random_flow(solver, speed=10.0)
    end = run(solver, c, 10 * DAY)
    print(f"ωΔt = {fastest * dt:.1f}: ζ, δ, η {norm(end) / norm(c)} times as large")
    assert (norm(end) < 1.5 * norm(c)).all()
    explicit = c
    for _ in range(24):
        half = explicit + dt / 3 * rates(solver, explicit)
        half = explicit + dt / 2 * rates(solver, half)
        explicit = explicit + dt * rates(solver, half)
    assert not (norm(explicit) < 1e3 * norm(c)).all()


def test_nothing_is_changed_in_place():
    solver = water(15, 1200.0)
    c = random_flow(solver)
    kept = c.clone()
    first = solver.step(c, no_source)
    solver.balanced(c[0])
    assert torch.equal(c, kept)
    assert torch.equal(solver.step(c, no_source), first)
