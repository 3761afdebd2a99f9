from itertools import pairwise

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import get_benchmark, list_benchmarks
from ldensf_core.benchmarks.kolmogorov import (
    STEPS_PER_SNAPSHOT,
    Kolmogorov,
    initial_vorticity,
)

NO_FORCE = {"drag": 0.1, "forcing": 0.0}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def reynolds(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)[:, None]


def grid(flow):
    return np.meshgrid(flow.x.points, flow.y.points)


def turbulent(flow, scale=2.0):
    """The initial field of the benchmark, faster: (1, n, n)."""
    return torch.as_tensor(scale * initial_vorticity(flow.x.points, flow.y.points))[None]


class Reference:
    """One run in NumPy, double precision: advective form, classical Runge-Kutta, full transforms.

    The flow is known by its stream function, ω = −∇²ψ, u = ∂ψ/∂y, v = −∂ψ/∂x.
    """

    def __init__(self, flow, vorticity, re):
        n = flow.n
        k = np.fft.fftfreq(n) * n
        self.kx, self.ky = np.meshgrid(k, k)
        self.kept = (3 * abs(self.kx) < n) & (3 * abs(self.ky) < n)
        self.squares = self.kx**2 + self.ky**2
        self.re, self.drag = re, flow.drag
        self.curl_of_force = -4 * flow.forcing * np.cos(4 * grid(flow)[1])
        self.vorticity = vorticity

    def derivatives(self, vorticity):
        """u, v, ∂ω/∂x, ∂ω/∂y, ∇²ω on the grid."""
        w = np.fft.fft2(vorticity) * self.kept
        psi = w / np.where(self.squares == 0, 1, self.squares)
        psi[0, 0] = 0
        spectra = (
            1j * self.ky * psi,
            -1j * self.kx * psi,
            1j * self.kx * w,
            1j * self.ky * w,
            -self.squares * w,
        )
        return [np.fft.ifft2(s).real for s in spectra]

    def tendency(self, vorticity):
        u, v, w_x, w_y, laplacian = self.derivatives(vorticity)
        advection = np.fft.ifft2(np.fft.fft2(u * w_x + v * w_y) * self.kept).real
        return laplacian / self.re - self.drag * vorticity - advection + self.curl_of_force

    def run(self, duration, steps):
        dt = duration / steps
        for _ in range(steps):
            w = self.vorticity
            k1 = self.tendency(w)
            k2 = self.tendency(w + dt / 2 * k1)
            k3 = self.tendency(w + dt / 2 * k2)
            k4 = self.tendency(w + dt * k3)
            self.vorticity = w + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return np.stack(self.derivatives(self.vorticity)[:2])


# -- the solver against what is known -----------------------------------------------------


@pytest.mark.parametrize("n", [32, 45])
def test_solver_agrees_with_an_independent_implementation(n):
    """Two Reynolds numbers at once, an even and an odd grid; the reference takes its own steps."""
    flow = Kolmogorov(n)
    flow.time_step /= 4
    values = (500.0, 1500.0)
    state = turbulent(flow, 1.0).expand(2, -1, -1)
    expected = np.stack([Reference(flow, state[0].numpy(), re).run(0.4, 400) for re in values])
    for _ in range(8):
        state = flow.advance(state, reynolds(*values))
    error = np.abs(flow.fields(state).numpy() - expected).max() / np.abs(expected).max()
    apart = np.abs(expected[0] - expected[1]).max() / np.abs(expected).max()
    print(f"n = {n}: relative difference {error:.1e}; between Reynolds numbers {apart:.1e}")
    assert error < 1e-8
    assert apart > 1e-3


def test_taylor_green_vortices_decay_at_the_exact_rate():
    flow = Kolmogorov(32, **NO_FORCE)
    x, y = grid(flow)
    start = torch.as_tensor(2 * np.cos(x) * np.cos(y))
    values = reynolds(5.0, 500.0)
    state = start.expand(2, -1, -1)
    for _ in range(10):
        state = flow.advance(state, values)
    exact = torch.exp(-(2 / values + 0.1) * 2.0)[..., None] * start
    velocity = np.stack([-np.cos(x) * np.sin(y), np.sin(x) * np.cos(y)])
    assert np.abs(flow.fields(start[None])[0].numpy() - velocity).max() < 1e-12
    error = (state - exact).abs().max().item()
    print(f"error {error:.1e}")
    assert error < 1e-10


def test_fluid_at_rest_approaches_the_laminar_flow_at_the_exact_rate():
    flow = Kolmogorov(24)
    values = reynolds(40.0, 500.0)
    rate = (16 / values + 0.1)[..., None]
    laminar = torch.as_tensor(np.sin(4 * grid(flow)[1])) / rate
    state = torch.zeros(2, 24, 24, dtype=torch.float64)
    for step in range(1, 11):
        state = flow.advance(state, values)
        fields = flow.fields(state)
        exact = laminar * (1 - torch.exp(-rate * 0.2 * step))
        assert (fields[:, 0] - exact).abs().max() < 1e-10
        assert fields[:, 1].abs().max() < 1e-12
    assert fields[:, 0].abs().max() > 1.5


def test_laminar_flow_is_a_fixed_point():
    flow = Kolmogorov(24)
    values = reynolds(40.0, 500.0)
    laminar = torch.as_tensor(-4 * np.cos(4 * grid(flow)[1])) / (16 / values + 0.1)[..., None]
    state = flow.advance(laminar, values)
    assert (state - laminar).abs().max() < 1e-12 * laminar.abs().max()


def test_energy_balance():
    """Energy changes by what force, viscosity and drag do, integrated over time (Simpson)."""
    flow = Kolmogorov(48)
    flow.time_step /= 20
    re = 100.0
    state, snapshots = turbulent(flow), 20
    sine = torch.as_tensor(np.sin(4 * grid(flow)[1]))
    energy, power = [], []
    for snapshot in range(snapshots + 1):
        if snapshot:
            state = flow.advance(state, reynolds(re))
        fields = flow.fields(state)
        energy.append(0.5 * fields.square().sum(dim=1).mean().item())
        enstrophy = 0.5 * state.square().mean().item()
        work = (fields[:, 0] * sine).mean().item()
        power.append(work - 2 * enstrophy / re - 2 * flow.drag * energy[-1])
    weights = np.array([1, *[4, 2] * (snapshots // 2 - 1), 4, 1]) / 3
    gained = weights @ power * STEPS_PER_SNAPSHOT * flow.time_step
    error = abs(energy[-1] - energy[0] - gained)
    print(f"energy changes by {energy[-1] - energy[0]:.4f}; budget does not close by {error:.1e}")
    assert abs(energy[-1] - energy[0]) > 0.05
    assert error < 1e-8


def test_advection_alone_conserves_energy_and_enstrophy():
    flow = Kolmogorov(48, drag=0.0, forcing=0.0)
    flow.time_step /= 4
    state = turbulent(flow)
    after = flow.advance(state, reynolds(np.inf))
    assert (after - state).norm() > 0.05 * state.norm()
    for quantity in (lambda s: s, flow.fields):
        before, later = quantity(state).square().sum(), quantity(after).square().sum()
        assert later.item() == pytest.approx(before.item(), rel=1e-8)


def test_fourth_order_in_time():
    flow = Kolmogorov(32)
    values = reynolds(1000.0)
    solutions = []
    for refinement in (1, 2, 4, 8):
        flow.time_step = 0.02 / refinement
        state = turbulent(flow)
        for _ in range(refinement):
            state = flow.advance(state, values)
        solutions.append(flow.fields(state))
    gaps = [(a - b).norm().item() for a, b in pairwise(solutions)]
    orders = [float(np.log2(a / b)) for a, b in pairwise(gaps)]
    print(f"order in time {orders[0]:.2f}, {orders[1]:.2f}")
    assert orders == pytest.approx([4.0, 4.0], abs=0.2)


def test_spectral_convergence_in_space():
    """A smooth flow on grids whose cell centres are cell centres of the finest, 180 × 180."""
    fields = {}
    for n in (20, 36, 60, 180):
        flow = Kolmogorov(n)
        x, y = grid(flow)
        state = torch.as_tensor(np.cos(x + y) + np.sin(2 * x) + np.cos(2 * y))[None]
        for _ in range(2):
            state = flow.advance(state, reynolds(50.0))
        fields[n] = flow.fields(state)
    finest = fields.pop(180)
    errors = []
    for n, coarse in fields.items():
        ratio = 180 // n
        errors.append((coarse - finest[..., ratio // 2 :: ratio, ratio // 2 :: ratio]).abs().max())
    print("error " + ", ".join(f"{e:.1e} (n = {n})" for n, e in zip(fields, errors, strict=True)))
    assert errors[0] > 100 * errors[1] and errors[1] > 1000 * errors[2]
    assert errors[2] < 1e-8


# -- the state ----------------------------------------------------------------------------


def test_fields_have_neither_divergence_nor_mean_flow():
    flow = Kolmogorov(48)
    state = turbulent(flow)
    for _ in range(3):
        state = flow.advance(state, reynolds(1000.0))
        state = flow.corrected(state, torch.ones(1, 2, 48, 48, dtype=torch.float64))
        fields = flow.fields(state).numpy()[0]
        k = np.fft.fftfreq(48) * 48
        u, v = np.fft.fft2(fields)
        divergence = np.fft.ifft2(1j * (k * u + k[:, None] * v)).real
        vorticity = np.fft.ifft2(1j * (k * v - k[:, None] * u)).real
        assert np.abs(divergence).max() < 1e-11
        assert np.abs(vorticity - state[0].numpy()).max() < 1e-11
        assert np.abs(fields.mean(axis=(1, 2))).max() < 1e-13


def test_correction_reaches_the_fields_of_another_state():
    flow = Kolmogorov(48)
    state = turbulent(flow)
    other = flow.advance(state, reynolds(500.0))
    increment = flow.fields(other) - flow.fields(state)
    assert increment.abs().max() > 0.1
    after = flow.corrected(state, increment)
    assert torch.allclose(after, other, rtol=0, atol=1e-11)
    assert torch.allclose(flow.fields(after), flow.fields(other), rtol=0, atol=1e-11)


def test_correction_by_nothing_changes_nothing():
    flow = Kolmogorov(48)
    state = turbulent(flow)
    assert torch.equal(flow.corrected(state, torch.zeros(1, 2, 48, 48).double()), state)


def test_correction_leaves_out_what_no_state_can_have():
    """A gradient, a mean flow and wavenumbers from a third of the grid on leave no trace."""
    flow = Kolmogorov(48)
    x, y = grid(flow)
    state = turbulent(flow)
    kept = np.stack([np.sin(15 * y), np.sin(15 * x + 15 * y) * 0])
    for lost in (
        np.stack([np.cos(x + 2 * y), 2 * np.cos(x + 2 * y)]),
        np.stack([1 + 0 * x, 2 + 0 * x]),
        np.stack([np.sin(16 * y), np.sin(16 * x)]),
    ):
        increment = torch.as_tensor(kept + lost)[None]
        change = flow.fields(flow.corrected(state, increment)) - flow.fields(state)
        assert (change - torch.as_tensor(kept)).abs().max() < 1e-11


def test_nothing_is_changed_in_place():
    flow = Kolmogorov(32)
    state, values = turbulent(flow), reynolds(700.0)
    increment = torch.ones(1, 2, 32, 32, dtype=torch.float64)
    kept = [t.clone() for t in (state, values, increment)]
    first = flow.advance(state, values)
    flow.fields(state)
    flow.corrected(state, increment)
    assert all(torch.equal(a, b) for a, b in zip((state, values, increment), kept, strict=True))
    assert torch.equal(flow.advance(state, values), first)  # nor are the cached operators


# -- the benchmark ------------------------------------------------------------------------


def test_initial_field():
    """Smooth, energy around wavenumber 4, the same on every grid and for every run."""
    flow, fine = Kolmogorov(32), Kolmogorov(96)
    state = initial_vorticity(flow.x.points, flow.y.points)
    other = initial_vorticity(fine.x.points, fine.y.points)
    assert np.abs(state - other[1::3, 1::3]).max() < 1e-12
    u, v = fine.fields(torch.as_tensor(other)[None])[0]
    k = torch.fft.fftfreq(96, 1 / 96)
    length = torch.hypot(k, k[:, None])
    energy = torch.fft.fft2(u).abs() ** 2 + torch.fft.fft2(v).abs() ** 2
    shells = [energy[(length >= s - 0.5) & (length < s + 0.5)].sum().item() for s in range(20)]
    assert 3 <= int(np.argmax(shells)) <= 5
    assert max(shells[13:]) < 1e-6 * max(shells)
    assert torch.hypot(u, v).square().mean().sqrt().item() == pytest.approx(0.75, rel=1e-12)
    assert 1 < torch.hypot(u, v).max().item() < 7


def test_runs_differ_by_the_reynolds_number_alone():
    """Spin-up: 4 time units from the common field."""
    flow = Kolmogorov(24)
    values = reynolds(500.0, 1500.0, 500.0)
    state = torch.as_tensor(initial_vorticity(flow.x.points, flow.y.points)).expand(3, -1, -1)
    for _ in range(20):
        state = flow.advance(state, values)
    start = flow.initial_state(values)
    assert torch.equal(start, state)
    assert torch.allclose(start[0], start[2], rtol=0, atol=1e-10)
    assert (start[0] - start[1]).abs().max() > 1e-2


def test_batch_equals_single_runs():
    flow = Kolmogorov(32)
    values = reynolds(500.0, 900.0, 1500.0)
    together = turbulent(flow).expand(3, -1, -1)
    alone = [turbulent(flow)] * 3
    for _ in range(3):
        together = flow.advance(together, values)
        alone = [flow.advance(s, v[None]) for s, v in zip(alone, values, strict=True)]
    assert torch.allclose(together, torch.cat(alone), rtol=0, atol=1e-11)
    assert (together[0] - together[1]).abs().max() > 1e-2


def test_single_precision_stays_close():
    flow = Kolmogorov(48)
    state, values = turbulent(flow), reynolds(1000.0)
    single = state.float()
    for _ in range(5):
        state, single = flow.advance(state, values), flow.advance(single, values.float())
    assert single.dtype == flow.fields(single).dtype == torch.float32
    error = (flow.fields(single) - flow.fields(state)).norm() / flow.fields(state).norm()
    print(f"single precision differs by {error.item():.1e}")
    assert error < 1e-5


def test_registered():
    assert "kolmogorov" in list_benchmarks()
    flow = get_benchmark("kolmogorov")
    assert isinstance(flow, Kolmogorov)
    assert flow.grid_shape == (150, 150) and flow.n_times == 40
    assert flow.times == pytest.approx(np.linspace(4.0, 11.8, 40))
    assert flow.x.periodic and flow.y.periodic
    assert flow.x.points[0] == pytest.approx(np.pi / 150)
    assert flow.x.points[-1] == pytest.approx(2 * np.pi - np.pi / 150)


def test_simulate():
    flow = Kolmogorov(16)
    run = flow.simulate({"reynolds": 800.0})
    assert list(run.data_vars) == ["u", "v"]
    assert run.u.dims == ("time", "y", "x") and run.u.shape == (40, 16, 16)
    assert run.v.dtype == np.float32 and np.isfinite(run.v).all()
    assert run.reynolds.attrs["units"] == "1" and run.time[0] == 4.0
    with pytest.raises(ValueError, match=r"reynolds = 2000 .*allowed is 500 to 1500"):
        flow.simulate({"reynolds": 2000.0})


@pytest.fixture(scope="module")
def runs():
    """Three of the training runs on a coarser grid."""
    flow = Kolmogorov(80)
    values = np.sort(flow.parameter_array(flow.split("train"))[:, 0])[[20, 60, 100]]
    return flow.trajectories(torch.as_tensor(values, dtype=torch.float32)[:, None])


def test_constants_describe_the_training_split(runs):
    for i, variable in enumerate(Kolmogorov.variables):
        mean, std = runs[:, :, i].mean().item(), runs[:, :, i].std().item()
        print(f"{variable.name}: mean {mean:.1e}, standard deviation {std:.3f}")
        assert std == pytest.approx(variable.std, rel=0.05)
        assert mean == pytest.approx(variable.mean, abs=1e-4)


def test_time_step_is_well_inside_the_stable_range(runs):
    """Runge-Kutta is stable while the fastest wave turns by less than √8 in a step."""
    flow = get_benchmark("kolmogorov")
    turn = flow.time_step * 49 * runs.abs().sum(dim=2).max().item()
    print(f"largest turn {turn:.2f}")
    assert 0.3 * np.sqrt(8) < turn < 0.75 * np.sqrt(8)


# -- model errors -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "arguments"),
    [("stronger-drag", {"drag": 0.12}), ("stronger-forcing", {"forcing": 1.05})],
)
def test_other_physics_are_those_of_a_flow_made_with_them(error, arguments):
    """And the laminar flow of that force and drag is their fixed point."""
    changed, made = Kolmogorov(24).with_error(error), Kolmogorov(24, **arguments)
    values = reynolds(700.0)
    start = changed.initial_state(values)
    assert torch.allclose(start, made.initial_state(values), rtol=0, atol=1e-9)
    rate = (16 / values + arguments.get("drag", 0.1))[..., None]
    force = -4 * arguments.get("forcing", 1.0) * np.cos(4 * grid(changed)[1])
    laminar = torch.as_tensor(force) / rate
    assert (changed.advance(laminar, values) - laminar).abs().max() < 1e-12 * laminar.abs().max()


def test_another_start_is_another_field_of_the_same_energy():
    known = Kolmogorov(48)
    other = known.with_error("other-start")
    assert (other.drag, other.forcing) == (known.drag, known.forcing)
    fields = []
    for flow in (known, other):
        start = initial_vorticity(flow.x.points, flow.y.points, flow.start_seed)
        fields.append(flow.fields(torch.as_tensor(start)[None]))
    one, two = (f.square().sum(1).mean().sqrt().item() for f in fields)
    assert one == pytest.approx(0.75, rel=1e-12) and two == pytest.approx(0.75, rel=1e-12)
    assert abs((fields[0] * fields[1]).sum(1).mean().item()) < 0.3 * 0.75**2  # hardly alike
    state = torch.as_tensor(initial_vorticity(other.x.points, other.y.points, 1))[None]
    for _ in range(20):
        state = other.advance(state, reynolds(900.0))
    assert torch.equal(other.initial_state(reynolds(900.0)), state)
