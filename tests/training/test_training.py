import math
import shutil
from dataclasses import replace

import pytest
import torch

from ldensf_core.benchmarks import Tsunami, get_benchmark
from ldensf_core.encoders import ObservationHistory
from ldensf_core.observations import SensorNetwork
from ldensf_core.surrogate import CoordinateSizes
from ldensf_core.training import calibration
from ldensf_core.training import surrogate as training
from ldensf_core.training.calibration import calibrate
from ldensf_core.training.encoder import observed_times, train_encoder
from ldensf_core.training.networks import NetworkBank
from ldensf_core.training.recipes import RECIPES, small
from ldensf_core.training.surrogate import muon_matrices, noise_levels, train_surrogate
from ldensf_core.weights.architecture import DynamicsSizes, build_encoder, build_ldnet

CPU = torch.device("cpu")
RECIPE = replace(
    small(RECIPES["tsunami"]),
    pool=64,
    chunk=32,
    refresh=100,
    batch=16,
    joint_steps=150,
    decoder_steps=150,
    encoder_steps=200,
    encoder_pool=64,
    encoder_batch=8,
)
BRIEF = replace(
    RECIPE,
    pool=4,
    chunk=4,
    batch=4,
    joint_steps=6,
    decoder_steps=6,
    encoder_steps=12,
    encoder_pool=4,
    encoder_batch=2,
)
COORDINATES = replace(
    RECIPE.architecture,
    decoder="coordinates",
    sizes=CoordinateSizes(width=16, layers=4, features=8, frequency=2.0),
    dynamics=DynamicsSizes(width=16, layers=3),
)


@pytest.fixture(scope="module")
def basin():
    return Tsunami(16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def unseen(basin):
    """Unit parameters (8, P) and normalised fields of test trajectories."""
    split = basin.split("test").isel(trajectory=slice(8))
    parameters = torch.as_tensor(basin.parameter_array(split)).float()
    fields = basin.normalise(basin.trajectories(parameters))
    return basin.unit_parameters(parameters), fields


@pytest.fixture(scope="module")
def surrogate(basin, folder):
    return train_surrogate(basin, RECIPE, 0, CPU, folder)


@torch.no_grad()
def error(ldnet, unseen):
    """Relative squared error on the grid, departures from rest taken as the signal."""
    unit, fields = unseen
    decoded = ldnet.decode(ldnet.rollout(unit, fields.shape[1]))
    rest = ldnet.decoder.basis.rest[:, None, None]
    return ((decoded - fields).square().sum() / (fields - rest).square().sum()).item()


@torch.no_grad()
def likelihood(encoder, basin, ldnet, unseen):
    """Negative log-likelihood of latent states and parameters, in the prior's units."""
    scores = []
    for i, (unit, fields) in enumerate(zip(*unseen, strict=True)):
        states = ldnet.rollout(unit[None], len(fields))[0]
        history = ObservationHistory(basin, encoder)
        network = SensorNetwork.random(basin, 64, seed=i)
        for index in range(0, 51, 3):
            physical = basin.denormalise(fields[index])
            mean, std = history.update(network.observe(physical, index, 0.1, 0.0, seed=i))
            z = (torch.cat([states[index], unit]) - mean) / std
            scores.append((0.5 * z.square() + (std / encoder.std).log()).mean())
    return torch.stack(scores).mean().item()


def weights(module):
    return {name: t.clone() for name, t in module.state_dict().items()}


def same(one, other):
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


# -- the surrogate ------------------------------------------------------------------------


def test_both_stages_bring_the_surrogate_closer_to_unseen_runs(
    basin, surrogate, unseen, folder, tmp_path
):
    torch.manual_seed(0)
    untrained = build_ldnet(basin, RECIPE.architecture)
    untrained.decoder.scales.copy_(surrogate.decoder.scales)
    shutil.copy(folder / "joint.checkpoint", tmp_path)
    joint = train_surrogate(basin, replace(RECIPE, decoder_steps=0), 0, CPU, tmp_path)
    errors = [error(ldnet, unseen) for ldnet in (untrained, joint, surrogate)]
    assert errors[1] < 0.95 * errors[0]
    assert errors[2] < errors[1] - 0.02
    assert errors[2] < 0.93


def test_second_stage_leaves_the_dynamics(basin, surrogate, folder, tmp_path):
    shutil.copy(folder / "joint.checkpoint", tmp_path)
    joint = train_surrogate(basin, replace(RECIPE, decoder_steps=0), 0, CPU, tmp_path)
    assert same(joint.dynamics, surrogate.dynamics)
    assert not same(joint.decoder, surrogate.decoder)
    torch.manual_seed(0)
    untrained = build_ldnet(basin, RECIPE.architecture)
    assert not same(untrained.dynamics, surrogate.dynamics)


def test_finished_surrogate_is_read_back(basin, surrogate, folder):
    assert same(train_surrogate(basin, RECIPE, 0, CPU, folder), surrogate)


def test_decoder_taught_with_noise_magnifies_it_less(
    basin, surrogate, unseen, folder, tmp_path, monkeypatch
):
    """Beside one from the same first stage that has seen the trajectories alone."""
    monkeypatch.setattr(training, "STEEPNESS", 1.0)  # trained so little, its errors are far larger

    def decoder(noisy):
        path = tmp_path / str(noisy)
        path.mkdir()
        shutil.copy(folder / "joint.checkpoint", path)
        return train_surrogate(basin, replace(RECIPE, noisy=noisy), 0, CPU, path).decoder

    quiet, taught = decoder(0.0), decoder(0.5)
    unit, fields = unseen
    latent = surrogate.rollout(unit, fields.shape[1])
    noise = 0.3 * latent.flatten(0, 1).std(0) * torch.randn_like(latent)
    off = [(d(latent + noise) - d(latent)).square().mean() for d in (quiet, taught)]
    assert off[1] < 0.9 * off[0]


def test_noise_falls_on_the_first_states_of_a_batch():
    levels = noise_levels(500, 800, CPU)
    assert (levels[500:] == 0).all() and (levels[:500] > 0).all()
    logarithms = levels[:500].log10()
    assert -2.5 <= logarithms.min() < -2.4 and -0.6 < logarithms.max() <= -0.5
    assert logarithms.mean().item() == pytest.approx(-1.5, abs=0.1)
    assert (noise_levels(0, 8, CPU) == 0).all()


def test_surrogate_is_handed_over_frozen(surrogate):
    assert not any(p.requires_grad for p in surrogate.parameters())
    assert not surrogate.training


def test_scales_are_the_sizes_of_the_coefficients(basin, surrogate, unseen):
    """Root mean squares over other trajectories, where they are not below the floor."""
    _, fields = unseen
    found = surrogate.decoder.target(fields).square().mean((0, 1)).sqrt()
    large = found > 0.2 * found.max()
    assert large.sum() > 20
    ratio = surrogate.decoder.scales[large] / found[large]
    assert ratio.min() > 0.5 and ratio.max() < 2


def test_muon_gets_the_matrices_between_hidden_layers(surrogate):
    ldnet = build_ldnet(Tsunami(16), RECIPE.architecture)
    names = {id(p): name for name, p in ldnet.named_parameters()}
    assert {names[id(p)] for p in muon_matrices(ldnet)} == {
        "dynamics.2.weight",
        "decoder.blocks.0.first.weight",
        "decoder.blocks.0.second.weight",
        "decoder.widen.weight",
        "decoder.last.weight",
    }
    ldnet.dynamics.requires_grad_(False)
    assert "dynamics.2.weight" not in {names[id(p)] for p in muon_matrices(ldnet)}


def test_surrogate_of_coordinates_is_trained_by_the_same_steps(basin, unseen, tmp_path):
    """A few of them; that its decoder learns is tested with the decoder."""
    recipe = replace(BRIEF, architecture=COORDINATES)
    torch.manual_seed(0)
    untrained = build_ldnet(basin, COORDINATES)
    joint = train_surrogate(basin, replace(recipe, decoder_steps=0), 0, CPU, tmp_path)
    ldnet = train_surrogate(basin, recipe, 0, CPU, tmp_path)
    assert not same(untrained.dynamics, joint.dynamics)
    assert same(joint.dynamics, ldnet.dynamics)
    assert not same(joint.decoder, ldnet.decoder)
    assert torch.equal(untrained.decoder.waves, ldnet.decoder.waves)
    energy = (unseen[1].square().mean() * 3).item()
    assert ldnet.decoder.energy.item() == pytest.approx(energy, rel=0.4)


def test_muon_gets_the_hidden_matrices_of_a_network_of_coordinates(basin):
    ldnet = build_ldnet(basin, COORDINATES)
    names = {id(p): name for name, p in ldnet.named_parameters()}
    assert {names[id(p)] for p in muon_matrices(ldnet)} == {
        *(f"dynamics.{i}.weight" for i in (2, 4)),
        *(f"decoder.blocks.{i}.linear.weight" for i in range(3)),
    }


# -- the encoder --------------------------------------------------------------------------


def test_encoder_learns_to_read_observations_of_unseen_runs(basin, surrogate, unseen, tmp_path):
    encoder = train_encoder(basin, RECIPE, surrogate, 0, CPU, tmp_path)
    torch.manual_seed(0)
    trained = encoder.state_dict()
    statistics = {
        "deviations": trained["interpolation.deviations"],
        "residual": trained["interpolation.residual"],
        "mean": trained["mean"],
        "std": trained["std"],
    }
    untrained = build_encoder(basin, 10, RECIPE.architecture.encoder, statistics)
    before = likelihood(untrained, basin, surrogate, unseen)
    after = likelihood(encoder, basin, surrogate, unseen)
    assert after < 0 < before  # 1/2 is the prior's own
    assert not any(p.requires_grad for p in encoder.parameters()) and not encoder.training


def test_statistics_are_those_of_the_targets(basin, surrogate, unseen, tmp_path):
    """Parameters are uniform on [-1, 1]; what the basis holds and leaves out adds up."""
    encoder = train_encoder(basin, replace(RECIPE, encoder_steps=0), surrogate, 0, CPU, tmp_path)
    assert encoder.mean.shape == encoder.std.shape == (12,)
    assert encoder.mean[-2:].abs().max() < 4 / math.sqrt(3 * 64)
    assert encoder.std[-2:].sub(1 / math.sqrt(3)).abs().max() < 0.15
    interpolation = encoder.interpolation
    described = interpolation.deviations.square().unflatten(0, (3, -1)).sum(-1)
    total = described + interpolation.residual
    _, fields = unseen
    expected = (fields - interpolation.basis.rest[:, None, None]).square().mean((0, 1, 3, 4))
    torch.testing.assert_close(total, expected, rtol=0.4, atol=0)


def test_batch_without_any_observation_is_survived(basin, surrogate, tmp_path, monkeypatch):
    def nothing(batch, n_times, device):
        order, kept = observed_times(batch, n_times, device)
        return order, torch.zeros_like(kept)

    monkeypatch.setattr("ldensf_core.training.encoder.observed_times", nothing)
    encoder = train_encoder(basin, BRIEF, surrogate, 0, CPU, tmp_path)
    assert all(t.isfinite().all() for t in encoder.state_dict().values())


def test_observed_times_are_in_order_with_padding_last():
    torch.manual_seed(3)
    order, kept = observed_times(600, 51, CPU)
    assert torch.equal(order.sort(dim=1).values, torch.arange(51).expand(600, 51))
    assert (kept.diff(dim=1) <= 0).all()  # observed ones first
    in_order = order.diff(dim=1) > 0
    assert in_order[kept[:, 1:] == 1].all()
    assert set(kept.unique().tolist()) == {0.0, 1.0}

    number = kept.sum(1)
    assert (number == 51).float().mean().item() == pytest.approx(1 / 3 + 1 / 30 + 1 / 156, abs=0.08)
    tenth = torch.isin(torch.arange(51), torch.arange(0, 51, 10))
    # Every tenth time: one in ten of the third that is observed at regular intervals.
    regular = [number[i] == 6 and tenth[order[i, :6]].all() for i in range(600)]
    assert sum(map(bool, regular)) >= 5


def test_bank_measures_as_a_sensor_network_does(basin, unseen, monkeypatch):
    """Without noise, against stencils and gain put together by hand."""
    drawn = []

    def recorded(make):
        return classmethod(lambda cls, *args, **kw: drawn.append(make(*args, **kw)) or drawn[-1])

    for name in ("grid", "random"):
        monkeypatch.setattr(SensorNetwork, name, recorded(getattr(SensorNetwork, name)))
    interpolation = build_encoder(basin, 10, RECIPE.architecture.encoder).interpolation
    bank = NetworkBank(interpolation, basin, 6, (16, 256), 0.5, seed=4)
    bank.replace(2)
    networks = [*drawn[:2], drawn[6], *drawn[3:6]]
    assert len({len(network) for network in networks}) > 3
    assert {network.layout for network in networks} == {"grid", "random"}

    levels = bank.noise.clone()
    assert ((0 <= levels) & (levels <= 0.5)).all() and len(levels.unique()) > 3
    bank.noise.zero_()  # of the measurements; the gains were made for the levels drawn
    entry, (_, fields) = torch.tensor([0, 2, 5]), unseen
    coefficients, unknown = bank.coefficients(fields[:3, ::10].flatten(-2), entry)
    assert coefficients.shape == (3, 6, 96) and unknown.shape == (3, 6, interpolation.count)
    for row, i in enumerate(entry.tolist()):
        present = torch.ones(len(networks[i]), 3, dtype=torch.bool)
        positions = torch.as_tensor(networks[i].positions)
        gain, share = interpolation.gain(positions, present, levels[i])
        values = networks[i].values(fields[row, ::10]) - interpolation.basis.rest
        expected = torch.einsum("kvn,tnv->tk", gain, values)
        torch.testing.assert_close(coefficients[row], expected, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(unknown[row], share.expand(6, -1))


def test_bank_adds_fresh_noise_of_its_levels(basin, unseen):
    """The same field measured many times: what differs is the noise, seen through the gain."""
    interpolation = build_encoder(basin, 10, RECIPE.architecture.encoder).interpolation
    bank = NetworkBank(interpolation, basin, 4, (16, 256), 0.5, seed=4)
    entry = int(bank.noise[:, 0].argmax())
    many = unseen[1][:1, 30:31].flatten(-2).expand(1, 2000, -1, -1)
    found = bank.coefficients(many, torch.tensor([entry]))[0][0]
    expected = bank.noise[entry, 0] * bank.gain[entry].flatten(1).norm(dim=-1)
    torch.testing.assert_close(found.std(0), expected, rtol=0.08, atol=0)


# -- seeds --------------------------------------------------------------------------------


def test_training_follows_its_seed(basin, tmp_path):
    def trained(name, seed):
        where = tmp_path / name
        where.mkdir()
        ldnet = train_surrogate(basin, BRIEF, seed, CPU, where)
        return ldnet, train_encoder(basin, BRIEF, ldnet, seed, CPU, where)

    one, again, other = trained("one", 0), trained("again", 0), trained("other", 1)
    assert same(one[0], again[0]) and same(one[1], again[1])
    for part in range(2):
        mine, theirs = weights(one[part]), weights(other[part])
        assert all(not torch.equal(mine[k], theirs[k]) for k in mine if k.endswith("weight"))


# -- calibration --------------------------------------------------------------------------


def test_calibration_takes_the_better_of_what_it_tries(model, monkeypatch):
    """An encoder that is not believed at all leaves the prior, which scores worse."""
    setting = calibration.Setting(coarser=2, every=2)
    monkeypatch.setattr(calibration, "SETTINGS", (setting,))
    monkeypatch.setattr(calibration, "MEMBERS", 5)
    recipe = replace(
        RECIPE,
        inflation=(300.0, 1.0),
        process_noise=(0.01,),
        calibration_truths=1,
    )
    found = calibrate(model, recipe, seed=0)
    assert found["inflation"] == 1.0 and found["process_noise"] == 0.01
    assert 0 < found["crps"] < 0.2 and found["truths"] == 1


def test_spread_decides_between_scores_that_hardly_differ(model, monkeypatch):
    of_inflation = {0.5: (1.0, 0.3, 1.0), 1.0: (1.01, 0.9, 1.0), 1.5: (1.015, 1.5, 1.0)}
    of_inflation[3.0] = 1.3, 1.0, 1.0
    monkeypatch.setattr(
        calibration, "_scores", lambda filter_, *others: of_inflation[filter_.inflation]
    )
    recipe = replace(
        RECIPE, inflation=tuple(of_inflation), process_noise=(0.01,), calibration_truths=2
    )
    found = calibrate(model, recipe, seed=0)
    assert found["inflation"] == 1.0 and found["crps"] == pytest.approx(1.01)


@pytest.mark.parametrize(
    "name, grids", [("tsunami", {(10, 10), (5, 5)}), ("atmosphere", {(32, 16), (16, 8)})]
)
def test_settings_of_the_calibration_are_shares_of_the_benchmarks_own_grid(name, grids):
    benchmark, found = get_benchmark(name), set()
    for setting in calibration.SETTINGS:
        network = setting.network(benchmark, seed=0)
        assert network.layout == setting.layout
        if setting.layout == "grid":
            found.add(tuple(len(set(network.positions[:, i])) for i in (0, 1)))
        else:
            assert len(network) == math.prod(benchmark.sensor_grid)
    assert found == grids
