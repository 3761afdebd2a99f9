"""Errors of a coupled autoencoder whose reconstruction is known."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from ldensf_core.benchmarks import Tsunami
from ldensf_core.observations import SensorNetwork
from ldensf_core.surrogate import SpectralSizes
from ldensf_core.verification.reconstruction import reconstruction_error
from ldensf_core.weights.architecture import VAEArchitecture, VAEEncoderSizes, build_vae

CPU = torch.device("cpu")


@pytest.fixture
def basin():
    benchmark = Tsunami(20)
    benchmark.times = benchmark.times[:4]
    return benchmark


@pytest.fixture
def vae(basin):
    sizes = VAEArchitecture(
        4,
        "spectral",
        SpectralSizes(60, width=8, blocks=1, last=16, features=4, frequency=3.0),
        VAEEncoderSizes(60, width=128, blocks=1),
    )
    return build_vae(basin, sizes).requires_grad_(False)


def test_error_of_what_truncation_and_interpolation_leave(basin, vae, monkeypatch):
    """z is the coefficients themselves: of the fields, or by interpolation."""
    basis, deviations = vae.decoder.basis, vae.interpolation.deviations
    monkeypatch.setattr(
        type(vae), "of_fields", lambda self, fields: Normal(basis.analyse(fields), 1.0)
    )
    monkeypatch.setattr(type(vae), "of_observation", lambda self, c, unknown: Normal(c, 1.0))
    monkeypatch.setattr(type(vae), "fields", lambda self, z: basis.synthesise(z))
    found = reconstruction_error(basin, vae, "validation", CPU, runs=2)

    values = basin.parameter_array(basin.split("validation"))[:2]
    truths = basin.trajectories(torch.as_tensor(values, dtype=torch.float32))
    network = SensorNetwork.grid(basin, 10, 10)
    gain, _ = vae.interpolation.gain(
        torch.as_tensor(network.positions),
        torch.ones(100, 3, dtype=torch.bool),
        torch.full((3,), 0.1),
    )
    errors = {"state": [], "observation": []}
    for run, truth in enumerate(truths):
        for index, fields in enumerate(basin.normalise(truth)):
            size = fields.norm()
            guess = basis.synthesise(basis.analyse(fields))
            errors["state"].append(((guess - fields).norm() / size).item())
            observation = network.observe(truth[index], index, 0.1, 0.0, run)
            values = (observation.values - basin.mean(fields)) / basin.std(fields) - basis.rest
            guess = basis.synthesise(deviations * torch.einsum("kvn,nv->k", gain, values))
            errors["observation"].append(((guess - fields).norm() / size).item())
    expected = {name: np.mean(of) for name, of in errors.items()}
    assert found == pytest.approx(expected, rel=1e-3)
    assert found["state"] < found["observation"]


def test_an_autoencoder_that_knows_nothing_is_off_by_all_there_is(basin, vae):
    for parameter in vae.decoder.parameters():
        parameter.zero_()
    found = reconstruction_error(basin, vae, "test", CPU, runs=1)
    assert found == pytest.approx({"state": 1.0, "observation": 1.0}, abs=0.1)
