"""What a latent cycle is made of, in torch and in kernels, against torch's own modules.

Kernels are run by Triton's interpreter on the CPU (see ``conftest``). Triton comes with torch for
GPUs; where there is none, the functions in torch are tested, and that they take its place.
"""

import importlib.util
import logging

import pytest
import torch
from torch import nn

from ldensf_core import latent_cycle
from ldensf_core.analyses.score import gaussian_map
from ldensf_core.filters import LDEnSF
from ldensf_core.latent_cycle import layers
from ldensf_core.speed import observed_run
from ldensf_core.surrogate import LDNet

CPU = torch.device("cpu")
MODULES = [layers]
if importlib.util.find_spec("triton") is not None:
    from ldensf_core.latent_cycle import kernels

    MODULES.append(kernels)


@pytest.fixture(params=MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def functions(request, monkeypatch):
    if request.param is not layers:
        for limit in ("FEW", "MEMBERS"):  # so that few members count as many
            monkeypatch.setattr(request.param, limit, 64)
    return request.param


def test_a_cpu_has_them_in_torch():
    assert latent_cycle.cycle_functions(CPU) is layers


def test_a_gpu_that_cannot_run_kernels_has_them_in_torch_and_says_why(caplog):
    """A device that this torch has not: like a GPU without Triton or a compiler."""
    with caplog.at_level(logging.WARNING):
        assert latent_cycle.cycle_functions(torch.device("cuda", 63)) is layers
    assert "Triton" in caplog.text


@torch.no_grad()
@pytest.mark.parametrize("rows, columns", [(5, 7), (64, 300), (24, 512)])
@pytest.mark.parametrize("gelu", [False, True])
def test_layer(functions, rows, columns, gelu):
    weight, bias, x = torch.randn(rows, columns), torch.randn(rows), torch.randn(columns)
    out = torch.empty(rows)
    functions.dense(weight, bias, x, out, gelu)
    expected = weight @ x + bias
    expected = nn.functional.gelu(expected) if gelu else expected
    torch.testing.assert_close(out, expected, atol=2e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", [6, 40])
def test_gated_recurrent_unit(functions, size):
    cell = nn.GRU(size, size)
    x, memory, out = torch.randn(size), torch.randn(size), torch.empty(size)
    before = memory.clone()
    functions.gru(cell, x, memory, out)
    expected = cell(x[None], memory[None])[0][0]
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(memory, before)


@torch.no_grad()
@pytest.mark.parametrize("members", [1, 20, 70])
@pytest.mark.parametrize("n_latent, n_parameters", [(9, 1), (50, 2)])
@pytest.mark.parametrize("width, hidden", [(32, 2), (48, 2), (32, 4)])
def test_latent_dynamics(functions, members, n_latent, n_parameters, width, hidden):
    ldnet = LDNet(nn.Identity(), n_latent, n_parameters, width, hidden)
    state = torch.randn(members, n_latent + n_parameters)
    latent, parameters = state[:, :n_latent].clone(), state[:, n_latent:].clone()
    functions.step(ldnet.dynamics, state, n_latent, 0.1)
    expected = ldnet.step(latent, parameters)
    torch.testing.assert_close(state[:, :n_latent], expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(state[:, n_latent:], parameters)


@torch.no_grad()
def test_what_the_encoder_tells(functions):
    weight, bias, x = torch.randn(24, 300) / 10, torch.randn(24), torch.randn(300)
    out = torch.empty(2, 12)
    functions.told(weight, bias, x, -9.0, 1.0, out)
    mean, raw = (weight @ x + bias).chunk(2)
    torch.testing.assert_close(out[0], mean, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(out[1], torch.exp(-9 + 10 * raw.sigmoid()), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("members", [1, 2, 20, 300])
@pytest.mark.parametrize("process_noise", [0.0, 0.03])
def test_analysis(functions, members, process_noise):
    """By the affine map of each component, applied to members with noise of their own."""
    size, n_latent = 6, 4
    mean, std = torch.randn(size), torch.rand(size) + 0.5
    state = 0.3 * torch.randn(members, size)
    y, sigma = torch.randn(size), torch.rand(size)
    noise = torch.randn(members, size)
    variance = state.var(0) if members > 1 else torch.zeros(size)
    map_ = gaussian_map(1.5 * sigma, variance / std.square() + process_noise**2)
    spread = torch.hypot(process_noise * map_.b, map_.s)
    expected = map_.b * (state - mean) / std + map_.c * y + spread * noise
    expected = mean + std * expected
    expected[:, n_latent:] = expected[:, n_latent:].clamp(-1, 1)
    functions.correct(state, y, sigma, mean, std, noise, 1.5, process_noise, n_latent)
    torch.testing.assert_close(state, expected, atol=1e-5, rtol=1e-5)


def test_filter_gives_the_same_whatever_it_is_made_of(model, monkeypatch):
    """Follow the same observations from the same seed, through a change of sensors."""
    runs = [observed_run(model, n, "random") for n in (20, 90)]
    found = []
    for module in MODULES:
        for user in ("ldensf_core.filters.free", "ldensf_core.encoders.stream"):
            monkeypatch.setattr(f"{user}.cycle_functions", lambda device, module=module: module)
        filter_ = LDEnSF(model)
        assert filter_.functions is module
        filter_.reset(20, seed=3)
        for index in range(6):
            if index:
                filter_.cycle(runs[index // 3][index])
            else:
                filter_.analyse(runs[0][0])
        found.append(filter_.state / model.encoder.std)
    assert found[0].isfinite().all()
    torch.testing.assert_close(found[-1], found[0], atol=1e-5, rtol=0)
