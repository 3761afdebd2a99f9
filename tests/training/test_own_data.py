"""From a file of runs that something else has made to an estimate, without a solver."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

from ldensf_core import TwinExperiment, get_benchmark, load_pretrained
from ldensf_core.benchmarks import DatasetBenchmark, Tsunami
from ldensf_core.cli import main
from ldensf_core.training import calibration
from ldensf_core.training.networks import NetworkBank
from ldensf_core.training.pool import TrajectoryPool
from ldensf_core.training.recipes import RECIPES, recipe_for, small
from ldensf_core.training.run import train
from ldensf_core.weights.architecture import EncoderSizes, build_encoder, build_ldnet

CPU = torch.device("cpu")


def advection(runs, times=12, ny=16, nx=24):
    """A bump that goes round along x; unknown are where it starts and how fast it is."""
    rng = np.random.default_rng(0)
    start, speed = rng.uniform(4, 12, runs), rng.uniform(0.5, 1.0, runs)
    time, y, x = np.arange(float(times)), np.arange(ny) + 0.5, np.arange(nx) + 0.5
    middle = start[:, None] + speed[:, None] * time
    away = (x - middle[..., None] + nx / 2) % nx - nx / 2
    height = np.repeat(np.exp(-0.5 * (away / 3) ** 2)[:, :, None], ny, axis=2)
    side = {"units": "km", "periodic": 1}
    return xr.Dataset(
        {
            "height": (("trajectory", "time", "y", "x"), height, {"units": "m"}),
            "start": ("trajectory", start, {"units": "km"}),
            "speed": ("trajectory", speed, {"units": "km h-1"}),
        },
        {"time": ("time", time, {"units": "h"}), "y": ("y", y, side), "x": ("x", x, side)},
    )


def test_from_a_file_to_an_estimate(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "SETTINGS", calibration.SETTINGS[:1])
    path = str(tmp_path / "runs.nc")
    advection(60).to_netcdf(path)
    bench = get_benchmark(path)
    recipe = replace(
        small(recipe_for(bench)),
        pool=36,
        chunk=36,
        encoder_pool=36,
        batch=36,
        joint_steps=250,
        decoder_steps=150,
        encoder_steps=400,
        encoder_batch=16,
        sensors=(16, 100),
        process_noise=(0.001,),
        scored_runs=None,
    )
    card = train(path, recipe, bench.weights, 0, CPU)
    assert card["benchmark"] == "runs"
    errors = card["surrogate_error"]
    assert errors["test"] < 0.5 * errors["nearest training run"] < errors["climatology"]

    end = []
    for seed in (0, 1, 4):
        truth = bench.sample_truth(seed)
        run = TwinExperiment(path, ["ld-ensf", "none"], truth=truth, device="cpu").run()
        assert np.array_equal(run.height, bench.simulate(truth).height)
        end.append(run.rel_rmse.isel(time=slice(-3, None)).mean("time"))
    mean = sum(end)
    assert mean.sel(filter="ld-ensf") < 0.6 * mean.sel(filter="none")
    model = load_pretrained(path, "cpu")
    assert model.benchmark is bench and model.card == card


def test_the_command_line_takes_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(calibration, "SETTINGS", calibration.SETTINGS[:1])
    path, folder = tmp_path / "runs.nc", tmp_path / "runs"
    advection(20, times=4).to_netcdf(path)
    for command in (
        ["train", path, "--small"],
        ["assimilate", path, "--filters", "ld-ensf", "--output", tmp_path / "estimate.nc"],
    ):
        monkeypatch.setattr(sys, "argv", ["ldensf", *map(str, command), "--device", "cpu"])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert not exit_.value.code, capsys.readouterr().err
    assert (folder / "card.json").exists()
    with xr.open_dataset(tmp_path / "estimate.nc", engine="h5netcdf") as estimate:
        assert estimate.attrs["benchmark"] == "runs" and estimate.height_mean.shape[1:] == (
            4,
            16,
            24,
        )


# -- the pool -----------------------------------------------------------------------------


def test_a_pool_takes_the_training_runs_in_turn():
    data = advection(12, times=3)
    pool = TrajectoryPool(DatasetBenchmark(data), lambda f: f[:, :, 0], 4, 2, 1000, CPU)
    bench = pool.benchmark
    seen = []
    for _ in range(6):
        seen.append(pool.parameters.clone())
        fields = bench.denormalise(pool.data[:, :, None])[:, :, 0]
        runs = [int(np.argmin(np.abs(data.start.values - s))) for s in start_of(bench, pool)]
        np.testing.assert_allclose(fields, data.height[runs], atol=1e-5)
        pool.replace()
    known = bench.unit_parameters(torch.as_tensor(bench.values[:8])).float()
    met = torch.cat(seen).unique(dim=0)
    torch.testing.assert_close(met, known.unique(dim=0))


def start_of(bench, pool):
    return bench.physical_parameters(pool.parameters)[:, 0].numpy()


# -- sensor networks ----------------------------------------------------------------------


@pytest.mark.parametrize("ny, nx", [(60, 6), (6, 60), (8, 240)])
def test_networks_of_a_long_domain_have_as_many_sensors_as_asked(ny, nx):
    bench = DatasetBenchmark(advection(6, times=3, ny=ny, nx=nx))
    interpolation = build_encoder(bench, 4, EncoderSizes(20, width=16, memory=8)).interpolation
    bank = NetworkBank(interpolation, bench, 20, (4, 40), 0.5, seed=0)
    sensors = (bank.weights.sum(-1) > 0).sum(-1)
    assert ((sensors >= 4) & (sensors <= 40)).all() and len(sensors.unique()) > 3


# -- the recipe ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_benchmarks_with_a_recipe_keep_it(name):
    assert recipe_for(get_benchmark(name)) is RECIPES[name]


def test_a_benchmark_without_one_gets_a_recipe_by_its_sizes():
    bench = DatasetBenchmark(advection(60), "tsunami")  # whose recipe is another's
    recipe = recipe_for(bench)
    assert recipe.pool == recipe.encoder_pool == 36 and 36 % recipe.chunk == 0
    assert recipe.sensors == (16, 256) and recipe.calibration_truths == 5
    for made in (recipe, small(recipe)):
        ldnet = build_ldnet(bench, made.architecture)
        assert ldnet.decode(torch.zeros(2, ldnet.n_latent)).shape == (2, 1, 16, 24)
        build_encoder(bench, made.architecture.n_latent, made.architecture.encoder)


def test_a_solver_without_a_recipe_gets_fresh_runs():
    basin = Tsunami(20)
    basin.name = "basin"
    recipe = recipe_for(basin)
    assert recipe.pool == 1024 and recipe.architecture.sizes.coefficients == 1200


def test_too_few_runs_are_named():
    with pytest.raises(ValueError, match="dataset has 4 training runs: at least 8 are needed"):
        recipe_for(DatasetBenchmark(advection(6)))
