import math

import pytest
import torch

from ldensf_core.surrogate import SpectralDecoder, SpectralSizes


@pytest.fixture
def decoder(basis):
    """Makes a small decoder, in each kind of basis in turn."""

    def make(scales=None):
        scales = torch.rand(basis.count) + 0.1 if scales is None else scales
        decode = SpectralDecoder(
            basis, 4, SpectralSizes(basis.count, 16, blocks=2, last=24, features=8)
        )
        decode.scales.copy_(scales)
        return decode

    return make


def test_loss_is_the_relative_squared_error_over_the_area(basis, area, decoder):
    """For fields in the span, with the scales that they have."""
    fields = basis.synthesise(torch.randn(7, basis.count) * torch.rand(basis.count))
    scales = basis.analyse(fields).square().mean(0).sqrt()
    decode, latent = decoder(scales), torch.randn(7, 4)

    error = (area * (decode.on_grid(latent) - fields).square()).sum()
    energy = (area * (fields - basis.rest[:, None, None]).square()).sum()
    loss = decode.loss(latent, decode.target(fields))
    assert loss.shape == (7,)
    assert loss.mean().item() == pytest.approx((error / energy).item(), rel=1e-4)


def test_loss_is_zero_for_what_the_decoder_gives(decoder):
    decode, latent = decoder(), torch.randn(2, 5, 4)
    assert decode.loss(latent, decode.target(decode.on_grid(latent))).max() < 1e-10


def test_decoder_gives_the_same_on_the_grid_and_at_its_points(decoder, shape, positions):
    decode, latent = decoder(), torch.randn(2, 5, 4)
    assert decode(latent).shape == (2, 5, decode.basis.count)
    on_grid = decode.on_grid(latent)
    assert on_grid.shape == (2, 5, *shape)
    at_points = decode.at(latent, positions[: shape[1] * shape[2]])
    torch.testing.assert_close(at_points, on_grid.flatten(-2).mT, atol=1e-4, rtol=0)


def test_gradients_reach_every_weight_of_the_decoder(decoder):
    decode = decoder()
    decode.loss(torch.randn(6, 4), torch.randn(6, decode.basis.count)).mean().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in decode.parameters())


# -- mean and spread ----------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("members", [2, 3, 20, 500])
@pytest.mark.parametrize("apart", [1.0, 1e-2])
def test_moments_are_those_of_the_fields_of_all_members(decoder, shape, members, apart):
    """Of more members, too, than the decoder has directions; near each other or not."""
    decode, latent = decoder(), torch.randn(4) + apart * torch.randn(members, 4)
    mean, spread = decode.moments(latent)
    assert mean.shape == spread.shape == shape
    fields = decode.on_grid(latent).double()
    expected = fields.std(0)
    size = expected.square().mean().sqrt().item()
    torch.testing.assert_close(mean.double(), fields.mean(0), atol=1e-4, rtol=0)
    torch.testing.assert_close(spread.double(), expected, atol=3e-3 * size, rtol=0)


@torch.no_grad()
def test_spread_keeps_all_but_a_millionth_of_the_variance(decoder, area):
    decode, latent = decoder(), torch.randn(100, 4)
    _, spread = decode.moments(latent)
    variance = (area * spread.double().square()).mean()
    expected = (area * decode.on_grid(latent).double().var(0)).mean()
    assert variance.item() == pytest.approx(expected.item(), rel=1e-5)


@torch.no_grad()
def test_one_member_has_no_spread(decoder):
    decode, latent = decoder(), torch.randn(1, 4)
    mean, spread = decode.moments(latent)
    torch.testing.assert_close(mean, decode.on_grid(latent)[0], atol=1e-6, rtol=0)
    assert (spread == 0).all()


@torch.no_grad()
def test_equal_members_have_next_to_no_spread(decoder):
    decode, latent = decoder(), torch.randn(1, 4).expand(30, 4)
    mean, spread = decode.moments(latent)
    torch.testing.assert_close(mean, decode.on_grid(latent[0]), atol=1e-5, rtol=0)
    assert spread.isfinite().all() and spread.max() < 1e-4


@torch.no_grad()
def test_few_fields_are_decoded_for_the_moments_of_many_members(decoder, basis, monkeypatch):
    """Members on a plane differ in two directions; the mean is a third field."""
    decoded = []
    synthesise = basis.synthesise

    def counted(coefficients):
        decoded.append(math.prod(coefficients.shape[:-1]))
        return synthesise(coefficients)

    decode = decoder()
    monkeypatch.setattr(basis, "synthesise", counted)
    monkeypatch.setattr(decode, "forward", lambda latent: latent[:, :2] @ plane)
    plane = torch.randn(2, basis.count)
    decode.moments(torch.randn(200, 4))
    assert decoded == [3]


@torch.no_grad()
@pytest.mark.parametrize("members", [1, 2, 3, 7, 20, 61])
def test_members_that_are_alike_have_no_spread(decoder, members):
    decode = decoder()
    for latent in torch.randn(20, 1, 4):
        mean, spread = decode.moments(latent.expand(members, -1).clone())
        torch.testing.assert_close(mean, decode.on_grid(latent)[0], atol=1e-5, rtol=1e-5)
        assert (spread == 0).all()


@torch.no_grad()
def test_members_that_are_almost_alike_have_a_finite_spread(decoder):
    """Of two kinds, a rounding apart: in single precision one in some hundreds has none."""
    decode = decoder()
    for latent in torch.randn(600, 1, 4):
        ensemble = latent.repeat(16, 1)
        ensemble[8:] += 1e-7 * torch.randn(4)
        mean, spread = decode.moments(ensemble)
        assert mean.isfinite().all() and spread.isfinite().all() and spread.max() < 1e-4


@torch.no_grad()
@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e30])
def test_an_ensemble_that_has_blown_up_has_no_spread_to_speak_of(decoder, value):
    decode, latent = decoder(), torch.randn(20, 4)
    latent[3] = value
    mean, spread = decode.moments(latent)
    assert mean.shape == spread.shape
    assert spread.isnan().all()


def test_probe_is_the_decoder_at_fixed_places(model):
    """The folded matrix gives what basis and last layer give."""
    places = torch.tensor([[10.0, 20.0], [500.0, 700.0], [999.0, 1.0]])
    latent = torch.randn(4, 2, model.ldnet.n_latent)
    decoder = model.ldnet.decoder
    with torch.inference_mode():
        found = decoder.probe(places)(latent)
        torch.testing.assert_close(found, decoder.at(latent, places), atol=2e-4, rtol=1e-4)
