import numpy as np
import pytest
import torch
from torch import nn

from ldensf_core.benchmarks import Atmosphere, Axis, Globe, Kolmogorov, Tsunami, get_benchmark
from ldensf_core.surrogate import CoordinateDecoder, CoordinateSizes, coordinates
from ldensf_core.training.loop import Trainer
from ldensf_core.training.recipes import published
from ldensf_core.weights.architecture import build_ldnet

PERIODIC = {"kolmogorov": (True, True), "tsunami": (False, False), "atmosphere": (True, False)}


def globe():
    """The atmosphere on a coarse grid, which no solver needs here."""
    bench = Atmosphere(12)
    longitude, latitude = (np.arange(24) + 0.5) * 15, (np.arange(12) + 0.5) * 15 - 90
    bench.domain = Globe(
        Axis("x", "longitude", "°E", longitude, 0.0, 360.0, periodic=True),
        Axis("y", "latitude", "°N", latitude, -90.0, 90.0),
    )
    return bench


@pytest.fixture(scope="module", params=[lambda: Kolmogorov(20), lambda: Tsunami(16), globe])
def bench(request):
    """Each benchmark in turn, on a coarse grid."""
    return request.param()


SIZES = CoordinateSizes(width=24, layers=3, features=6, frequency=2.0)


@pytest.fixture
def decoder(bench):
    return CoordinateDecoder(bench, 4, SIZES)


def grid(bench):
    """Positions of the grid points, (ny·nx, 2)."""
    x, y = np.meshgrid(bench.x.points, bench.y.points)
    return torch.as_tensor(np.stack([x, y], axis=-1).reshape(-1, 2))


def box(bench):
    """Lowest and highest position."""
    low = torch.tensor([bench.x.low, bench.y.low], dtype=torch.float64)
    return low, torch.tensor([bench.x.high, bench.y.high], dtype=torch.float64)


# -- sizes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, layers, width, of_decoder, dynamics, of_dynamics",
    [
        ("kolmogorov", 14, 500, 3_272_502, 9, 325_609),
        ("tsunami", 10, 300, 822_903, 8, 19_010),
        ("atmosphere", 15, 500, 3_584_003, 8, 302_050),
    ],
)
def test_sizes_are_the_published_ones(name, layers, width, of_decoder, dynamics, of_dynamics):
    """Hidden layers are all but the last; weights are counted by hand."""
    ldnet = build_ldnet(get_benchmark(name), published(name).architecture)
    linear = [m for m in ldnet.decoder.modules() if isinstance(m, nn.Linear)]
    assert [m.out_features for m in linear[:-1]] == [width] * layers
    assert sum(p.numel() for p in ldnet.decoder.parameters()) == of_decoder
    linear = [m for m in ldnet.dynamics if isinstance(m, nn.Linear)]
    assert len(linear) - 1 == dynamics
    assert sum(p.numel() for p in ldnet.dynamics.parameters()) == of_dynamics


def test_embedding_is_saved_with_the_weights_and_never_trained(bench, decoder):
    again = CoordinateDecoder(bench, 4, SIZES)
    latent = torch.randn(3, 4)
    assert not torch.equal(again.waves, decoder.waves)
    again.load_state_dict(decoder.state_dict())
    assert torch.equal(again.on_grid(latent), decoder.on_grid(latent))
    assert "waves" not in dict(decoder.named_parameters())


# -- on the grid and off it ---------------------------------------------------------------


@pytest.mark.parametrize("batch", [(), (3,), (2, 5)])
def test_decoder_gives_the_same_on_the_grid_and_at_its_points(bench, decoder, batch):
    latent = torch.randn(*batch, 4)
    on_grid = decoder.on_grid(latent)
    assert on_grid.shape == (*batch, len(bench.variables), *bench.grid_shape)
    at_points = decoder.at(latent, grid(bench))
    torch.testing.assert_close(at_points.mT, on_grid.flatten(-2), atol=1e-5, rtol=0)
    assert decoder.at(latent, grid(bench)[:0]).shape == (*batch, 0, len(bench.variables))


def test_fields_go_on_across_periodic_boundaries_and_end_at_walls(bench, decoder):
    low, high = box(bench)
    inside = low + torch.rand(50, 2, dtype=torch.float64) * (high - low)
    latent, step = torch.randn(5, 4), 1e-4 * (high - low)
    for axis, periodic in enumerate(PERIODIC[bench.name]):
        one, other = inside.clone(), inside.clone()
        one[:, axis], other[:, axis] = low[axis] + step[axis], high[axis] - step[axis]
        jump = (decoder.at(latent, one) - decoder.at(latent, other)).abs()
        if periodic:
            assert jump.max() < 0.01
            one[:, axis], other[:, axis] = low[axis], high[axis]
            there, here = decoder.at(latent, one), decoder.at(latent, other)
            torch.testing.assert_close(there, here, atol=1e-5, rtol=0)
        else:
            assert jump.mean() > 0.02


def test_a_pole_is_one_place():
    decoder = CoordinateDecoder(globe(), 4, SIZES)
    latent, longitude = torch.randn(5, 4), torch.linspace(0, 360, 50, dtype=torch.float64)
    for latitude in (-90.0, 90.0):
        around = torch.stack([longitude, torch.full_like(longitude, latitude)], dim=1)
        values = decoder.at(latent, around)
        torch.testing.assert_close(values, values[:, :1].expand_as(values), atol=1e-5, rtol=0)
    around[:, 1] = 0.0  # on the equator they differ
    assert decoder.at(latent, around).std(1).min() > 1e-3


# -- mean and spread ----------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("members", [1, 2, 300])
def test_moments_are_those_of_the_fields_of_all_members(bench, decoder, members, monkeypatch):
    """In parts, the last of which is smaller, in both directions."""
    latent = torch.randn(members, 4)
    fields = decoder.on_grid(latent)
    expected = fields.std(0) if members > 1 else torch.zeros_like(fields[0])
    monkeypatch.setattr(coordinates, "ROWS", 700)
    monkeypatch.setattr(coordinates, "MEMBERS", 128)
    mean, spread = decoder.moments(latent)
    torch.testing.assert_close(mean, fields.mean(0), atol=1e-5, rtol=0)
    torch.testing.assert_close(spread, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(decoder.on_grid(latent), fields, atol=1e-5, rtol=0)


@torch.no_grad()
def test_what_goes_through_the_network_at_a_time_is_bounded(bench, decoder, monkeypatch):
    seen = []
    whole = CoordinateDecoder.forward

    def watched(self, latent, places):
        seen.append(len(latent) * len(places))
        return whole(self, latent, places)

    monkeypatch.setattr(CoordinateDecoder, "forward", watched)
    monkeypatch.setattr(coordinates, "ROWS", 500)
    decoder.moments(torch.randn(400, 4))
    decoder.on_grid(torch.randn(3, 4))
    assert max(seen) <= 500
    assert sum(seen) == 403 * bench.grid_shape[0] * bench.grid_shape[1]


# -- the loss -----------------------------------------------------------------------------


@torch.no_grad()
def test_loss_is_on_average_the_relative_squared_error_over_the_area(bench, decoder):
    fields = torch.randn(6, 5, len(bench.variables), *bench.grid_shape) + 0.5
    latent, target = torch.randn(6, 5, 4), decoder.target(fields)
    assert target.dtype == torch.float16 and target.shape == (
        *fields.shape[:3],
        fields[0, 0, 0].numel(),
    )
    decoder.scale_to(target)
    area = bench.domain.areas(fields)
    energy = (area * fields.square()).sum()
    assert decoder.energy.item() == pytest.approx(energy.item() / (30 * area.numel()), rel=1e-3)
    error = (area * (decoder.on_grid(latent) - fields).square()).sum() / energy
    losses = torch.stack([decoder.loss(latent, target).mean() for _ in range(200)])
    assert losses.std() > 0
    spread = losses.std().item() / 200**0.5
    assert abs(losses.mean().item() - error.item()) < max(4 * spread, 1e-3 * error.item())


def test_grid_points_are_drawn_by_their_area(bench, decoder):
    counts = torch.bincount(decoder.cells, minlength=decoder.area.numel())
    rows = counts.view(bench.grid_shape).double().sum(1)
    expected = bench.domain.areas(rows).sum(1)
    torch.testing.assert_close(rows / rows.sum(), expected / expected.sum(), atol=1e-3, rtol=0)
    within = counts.view(bench.grid_shape)
    assert (within.amax(1) - within.amin(1)).max() <= 1  # evenly along a row


def test_loss_is_zero_for_what_the_decoder_gives(bench, decoder):
    latent = torch.randn(2, 5, 4)
    assert decoder.loss(latent, decoder.target(decoder.on_grid(latent))).max() < 1e-6


def test_gradients_reach_every_weight_and_the_latent_state(bench, decoder):
    latent = torch.randn(6, 4, requires_grad=True)
    target = torch.randn(6, len(bench.variables), decoder.area.numel()).half()
    decoder.loss(latent, target).mean().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in decoder.parameters())
    assert latent.grad.abs().max() > 0


def test_decoder_learns_a_travelling_wave(bench):
    """Whose phase is the latent state; its mean over all phases, zero, has a loss of one."""
    torch.manual_seed(0)
    decoder = CoordinateDecoder(bench, 2, CoordinateSizes(48, layers=3, features=8, frequency=1.0))
    low, high = box(bench)
    x, y = ((grid(bench) - low) / (high - low)).float().unbind(1)

    def wave(phase):
        angle = 2 * torch.pi * x + phase[:, None]
        values = torch.sin(angle) * torch.sin(torch.pi * y)
        fields = values[:, None].repeat(1, len(bench.variables), 1)
        return torch.stack([phase.cos(), phase.sin()], dim=1), fields.half()

    decoder.scale_to(wave(torch.linspace(0, 6, 20))[1][:, None])

    def loss():
        return decoder.loss(*wave(2 * torch.pi * torch.rand(16))).mean()

    hidden = [layer.linear.weight for layer in decoder.blocks]
    Trainer(decoder, loss, hidden, 400, seed=0).run("wave")
    with torch.no_grad():
        latent, fields = wave(torch.linspace(0, 6, 20))
        error = torch.stack([decoder.loss(latent, fields) for _ in range(20)]).mean()
    assert error < 0.15
