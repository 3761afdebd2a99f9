from itertools import pairwise

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import get_benchmark
from ldensf_core.benchmarks.tsunami import STEPS_PER_SNAPSHOT, Tsunami

# Two sources (km): one in open water, one in the corner of the prior, cut by both walls.
SOURCES = np.array([[310.0, 140.0], [0.0, 500.0]])


class Reference:
    """The scheme for one trajectory in NumPy, double precision, written from the equations.

    Every face of every cell is stored: u (n, n + 1), walls in its first and last column,
    v (n + 1, n), walls in its first and last row; η (n, n), southern row first.
    """

    gravity, f0, beta, side, width = 9.81, 1e-4, 2e-11, 1e6, 50e3

    def __init__(self, n, source_km, depth=100.0, height=1.0):
        self.n, self.depth = n, depth
        self.dx = self.side / n
        self.dt = 0.1 * self.dx / np.sqrt(self.gravity * depth)
        centre = (np.arange(n) + 0.5) * self.dx
        gx = np.exp(-((centre - source_km[0] * 1e3) ** 2) / (2 * self.width**2))
        gy = np.exp(-((centre - source_km[1] * 1e3) ** 2) / (2 * self.width**2))
        self.eta = height * np.outer(gy, gx)
        self.u, self.v = np.zeros((n, n + 1)), np.zeros((n + 1, n))

    def step(self):
        n, dt, dx, u, v, eta = self.n, self.dt, self.dx, self.u, self.v, self.eta
        f_u = self.f0 + self.beta * (np.arange(n) + 0.5) * dx  # u stands at the cells' latitude
        f_v = self.f0 + self.beta * np.arange(1, n) * dx  # v on the faces between two rows
        v_at_u = (v[:-1, :-1] + v[:-1, 1:] + v[1:, :-1] + v[1:, 1:]) / 4
        u[:, 1:-1] += dt * (f_u[:, None] * v_at_u - self.gravity * (eta[:, 1:] - eta[:, :-1]) / dx)
        u_at_v = (u[:-1, :-1] + u[:-1, 1:] + u[1:, :-1] + u[1:, 1:]) / 4
        v[1:-1] += dt * (-f_v[:, None] * u_at_v - self.gravity * (eta[1:] - eta[:-1]) / dx)
        carried = self.depth + eta
        flux_x, flux_y = np.zeros_like(u), np.zeros_like(v)
        flux_x[:, 1:-1] = np.maximum(u[:, 1:-1], 0) * carried[:, :-1]
        flux_x[:, 1:-1] += np.minimum(u[:, 1:-1], 0) * carried[:, 1:]
        flux_y[1:-1] = np.maximum(v[1:-1], 0) * carried[:-1]
        flux_y[1:-1] += np.minimum(v[1:-1], 0) * carried[1:]
        eta -= dt * (np.diff(flux_x, axis=1) + np.diff(flux_y, axis=0)) / dx

    def fields(self):
        return np.stack(
            [(self.u[:, 1:] + self.u[:, :-1]) / 2, (self.v[1:] + self.v[:-1]) / 2, self.eta]
        )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("n, snapshots", [(40, 51), (150, 4)])
def test_solver_agrees_with_an_independent_implementation(n, snapshots, dtype):
    """Largest difference of each field below 1e-5 of its largest value, at every snapshot."""
    tsunami = Tsunami(n)
    parameters = torch.as_tensor(SOURCES, dtype=dtype)
    references = [Reference(n, source) for source in SOURCES]
    state = tsunami.initial_state(parameters)
    worst = 0.0
    for snapshot in range(snapshots):
        if snapshot:
            state = tsunami.advance(state, parameters)
            for reference in references:
                for _ in range(STEPS_PER_SNAPSHOT):
                    reference.step()
        expected = np.stack([reference.fields() for reference in references])
        error = np.abs(tsunami.fields(state).numpy() - expected).max(axis=(2, 3))
        scale = np.abs(expected).max(axis=(2, 3))
        worst = max(worst, (error[scale > 0] / scale[scale > 0]).max())
        assert (error[scale == 0] == 0).all()
    print(f"n = {n}, {dtype}: largest relative difference {worst:.1e}")
    assert worst < (1e-5 if dtype == torch.float32 else 1e-12)


def test_mass_is_conserved():
    tsunami = Tsunami(60)
    parameters = torch.as_tensor(SOURCES, dtype=torch.float64)
    eta = tsunami.trajectories(parameters)[:, :, 2]
    mass = eta.sum(dim=(-2, -1))
    drift = (mass / mass[:, :1] - 1).abs().max().item()
    print(f"mass drifts by {drift:.1e}")
    assert drift < 1e-6


def test_small_long_wave_travels_at_sqrt_g_h():
    """A plane wave of 1 cm travelling east, its crest followed on the middle row."""
    tsunami = Tsunami(height=0.01)
    x = torch.as_tensor(tsunami.x.points, dtype=torch.float64)
    face = x + tsunami.spacing / 2e3

    def crest(at):
        return 0.01 * torch.exp(-0.5 * ((at - 200.0) / 30.0) ** 2).expand(1, 150, 150)

    speed = np.sqrt(9.81 * tsunami.depth)
    u = crest(face) * speed / tsunami.depth  # moving east alone: u = η √(g/H)
    u[..., -1] = 0.0
    state = torch.stack([u, torch.zeros_like(u), crest(x)], dim=1)
    parameters = torch.zeros(1, 2, dtype=torch.float64)

    def position(state):
        row = state[0, 2, 75]
        i = int(row.argmax())
        before, top, after = row[i - 1 : i + 2].tolist()
        return x[i].item() + 0.5 * (before - after) / (before - 2 * top + after) * (x[1] - x[0])

    start = position(state)
    for _ in range(10):
        state = tsunami.advance(state, parameters)
    hours = tsunami.times[10] - tsunami.times[0]
    measured = (position(state) - start).item() * 1e3 / (hours * 3600)
    print(f"speed {measured:.3f} m/s, √(gH) = {speed:.3f} m/s, error {measured / speed - 1:+.2%}")
    assert measured == pytest.approx(speed, rel=0.01)


def bump_after(n, time_step, snapshots):
    """Normalised fields, on cells of 40 km, of a bump 150 km wide after ``snapshots``."""
    tsunami = Tsunami(n)
    tsunami.time_step = time_step
    x = torch.as_tensor(tsunami.x.points, dtype=torch.float64)
    bump = torch.exp(-0.5 * ((x - 450.0) / 150.0) ** 2)
    eta = (bump[:, None] * bump)[None]
    state = torch.stack([torch.zeros_like(eta), torch.zeros_like(eta), eta], dim=1)
    for _ in range(snapshots):
        state = tsunami.advance(state, torch.zeros(1, 2, dtype=torch.float64))
    return torch.nn.functional.avg_pool2d(tsunami.normalise(tsunami.fields(state)), n // 25)


def orders(solutions):
    """Order seen by each three successive solutions, each twice as fine as the one before."""
    gaps = [(a - b).norm().item() for a, b in pairwise(solutions)]
    return [float(np.log2(a / b)) for a, b in pairwise(gaps)]


def test_second_order_in_space():
    step = Tsunami(200).time_step
    measured = orders([bump_after(n, step, 16) for n in (25, 50, 100, 200)])
    print(f"order in space {measured[0]:.2f} (n = 25 to 100), {measured[1]:.2f} (50 to 200)")
    assert measured == pytest.approx([2.0, 2.0], abs=0.1)


def test_first_order_in_time():
    """The forward-backward step sets u and η half a time step apart: first order, small error."""
    step = Tsunami(50).time_step
    measured = orders([bump_after(50, step / k, 4 * k) for k in (1, 2, 4, 8)])
    print(f"order in time {measured[0]:.2f}, {measured[1]:.2f}")
    assert measured == pytest.approx([1.0, 1.0], abs=0.05)


def test_order_of_convergence_with_the_time_step_tied_to_the_grid():
    """As the benchmark runs: second order on coarse grids, towards first as time steps rule."""
    measured = orders(
        [bump_after(n, Tsunami(n).time_step, 2 * n // 25) for n in (25, 50, 100, 200)]
    )
    print(f"order {measured[0]:.2f} (n = 25 to 100), {measured[1]:.2f} (50 to 200)")
    assert measured == pytest.approx([1.88, 1.46], abs=0.05)


def test_no_flow_through_the_walls():
    tsunami = Tsunami(30)
    parameters = torch.tensor(SOURCES, dtype=torch.float32)
    state = tsunami.initial_state(parameters)
    for _ in range(5):
        state = tsunami.advance(state, parameters)
        state = tsunami.corrected(state, 0.01 * torch.ones(2, 3, 30, 30))
        assert (state[:, 0, :, -1] == 0).all()  # east
        assert (state[:, 1, -1, :] == 0).all()  # north
        # A cell beside the western or southern wall has half the flow of its inner face.
        fields = tsunami.fields(state)
        assert torch.equal(fields[:, 0, :, 0], 0.5 * state[:, 0, :, 0])
        assert torch.equal(fields[:, 1, 0, :], 0.5 * state[:, 1, 0, :])


def test_batch_equals_single_runs():
    tsunami = Tsunami(20)
    parameters = torch.rand(5, 2, generator=torch.Generator().manual_seed(0)) * 500
    together = tsunami.trajectories(parameters)
    alone = torch.cat([tsunami.trajectories(p[None]) for p in parameters])
    assert together.shape == (5, 51, 3, 20, 20)
    assert torch.allclose(together, alone, rtol=0, atol=1e-6)


def test_same_run_bit_for_bit():
    tsunami = Tsunami(20)
    parameters = torch.tensor(SOURCES, dtype=torch.float32)
    assert torch.equal(tsunami.trajectories(parameters), tsunami.trajectories(parameters))


def test_nothing_is_changed_in_place():
    tsunami = Tsunami(20)
    parameters = torch.tensor(SOURCES, dtype=torch.float32)
    state = tsunami.advance(tsunami.initial_state(parameters), parameters)
    increment = torch.ones(2, 3, 20, 20)
    kept = [t.clone() for t in (state, parameters, increment)]
    tsunami.advance(state, parameters)
    tsunami.fields(state)
    tsunami.corrected(state, increment)
    assert all(torch.equal(a, b) for a, b in zip((state, parameters, increment), kept, strict=True))


def test_correction_of_the_elevation_is_seen_in_full():
    """η is not staggered: its increment arrives as it is; u and v stay where they were."""
    tsunami = Tsunami(20)
    state = tsunami.initial_state(torch.tensor(SOURCES, dtype=torch.float64))
    increment = torch.zeros(2, 3, 20, 20, dtype=torch.float64)
    increment[:, 2] = torch.randn(20, 20, generator=torch.Generator().manual_seed(0)).double()
    change = tsunami.fields(tsunami.corrected(state, increment)) - tsunami.fields(state)
    assert torch.allclose(change, increment, atol=1e-12)


def test_correction_of_a_smooth_current_is_seen_in_full():
    """Inside, a linear increment passes unchanged through the faces and back to the centres."""
    tsunami = Tsunami(20)
    state = torch.zeros(1, 3, 20, 20, dtype=torch.float64)
    ramp = torch.arange(20, dtype=torch.float64)
    increment = torch.zeros_like(state)
    increment[0, 0], increment[0, 1] = ramp + ramp[:, None], ramp - ramp[:, None]
    change = tsunami.fields(tsunami.corrected(state, increment))
    inside = (..., slice(1, -1), slice(1, -1))
    assert torch.allclose(change[inside], increment[inside], atol=1e-12)


def test_bump_starts_at_its_source_at_rest():
    tsunami = get_benchmark("tsunami")
    fields = tsunami.fields(tsunami.initial_state(torch.tensor([[300.0, 100.0]])))
    assert (fields[:, :2] == 0).all()
    row, column = divmod(int(fields[0, 2].argmax()), 150)
    assert abs(tsunami.x.points[column] - 300.0) < 1e3 / 150
    assert abs(tsunami.y.points[row] - 100.0) < 1e3 / 150
    assert fields[0, 2].max().item() == pytest.approx(1.0, abs=0.01)


def test_constants_describe_the_training_split():
    """Mean and standard deviation over the 120 training runs, here on half the resolution."""
    tsunami = Tsunami(75)  # a time step twice as long: 26 snapshots span the published 51
    parameters = torch.as_tensor(
        tsunami.parameter_array(tsunami.split("train")), dtype=torch.float32
    )
    state = tsunami.initial_state(parameters)
    first, second = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    snapshots = 26
    for snapshot in range(snapshots):
        if snapshot:
            state = tsunami.advance(state, parameters)
        fields = tsunami.fields(state).double()
        first += fields.mean(dim=(0, 2, 3)) / snapshots
        second += fields.square().mean(dim=(0, 2, 3)) / snapshots
    std = (second - first**2).sqrt()
    print(f"mean {first.tolist()}, standard deviation {std.tolist()}")
    for i, variable in enumerate(tsunami.variables):
        assert std[i].item() == pytest.approx(variable.std, rel=0.05), variable.name
        assert first[i].item() == pytest.approx(variable.mean, abs=0.02 * variable.std)


# -- model errors -------------------------------------------------------------------------


def arrival(tsunami, row, column, snapshots):
    """Time of the highest water at a cell after a bump at (200, 500) km, in h, by a parabola."""
    state = tsunami.initial_state(torch.tensor([[200.0, 500.0]], dtype=torch.float64))
    heights = [state[0, 2, row, column].item()]
    for _ in range(snapshots):
        state = tsunami.advance(state, torch.zeros(1, 2, dtype=torch.float64))
        heights.append(state[0, 2, row, column].item())
    i = int(np.argmax(heights))
    before, top, after = heights[i - 1 : i + 2]
    return tsunami.times[1] * (i + 0.5 * (before - after) / (before - 2 * top + after))


def test_waves_arrive_earlier_in_deeper_water_and_later_in_shallower():
    """405 km away; the speed goes as the square root of the depth, but for some rotation."""
    known = Tsunami(100)
    time = arrival(known, 50, 60, 18)
    assert time == pytest.approx(405e3 / np.sqrt(9.81 * 100) / 3600, rel=0.1)  # h; crests lead
    for error, factor in (("deeper-water", 1.1), ("shallower-water", 0.9)):
        ratio = arrival(known.with_error(error), 50, 60, 18) / time
        print(f"{error}: arrival at {ratio:.4f} of the time, √(1/{factor}) = {factor**-0.5:.4f}")
        assert ratio == pytest.approx(factor**-0.5, abs=0.01)


@pytest.mark.parametrize("error", ["deeper-water", "shallower-water"])
def test_in_other_depths_snapshots_and_stability_stay(error):
    """The time step depends on the depth where a basin is made, but not that of the other physics.

    Forward-backward steps on a C-grid are stable while c Δt/Δx < 1/√2.
    """
    known = Tsunami(40)
    changed = known.with_error(error)
    assert np.array_equal(changed.times, known.times)
    assert (changed.time_step, changed.spacing) == (known.time_step, known.spacing)
    courant = np.sqrt(9.81 * changed.depth) * changed.time_step / changed.spacing
    assert courant < 0.2 / np.sqrt(2)
    fields = changed.trajectories(torch.as_tensor(SOURCES))
    energy = 981 / 2 * fields[:, :, 2].square().sum((-1, -2))
    assert fields.isfinite().all() and (energy[:, -1] < energy[:, 0]).all()


@pytest.mark.parametrize("error", ["deeper-water", "two-sources"])
def test_other_physics_agree_with_an_independent_implementation(error):
    """The reference gets the other depth or bump by its own means."""
    known = Tsunami(40)
    changed = known.with_error(error)
    reference = Reference(40, SOURCES[0], depth=110.0 if error == "deeper-water" else 100.0)
    reference.dt = known.time_step
    if error == "two-sources":
        reference.eta += Reference(40, (750.0, 750.0), height=0.5).eta
    state = changed.initial_state(torch.as_tensor(SOURCES[:1]))
    for _ in range(10):
        state = changed.advance(state, torch.as_tensor(SOURCES[:1]))
        for _ in range(STEPS_PER_SNAPSHOT):
            reference.step()
    expected = reference.fields()
    gap = np.abs(changed.fields(state).numpy()[0] - expected).max() / np.abs(expected).max()
    print(f"{error}: largest difference {gap:.1e} of the largest value")
    assert gap < 1e-12


def test_two_small_sources_are_the_sum_of_each_alone():
    """Waves of a thousandth of the depth and less are linear."""
    known = Tsunami(40, height=0.01)
    both = known.with_error("two-sources").trajectories(torch.tensor([[200.0, 300.0]]).double())
    first = known.trajectories(torch.tensor([[200.0, 300.0]]).double())
    second = Tsunami(40, height=0.005).trajectories(torch.tensor([[750.0, 750.0]]).double())
    assert torch.equal(both[:, 0], first[:, 0] + second[:, 0])
    gap = (both - first - second).abs().amax((0, 1, 3, 4)) / both.abs().amax((0, 1, 3, 4))
    print(f"largest difference of u, v, η {gap.tolist()} of the largest value")
    assert gap.max() < 1e-3
    assert (both - first)[0, 10].abs().max() > 1e-3


def test_bottom_drag_takes_the_energy_that_it_should():
    """What is lost more than without is the work 2 r of the kinetic energy, over time."""
    known = Tsunami(50)
    changed = known.with_error("bottom-drag")

    def energies(basin):
        fields = basin.trajectories(torch.tensor([[250.0, 250.0]]).double())[0]
        kinetic = 0.5 * 100.0 * fields[:, :2].square().sum((1, 2, 3))
        return kinetic, kinetic + 0.5 * 9.81 * fields[:, 2].square().sum((1, 2))

    (_, without), (kinetic, dragged) = energies(known), energies(changed)
    work = 2e-5 * torch.trapezoid(kinetic[:21], dx=known.times[1] * 3600)
    lost = (without - dragged)[20]
    print(f"lost {lost / without[0]:.3f} of the energy, work {work / without[0]:.3f}")
    assert lost > 0.2 * without[0]
    assert lost.item() == pytest.approx(work.item(), rel=0.03)
