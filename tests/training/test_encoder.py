"""Statistics of fields that are known, and networks in a domain that is not square."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Globe, Tsunami
from ldensf_core.benchmarks.atmosphere import Atmosphere
from ldensf_core.benchmarks.kolmogorov import Kolmogorov
from ldensf_core.observations import SensorNetwork
from ldensf_core.training.encoder import statistics
from ldensf_core.training.networks import NetworkBank
from ldensf_core.weights.architecture import EncoderSizes, build_encoder

RUNS, TIMES, LATENT = 12, 5, 3


def coarse_atmosphere():
    atmosphere = Atmosphere()
    axes = []
    for old, n in ((atmosphere.x, 48), (atmosphere.y, 24)):
        points = old.low + (np.arange(n) + 0.5) / n * (old.high - old.low)
        axes.append(replace(old, points=points))
    atmosphere.domain = Globe(*axes)
    return atmosphere


BENCHMARKS = {
    "tsunami": lambda: Tsunami(20),
    "kolmogorov": lambda: Kolmogorov(20),
    "atmosphere": coarse_atmosphere,
}


class Drift:
    """A surrogate whose latent state is the first parameter, times the snapshot."""

    def rollout(self, parameters, n_times):
        times = torch.arange(n_times, dtype=torch.float32)[:, None]
        return (parameters[:, None, :1] * times).expand(-1, -1, LATENT)


@pytest.fixture(params=BENCHMARKS)
def benchmark(request):
    return BENCHMARKS[request.param]()


def collected(benchmark, fields, coefficients=96):
    """Statistics of normalised fields (B, T, V, ny, nx), and of parameters at random."""
    parameters = 2 * torch.rand(len(fields), len(benchmark.parameters)) - 1
    pool = SimpleNamespace(data=fields.flatten(-2), parameters=parameters)
    return statistics(benchmark, coefficients, Drift(), pool), parameters


def test_deviations_and_residual_of_fields_put_together(benchmark):
    """From known coefficients, and a known rest that the basis does not hold."""
    basis = benchmark.basis(96)
    sizes = 0.2 + torch.rand(basis.count)
    inside = sizes * torch.randn(RUNS, TIMES, basis.count)
    noise = torch.randn(RUNS, TIMES, len(basis.rest), *benchmark.grid_shape)
    noise *= torch.linspace(0.5, 1.5, len(basis.rest))[:, None, None]
    outside = noise - basis.synthesise(basis.analyse(noise))
    found, _ = collected(benchmark, basis.synthesise(inside) + outside)

    expected = inside.square().mean((0, 1)).sqrt()
    torch.testing.assert_close(found["deviations"], expected, rtol=1e-3, atol=1e-5)
    left = (benchmark.domain.areas(outside) * outside.square()).mean((0, 1, 3, 4))
    assert (found["residual"] > 0).all()
    for group in basis.groups:
        own = list(group.variables)
        torch.testing.assert_close(found["residual"][own].sum(), left[own].sum(), rtol=2e-3, atol=0)


def test_variables_of_a_group_share_what_is_described(benchmark):
    """Each variable's residual is the same part of its variance, as far as a group goes."""
    basis = benchmark.basis(96)
    fields = torch.randn(RUNS, TIMES, len(basis.rest), *benchmark.grid_shape)
    fields = fields + 0.3 * basis.synthesise(torch.randn(RUNS, TIMES, basis.count))
    found, _ = collected(benchmark, fields)
    departures = fields - basis.rest[:, None, None]
    total = (benchmark.domain.areas(fields) * departures.square()).mean((0, 1, 3, 4))
    for group in basis.groups:
        own = list(group.variables)
        described = found["deviations"][group.coefficients].square().sum()
        share = 1 - described / total[own].sum()
        torch.testing.assert_close(found["residual"][own], share * total[own], rtol=1e-3, atol=0)


def test_statistics_of_what_the_basis_holds_wholly_are_positive(benchmark):
    """In half precision, as the pool keeps fields."""
    basis = benchmark.basis(96)
    fields = basis.synthesise(torch.randn(RUNS, TIMES, basis.count)).half()
    found, _ = collected(benchmark, fields)
    assert (found["residual"] > 0).all() and (found["residual"] < 1e-2).all()


def test_targets_are_latent_states_and_parameters(benchmark):
    shape = (RUNS, TIMES, len(benchmark.variables), *benchmark.grid_shape)
    found, parameters = collected(benchmark, torch.randn(shape))
    states = Drift().rollout(parameters, benchmark.n_times)
    expected = torch.cat([states.mean((0, 1)), parameters.mean(0)])
    torch.testing.assert_close(found["mean"], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found["std"][:LATENT], states.flatten(0, 1).std(0))
    torch.testing.assert_close(found["std"][LATENT:], parameters.std(0), rtol=0.1, atol=0)
    encoder = build_encoder(benchmark, LATENT, EncoderSizes(96, width=32, memory=16), found)
    assert torch.equal(encoder.interpolation.residual, found["residual"])


@pytest.mark.parametrize("sensors", [(16, 64), (60, 100), (50, 50)])
def test_networks_of_a_wide_domain_have_as_many_sensors_as_asked_for(sensors, monkeypatch):
    """On a grid, twice as many along the equator as from pole to pole."""
    drawn = []

    def recorded(make):
        return classmethod(lambda cls, *args, **kw: drawn.append(make(*args, **kw)) or drawn[-1])

    for name in ("grid", "random"):
        monkeypatch.setattr(SensorNetwork, name, recorded(getattr(SensorNetwork, name)))
    atmosphere = coarse_atmosphere()
    encoder = build_encoder(atmosphere, LATENT, EncoderSizes(7, width=32, memory=16))
    bank = NetworkBank(encoder.interpolation, atmosphere, 20, sensors, 0.2, seed=1)
    assert bank.gain.shape == (20, 7, 3, sensors[1])
    assert bank.unknown.shape == (20, bank.interpolation.count)
    assert ((0 <= bank.noise) & (bank.noise <= 0.2)).all()
    assert len(drawn) == 20 and {network.layout for network in drawn} == {"grid", "random"}
    for network in drawn:
        assert sensors[0] <= len(network) <= sensors[1]
        if network.layout == "grid":
            columns, rows = (len(set(network.positions[:, i])) for i in (0, 1))
            assert columns == 2 * rows
