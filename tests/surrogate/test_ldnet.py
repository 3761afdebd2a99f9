import pytest
import torch
from torch import nn

from ldensf_core.scores import relative_rmse
from ldensf_core.surrogate import LDNet


class FirstTwo(nn.Module):
    """A decoder that is none: what LDNet asks of one is all it has."""

    def on_grid(self, latent):
        return latent[..., :2, None, None].expand(*latent.shape[:-1], 2, 3, 3)

    def at(self, latent, positions):
        return latent[..., None, :2].expand(*latent.shape[:-1], len(positions), 2)


@pytest.fixture
def small():
    return LDNet(FirstTwo(), n_latent=4, n_parameters=2, width=8)


def test_a_step_is_forward_euler(small):
    latent, parameters = torch.randn(5, 4), torch.randn(5, 2)
    rate = small.dynamics(torch.cat([latent, parameters], dim=1))
    torch.testing.assert_close(small.step(latent, parameters), latent + 0.1 * rate)


def test_trajectories_start_one_step_from_zero(small):
    parameters = torch.randn(5, 2)
    expected = small.step(torch.zeros(5, 4), parameters)
    assert torch.equal(small.initial_state(parameters), expected)
    assert expected.abs().max() > 0


def test_rollout_is_repeated_steps(small):
    parameters = torch.randn(5, 2)
    states = small.rollout(parameters, 7)
    assert states.shape == (5, 7, 4)
    state = torch.zeros(5, 4)
    for index in range(7):
        state = small.step(state, parameters)
        assert torch.equal(states[:, index], state)


def test_members_do_not_see_each_other(small):
    parameters = torch.randn(5, 2)
    alone = small.rollout(parameters[2:3], 7)
    torch.testing.assert_close(small.rollout(parameters, 7)[2:3], alone, atol=1e-6, rtol=0)


def test_decode_asks_the_decoder(small):
    latent = torch.randn(5, 4)
    assert small.decode(latent).shape == (5, 2, 3, 3)
    assert small.decode(latent, torch.zeros(6, 2)).shape == (5, 6, 2)


@pytest.mark.parametrize("layers", [1, 2, 9])
def test_dynamics_have_so_many_hidden_layers(layers):
    ldnet = LDNet(FirstTwo(), n_latent=4, n_parameters=2, width=8, layers=layers)
    shapes = {name: tuple(t.shape) for name, t in ldnet.state_dict().items() if "weight" in name}
    expected = [(8, 6), *[(8, 8)] * (layers - 1), (4, 8)]
    assert shapes == {f"dynamics.{2 * i}.weight": shape for i, shape in enumerate(expected)}
    assert [tuple(w.shape) for w in ldnet.hidden_matrices()] == expected[1:-1]


def test_deep_dynamics_depend_on_the_parameters_from_the_start():
    """Published depth: a signal that died on its way through could not be learned from."""
    deep = LDNet(FirstTwo(), n_latent=9, n_parameters=1, width=200, layers=9)
    parameters = torch.linspace(-1, 1, 20)[:, None].requires_grad_()
    states = deep.rollout(parameters, 40)
    assert states.shape == (20, 40, 9) and states.isfinite().all()
    assert states[:, -1].std(0).mean() > 0.01
    states[:, -1].sum().backward()
    assert parameters.grad.abs().mean() > 0.05


# -- the shipped surrogate ----------------------------------------------------------------


@pytest.fixture(scope="module")
@torch.inference_mode()
def states(tsunami, model, true_parameters):
    return model.ldnet.rollout(tsunami.unit_parameters(true_parameters), tsunami.n_times)


@torch.inference_mode()
def test_decoding_at_grid_points_is_decoding_on_the_grid(tsunami, model, states):
    rows, columns = torch.tensor([0, 3, 70, 149]), torch.tensor([149, 10, 0, 82])
    where = torch.stack(
        [torch.as_tensor(tsunami.x.points)[columns], torch.as_tensor(tsunami.y.points)[rows]], dim=1
    )
    on_grid = model.ldnet.decode(states[:2, ::10])[..., rows, columns]
    at_points = model.ldnet.decode(states[:2, ::10], where)
    torch.testing.assert_close(at_points.mT, on_grid, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_no_flow_through_the_walls(tsunami, model, states):
    """Decoded on the walls themselves, half a cell beyond the grid: v, in m/s, then u."""
    for x, y, variable in ((300, 0, 1), (300, 1000, 1), (0, 300, 0), (1000, 300, 0)):
        values = model.ldnet.decode(states[0], torch.tensor([[x, y]], dtype=torch.float64))
        velocity = values[:, 0] * tsunami.std(values) + tsunami.mean(values)
        assert velocity[:, variable].abs().max() < 1e-6
        assert velocity[:, 1 - variable].abs().max() > 1e-4


@torch.inference_mode()
def test_surrogate_follows_test_trajectories(tsunami, model, states, truths, true_parameters):
    """Far closer than the look-up that has to be beaten: the nearest training run."""
    known = torch.as_tensor(tsunami.parameter_array(tsunami.split("train"))).float()
    nearest = torch.cdist(true_parameters, known).argmin(dim=1)
    runs = tsunami.trajectories(known[nearest])
    surrogate, look_up = [], []
    for run, truth, state in zip(runs, truths, states, strict=True):
        fields = tsunami.denormalise(model.ldnet.decode(state))
        for index in range(tsunami.n_times):
            surrogate.append(relative_rmse(tsunami, fields[index], truth[index]))
            look_up.append(relative_rmse(tsunami, run[index], truth[index]))
    error, baseline = sum(surrogate) / len(surrogate), sum(look_up) / len(look_up)
    assert error <= 0.04
    assert error < 0.15 * baseline
    assert max(surrogate) < 0.2  # at no time does it lose the wave
