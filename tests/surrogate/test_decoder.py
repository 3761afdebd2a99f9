"""A decoder of somebody else's: one class, registered, and nothing told to the rest."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from pydantic import PositiveInt
from torch import nn

import ldensf_core as ld
from ldensf_core.benchmarks import Atmosphere, Kolmogorov, Tsunami
from ldensf_core.filters import LDEnSF
from ldensf_core.surrogate import CoordinateDecoder, Decoder, SpectralDecoder, SpectralSizes
from ldensf_core.training import calibration, run
from ldensf_core.training.recipes import RECIPES, small
from ldensf_core.training.surrogate import train_surrogate
from ldensf_core.weights.architecture import build_decoder, build_ldnet, build_vae
from ldensf_core.weights.card import CheckpointError
from ldensf_core.weights.checkpoints import load_pretrained, load_surrogate

CPU = torch.device("cpu")
BENCHMARKS = {
    "kolmogorov": lambda: Kolmogorov(24),
    "tsunami": lambda: Tsunami(16),
    "atmosphere": lambda: Atmosphere(truncation=12, steps=4),
}


@dataclass(frozen=True)
class LinearSizes:
    rank: PositiveInt


class LinearDecoder(Decoder):
    name = "linear"
    title = "Linear"
    sentence = "Every value on the grid is a linear function of the latent state."
    Sizes = LinearSizes

    def __init__(self, benchmark, n_latent, sizes):
        super().__init__(benchmark)
        self.shape = len(benchmark.variables), *benchmark.grid_shape
        self.first = nn.Linear(n_latent, sizes.rank)
        self.last = nn.Linear(sizes.rank, math.prod(self.shape))

    def on_grid(self, latent):
        return self.last(self.first(latent)).unflatten(-1, self.shape)


@pytest.fixture
def registered():
    ld.register_decoder(LinearDecoder)
    yield
    ld.DECODERS.unregister("linear")


@pytest.fixture(params=BENCHMARKS)
def benchmark(request):
    return BENCHMARKS[request.param]()


@pytest.fixture
def decoder(benchmark):
    return LinearDecoder.build(benchmark, 4, LinearSizes(8)).requires_grad_(False)


def miniature(name):
    """A few steps of training, on a few snapshots."""
    recipe = replace(
        small(RECIPES[name]), joint_steps=5, decoder_steps=5, encoder_steps=5, networks=4
    )
    linear = replace(recipe.architecture, decoder="linear", sizes=LinearSizes(8))
    return replace(recipe, architecture=linear)


# -- what it need not write itself --------------------------------------------------------


def test_grid_points_decode_to_what_the_grid_says(benchmark, decoder):
    latent = torch.randn(2, 3, 4)
    x, y = np.meshgrid(benchmark.x.points, benchmark.y.points)
    points = torch.as_tensor(np.stack([x, y], axis=-1).reshape(-1, 2))
    fields = decoder.on_grid(latent)
    torch.testing.assert_close(decoder.at(latent, points), fields.flatten(-2).mT)
    middle = points[:1] + (points[1:2] - points[:1]) / 2
    expected = fields[..., 0, :2].mean(-1)
    torch.testing.assert_close(decoder.at(latent, middle)[..., 0, :], expected)


def test_positions_outside_the_domain_are_refused(benchmark, decoder):
    with pytest.raises(ValueError, match="outside the domain"):
        decoder.at(torch.randn(4), torch.tensor([[1e9, 0.0]]))


def test_moments_are_those_of_the_members(decoder):
    latent = torch.randn(5, 4)
    fields = decoder.on_grid(latent).double()
    mean, spread = decoder.moments(latent)
    torch.testing.assert_close(mean.double(), fields.mean(0), atol=1e-5, rtol=0)
    torch.testing.assert_close(spread.double(), fields.std(0), atol=1e-5, rtol=0)
    assert (decoder.moments(latent[:1])[1] == 0).all()


def test_loss_is_the_mean_square_error_over_the_area(benchmark, decoder):
    latent, truth = torch.randn(2, 3, 4), torch.randn(2, 3, *decoder.shape)
    loss = decoder.loss(latent, decoder.target(truth))
    area = benchmark.domain.areas(truth.double())
    square = (decoder.on_grid(latent) - truth).double().square()
    expected = (area * square).mean((-3, -2, -1))
    torch.testing.assert_close(loss.double(), expected, rtol=1e-3, atol=0)  # half precision
    assert decoder.loss(latent, decoder.target(decoder.on_grid(latent))).max() < 1e-6


def test_only_decoders_that_say_so_are_recorded(tsunami, decoder):
    assert not decoder.recordable(1)
    sizes = SpectralSizes(60, width=8, blocks=1, last=8, features=4)
    spectral = SpectralDecoder.build(tsunami, 4, sizes)
    assert spectral.recordable(1000) and not spectral.recordable(1001)


# -- the registry -------------------------------------------------------------------------


def test_shipped_decoders_say_what_they_are():
    assert dict(ld.DECODERS) == {"spectral": SpectralDecoder, "coordinates": CoordinateDecoder}
    for decoder in ld.DECODERS.values():
        assert decoder.title and decoder.sentence.endswith(".")


def test_registered_decoder_is_found_until_it_is_taken_out():
    assert ld.register_decoder(LinearDecoder) is LinearDecoder
    assert ld.DECODERS["linear"] is LinearDecoder
    ld.DECODERS.unregister("linear")
    with pytest.raises(ValueError, match="'linear' is unknown; there are spectral, coordinates"):
        ld.DECODERS.unregister("linear")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"name": "Linear!"}, "is called 'Linear!'"),
        ({"name": "spectral"}, "there is another decoder called 'spectral'"),
        ({"title": None}, "must say its title"),
        ({"sentence": 3}, "must say its sentence"),
        ({"Sizes": dict}, "Sizes must be a dataclass"),
        ({"on_grid": Decoder.on_grid}, "lacks on_grid"),
    ],
)
def test_decoder_that_lacks_something_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ld.register_decoder(type("Wrong", (LinearDecoder,), change))


@pytest.mark.parametrize("thing", [nn.Linear, None, "linear"])
def test_what_is_no_decoder_is_refused(thing):
    with pytest.raises(ValueError, match="a subclass of Decoder is needed"):
        ld.register_decoder(thing)


def test_sizes_of_another_decoder_are_refused(tsunami):
    architecture = replace(small(RECIPES["tsunami"]).architecture, sizes=LinearSizes(8))
    with pytest.raises(ValueError, match="'spectral' is built of SpectralSizes, not LinearSizes"):
        build_decoder(tsunami, architecture)


# -- trained, saved and loaded ------------------------------------------------------------


def test_it_learns(registered, tmp_path):
    flow = Kolmogorov(24)
    flow.times = flow.times[:10]
    recipe = replace(miniature("kolmogorov"), refresh=1000, joint_steps=150, decoder_steps=150)
    unit = 2 * torch.rand(8, 1) - 1
    truth = flow.normalise(flow.trajectories(flow.physical_parameters(unit)))
    untrained = build_ldnet(flow, recipe.architecture).requires_grad_(False)
    trained = train_surrogate(flow, recipe, 0, CPU, tmp_path)
    losses = [m.decoder.loss(m.rollout(unit, 10), truth).mean() for m in (untrained, trained)]
    assert losses[1] < 0.7 * losses[0]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_what_is_trained_and_saved_is_what_its_card_brings_back(
    registered, name, tmp_path, monkeypatch
):
    benchmark = BENCHMARKS[name]()
    benchmark.times = benchmark.times[:6]
    trained = []

    def save(folder, ldnet, *others):
        trained.append(ldnet)
        return saved(folder, ldnet, *others)

    saved = run.save_weights
    monkeypatch.setattr(run, "save_weights", save)
    monkeypatch.setattr(calibration, "SETTINGS", calibration.SETTINGS[:1])
    card = run.train(benchmark, miniature(name), tmp_path, 0, CPU)
    assert card["architecture"]["decoder"] == {"kind": "linear", "rank": 8}

    model = load_pretrained(benchmark, "cpu", tmp_path)
    assert type(model.ldnet.decoder) is LinearDecoder
    latent = torch.randn(3, model.ldnet.n_latent)
    with torch.inference_mode():
        assert torch.equal(model.ldnet.decode(latent), trained[0].decode(latent))

    filter_ = LDEnSF(model)
    filter_.reset(4, seed=0)
    filter_.forecast()
    assert filter_.estimate().mean.isfinite().all()


def test_card_of_a_decoder_that_is_not_here_says_so(registered, tmp_path, monkeypatch):
    basin = Tsunami(16)
    basin.times = basin.times[:6]
    monkeypatch.setattr(calibration, "SETTINGS", calibration.SETTINGS[:1])
    run.train(basin, miniature("tsunami"), tmp_path, 0, CPU)
    ld.DECODERS.unregister("linear")
    try:
        with pytest.raises(CheckpointError, match="kind = 'linear' is unknown here; there are spe"):
            load_surrogate(basin, CPU, tmp_path)
    finally:
        ld.register_decoder(LinearDecoder)


def test_autoencoder_takes_it_too(registered):
    basin = Tsunami(16)
    sizes = replace(
        small(RECIPES["tsunami"]).vae_architecture, decoder="linear", sizes=LinearSizes(8)
    )
    vae = build_vae(basin, sizes).requires_grad_(False)
    fields = torch.randn(2, 3, 16, 16)
    assert vae.fields(vae.of_fields(fields).mean).shape == fields.shape
