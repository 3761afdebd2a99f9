"""The coupled autoencoder: what its networks read and give, whatever the grid and the sensors."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Atmosphere, Kolmogorov, Tsunami
from ldensf_core.encoders.autoencoder import LOG_STD, ObservationReader
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.surrogate import SpectralSizes
from ldensf_core.weights.architecture import VAEArchitecture, VAEEncoderSizes, build_vae

SIZES = VAEArchitecture(
    5,
    "spectral",
    SpectralSizes(150, width=24, blocks=1, last=40, features=8, frequency=3.0),
    VAEEncoderSizes(90, width=24, blocks=1),
)
BENCHMARKS = {
    "kolmogorov": lambda: Kolmogorov(32),
    "tsunami": lambda: Tsunami(32),
    "atmosphere": lambda: Atmosphere(truncation=12, steps=4),
}


def untrained(benchmark, sizes=SIZES):
    torch.manual_seed(3)
    count = benchmark.basis(sizes.encoder.coefficients).count
    statistics = {
        "deviations": torch.linspace(1.0, 0.1, count),
        "residual": torch.full((len(benchmark.variables),), 0.05),
    }
    return build_vae(benchmark, sizes, statistics).requires_grad_(False)


@pytest.fixture(params=BENCHMARKS)
def benchmark(request):
    return BENCHMARKS[request.param]()


def smooth(benchmark, n=1):
    """Fields (n, V, ny, nx) that the decoder's basis holds."""
    basis = benchmark.basis(SIZES.sizes.coefficients)
    generator = torch.Generator().manual_seed(n)
    return basis.synthesise(0.1 * torch.randn(n, basis.count, generator=generator))


def observe(benchmark, network, missing=0.0, noise=0.1, index=0):
    return network.observe(benchmark.denormalise(smooth(benchmark)[0]), index, noise, missing, 4)


# -- shapes, edges, grids -----------------------------------------------------------------


def test_shapes_and_range_of_the_spread(benchmark):
    vae = untrained(benchmark)
    fields = smooth(benchmark, 6).unflatten(0, (2, 3))
    z = vae.of_fields(fields)
    assert z.mean.shape == z.stddev.shape == (2, 3, 5)
    assert (z.stddev > np.exp(LOG_STD[0])).all() and (z.stddev < np.exp(LOG_STD[1])).all()
    assert vae.fields(z.mean).shape == fields.shape
    interpolation = vae.interpolation
    coefficients = torch.randn(2, 3, interpolation.basis.count)
    unknown = torch.rand(2, 3, interpolation.count)
    assert vae.of_observation(coefficients, unknown).mean.shape == (2, 3, 5)


@pytest.mark.parametrize("side", [0, 1], ids=["x", "y"])
def test_decoded_fields_join_across_periodic_edges(side):
    box = Kolmogorov(32)
    ends = torch.full((2, 2), 0.3 * box.side)
    ends[:, side] = torch.tensor([0.0, box.side])
    first, last = untrained(box).decoder.at(torch.randn(4, 5), ends).unbind(1)
    assert first.abs().min() > 1e-3
    torch.testing.assert_close(first, last)


@pytest.mark.parametrize("side", [0, 1], ids=["x", "y"])
def test_no_decoded_flow_goes_through_a_wall(side):
    basin = Tsunami(32)
    ends = torch.full((2, 2), 300.0)
    ends[:, side] = torch.tensor([0.0, 1000.0])
    vae = untrained(basin)
    fields = vae.decoder.at(torch.randn(4, 5), ends) - vae.decoder.basis.rest
    assert fields[..., side].abs().max() < 1e-5
    assert fields[..., 2].abs().min() > 1e-3


@pytest.mark.parametrize("make", [Kolmogorov, Tsunami])
def test_a_state_is_encoded_alike_on_any_grid(make):
    """One function of x and y on two grids, through the same weights."""
    coarse, fine = make(30), make(45)
    z = untrained(coarse).of_fields(smooth(coarse))
    same = untrained(fine).of_fields(smooth(fine))
    torch.testing.assert_close(z.mean, same.mean, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(z.stddev, same.stddev, atol=1e-4, rtol=1e-3)


def test_a_periodic_state_is_encoded_alike_across_its_seam():
    """A field sampled from the middle on has the coefficients of the shifted field."""
    benchmark = Kolmogorov(32)
    vae, fields = untrained(benchmark), smooth(benchmark)
    basis = vae.decoder.basis
    middle = torch.tensor([[np.pi, np.pi]]) + torch.as_tensor(
        np.stack(np.meshgrid(benchmark.x.points, benchmark.y.points), -1).reshape(-1, 2)
    )
    shifted = basis.at(basis.analyse(fields), middle % (2 * np.pi)).mT.unflatten(-1, (32, 32))
    torch.testing.assert_close(
        vae.of_fields(shifted).mean,
        vae.of_fields(fields.roll((16, 16), (-2, -1))).mean,
        atol=1e-4,
        rtol=1e-3,
    )


def test_sizes_are_those_asked_for():
    decoder, encoder = replace(SIZES.sizes, blocks=3), replace(SIZES.encoder, blocks=2)
    vae = untrained(Tsunami(32), replace(SIZES, sizes=decoder, encoder=encoder))
    assert len(vae.state_encoder.blocks) == len(vae.observation_encoder.blocks) == 2
    assert len(vae.decoder.blocks) == 3
    matrices = {id(p) for p in vae.hidden_matrices()}
    others = {name for name, p in vae.named_parameters() if id(p) not in matrices and p.ndim == 2}
    assert others == {
        "state_encoder.write.weight",
        "observation_encoder.write.weight",
        "decoder.waves.weight",
        "decoder.first.weight",
    }


# -- observations -------------------------------------------------------------------------


def test_an_observation_is_interpolated_before_it_is_encoded(benchmark):
    vae, network = untrained(benchmark), SensorNetwork.random(benchmark, 40, seed=1)
    observation = observe(benchmark, network)
    z = ObservationReader(benchmark, vae).read(observation)
    gain, unknown = vae.interpolation.gain(
        torch.as_tensor(network.positions),
        torch.ones(40, len(benchmark.variables), dtype=torch.bool),
        torch.full((len(benchmark.variables),), 0.1),
    )
    values = (observation.values - benchmark.mean(gain)) / benchmark.std(gain)
    departures = values - vae.interpolation.basis.rest
    coefficients = torch.einsum("kvn,nv->k", gain, departures)
    expected = vae.observation_encoder(torch.cat([coefficients, unknown]))
    torch.testing.assert_close(z.mean, expected.mean, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(z.stddev, expected.stddev, atol=1e-4, rtol=1e-3)


def test_missing_values_do_not_count(benchmark):
    """A sensor that reports nothing is as good as none; their order is of no matter."""
    vae, network = untrained(benchmark), SensorNetwork.random(benchmark, 60, seed=1)
    gappy = observe(benchmark, network, missing=0.5)
    kept = gappy.present.all(dim=1).nonzero()[:, 0].flip(0)
    assert 10 < len(kept) < 50
    sensors = SensorNetwork.at(benchmark, network.positions[kept.numpy()])
    fewer = Observation(0, sensors, gappy.values[kept], gappy.std)
    one = ObservationReader(benchmark, vae).read(gappy)
    other = ObservationReader(benchmark, vae).read(fewer)
    assert one.mean.isfinite().all() and one.stddev.isfinite().all()
    torch.testing.assert_close(one.mean, other.mean, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(one.stddev, other.stddev, atol=1e-4, rtol=1e-3)


def test_sensors_are_looked_up_afresh_when_they_change():
    """One reader going through sensors, noise and gaps reads what fresh readers read."""
    basin = Tsunami(32)
    vae, grid = untrained(basin), SensorNetwork.grid(basin, 5, 5)
    observations = [
        observe(basin, grid),
        observe(basin, SensorNetwork.grid(basin, 6, 6)),
        observe(basin, SensorNetwork.random(basin, 36)),
        observe(basin, SensorNetwork.random(basin, 36), noise=0.3),
        observe(basin, SensorNetwork.random(basin, 36), noise=0.3, missing=0.2),
        observe(basin, SensorNetwork.random(basin, 36), noise=0.3, missing=0.2, index=1),
    ]
    going = ObservationReader(basin, vae)
    for observation in observations:
        fresh = ObservationReader(basin, vae).read(observation)
        assert torch.equal(going.read(observation).mean, fresh.mean)


def test_unchanged_sensors_are_not_interpolated_again(monkeypatch):
    basin = Tsunami(32)
    vae, network = untrained(basin), SensorNetwork.grid(basin, 5, 5)
    reader = ObservationReader(basin, vae)
    first = reader.read(observe(basin, network)).mean
    monkeypatch.setattr(vae.interpolation, "gain", None)
    assert not torch.equal(reader.read(observe(basin, network, index=1)).mean, first)


@pytest.mark.parametrize("store", [1, 2, 3])
def test_sensors_whose_look_up_was_interrupted_are_looked_up_again(store):
    """Whatever the reader has stored by then."""

    class Interrupted(ObservationReader):
        left = 0

        def __setattr__(self, name, value):
            self.__dict__["left"] = self.left - 1
            if self.left == 0:
                raise KeyboardInterrupt
            super().__setattr__(name, value)

    basin = Tsunami(32)
    reader = Interrupted(basin, untrained(basin))
    old, new = (observe(basin, SensorNetwork.random(basin, 36, seed)) for seed in (0, 1))
    expected = reader.read(old).mean
    reader.__dict__["left"] = store
    with contextlib.suppress(KeyboardInterrupt):
        reader.read(new)
    reader.__dict__["left"] = 0
    assert torch.equal(reader.read(old).mean, expected)
