"""Training of the coupled autoencoder, in miniature."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from ldensf_core.benchmarks import Tsunami, get_benchmark
from ldensf_core.training.recipes import RECIPES, small
from ldensf_core.training.vae import (
    COUPLING_WEIGHT,
    PRIOR_WEIGHT,
    VAETraining,
    coupled_loss,
    train_vae,
)
from ldensf_core.verification.baselines import baseline_errors
from ldensf_core.verification.reconstruction import reconstruction_error
from ldensf_core.weights.architecture import build_vae
from ldensf_core.weights.card import CheckpointError
from ldensf_core.weights.checkpoints import VAE, save_part

CPU = torch.device("cpu")
RECIPE = small(RECIPES["tsunami"])
SIZES = RECIPE.vae_architecture
RECIPE = replace(
    RECIPE,
    vae_architecture=replace(
        SIZES,
        sizes=replace(SIZES.sizes, width=64, last=128),
        encoder=replace(SIZES.encoder, width=64),
    ),
    chunk=32,
    refresh=1000,
    encoder_pool=64,
    vae_steps=200,
    vae_batch=64,
)
BRIEF = replace(RECIPE, chunk=4, encoder_pool=4, vae_steps=12, vae_batch=16)


@pytest.fixture(scope="module")
def basin():
    benchmark = Tsunami(16)
    benchmark.times = benchmark.times[:12]
    return benchmark


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def trained(basin, folder):
    return train_vae(basin, RECIPE, 0, CPU, folder)


def same(one, other):
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_both_encoders_give_back_unseen_fields_better_than_climatology(basin, trained):
    error = reconstruction_error(basin, trained, "test", CPU, 3)
    climatology = baseline_errors(basin, CPU, 3)["climatology"]
    assert error["state"] < 0.9 * climatology
    assert error["observation"] < 0.9 * climatology
    assert not any(p.requires_grad for p in trained.parameters()) and not trained.training


def test_units_of_the_latent_space_are_those_of_its_samples(basin, trained, folder):
    """Mean and standard deviation of draws of z over the training states."""
    training = VAETraining(basin, RECIPE, 0, CPU)
    fields = training.pool.data.float().unflatten(-1, basin.grid_shape)
    draws = trained.of_fields(fields).sample((4,)).flatten(0, 2)
    torch.testing.assert_close(draws.mean(0), trained.mean, atol=0.02, rtol=0)
    torch.testing.assert_close(draws.std(0), trained.std, atol=0, rtol=0.02)


def test_loss_is_reconstruction_coupling_and_divergence_from_the_prior(basin):
    """Distributions so narrow that samples are their means, against the formulas written out."""
    vae = build_vae(basin, BRIEF.vae_architecture)
    vae.decoder.scales.uniform_(0.5, 2.0)
    means, width = torch.randn(2, 6, 16), torch.tensor([[1e-6], [2e-6]])
    state, observed = (Normal(m, w.expand_as(m)) for m, w in zip(means, width, strict=True))
    target = torch.randn(6, vae.decoder.basis.count)
    found = coupled_loss(vae, state, observed, target).item()

    decoded = vae.decoder(means).detach().double().numpy()
    energy = vae.decoder.scales.double().square().sum().item()
    misfit = ((decoded - target.numpy()) ** 2).sum(-1).mean(-1) / energy
    (m1, m2), (s1, s2) = means.double().numpy(), width.double().numpy()[:, 0]
    prior = sum(-np.log(s) + (s**2 + m**2) / 2 - 0.5 for m, s in ((m1, s1), (m2, s2)))
    coupling = np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5
    divergence = PRIOR_WEIGHT * prior + COUPLING_WEIGHT * coupling
    assert found == pytest.approx(misfit.sum() + divergence.sum(-1).mean(), rel=1e-4)


def test_training_draws_states_with_observations_of_the_same(basin, monkeypatch):
    """What reaches the two encoders and the loss comes of one snapshot each."""
    training = VAETraining(basin, BRIEF, 0, CPU)
    training.bank.noise.zero_()
    seen = {}

    def spy(vae, state, observed, target):
        seen["target"] = target
        return coupled_loss(vae, state, observed, target)

    def read(coefficients, unknown):
        seen["coefficients"], seen["unknown"] = coefficients, unknown
        return type(training.vae).of_observation(training.vae, coefficients, unknown)

    monkeypatch.setattr("ldensf_core.training.vae.coupled_loss", spy)
    monkeypatch.setattr(training.vae, "of_observation", read)
    assert training.loss().isfinite()
    assert seen["target"].shape[:2] == seen["unknown"].shape[:2] == (2, 8)
    interpolation = training.vae.interpolation
    fields = training.vae.decoder.basis.synthesise(seen["target"])
    true = interpolation.basis.analyse(fields)
    guess = seen["coefficients"] * interpolation.deviations
    assert (guess - true).square().sum() < 0.7 * true.square().sum()


def test_trajectories_and_sensors_are_replaced_as_training_goes(basin):
    training = VAETraining(basin, replace(BRIEF, refresh=50), 0, CPU)
    parameters, noise = training.pool.parameters.clone(), training.bank.noise.clone()
    training.refresh(49)
    assert torch.equal(training.pool.parameters, parameters)
    training.refresh(50)
    assert not torch.equal(training.pool.parameters, parameters)
    assert torch.equal(training.bank.noise, noise)
    training.refresh(300)
    assert (training.bank.noise != noise).any(-1).nonzero().flatten().tolist() == [3]


def test_training_follows_its_seed_and_goes_on_from_its_checkpoint(basin, tmp_path):
    def brief(name, seed, recipe=BRIEF):
        (tmp_path / name).mkdir(exist_ok=True)
        return train_vae(basin, recipe, seed, CPU, tmp_path / name)

    first = brief("one", 0)
    assert same(first, brief("two", 0))
    assert not same(first, brief("three", 1))
    assert same(first, brief("one", 0))  # there is nothing left to do
    with pytest.raises(CheckpointError, match="other steps, seed or sizes"):
        brief("one", 0, replace(BRIEF, vae_steps=13))


def test_damaged_checkpoint_is_named(basin, trained, folder, tmp_path):
    path = Path(shutil.copy(folder / "vae.checkpoint", tmp_path))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"vae\.checkpoint is damaged"):
        train_vae(basin, RECIPE, 0, CPU, tmp_path)


@pytest.mark.parametrize("name", RECIPES)
def test_weights_fit_beside_the_others(name, tmp_path):
    """600,000 bytes are left of what a benchmark's folder may hold."""
    vae = build_vae(get_benchmark(name), RECIPES[name].vae_architecture)
    save_part(tmp_path, VAE, vae)
    assert (tmp_path / "vae.safetensors").stat().st_size <= 600_000
