"""Our LETKF and EnSF's analysis on the Lorenz-96 system."""

import json
import math
import sys

import pytest
import torch
from typer import Typer
from typer.testing import CliRunner

from bench import lorenz96
from ldensf_core.analyses.score import euler_loop, published_map

COMMAND = Typer()
COMMAND.command()(lorenz96.main)


def run(*options):
    return CliRunner().invoke(COMMAND, ["--cycles", "200", *options])


def interpreter(tmp_path, text):
    """Stands for one that has DAPPER: says ``text``, if it is called with six arguments."""
    path = tmp_path / "python"
    path.write_text(f"#!{sys.executable}\nimport sys\nassert len(sys.argv) == 8\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_rmse_is_what_dapper_lists():
    """0.22, to which this mean of 4000 cycles comes within 0.003."""
    row = lorenz96.run(4000, 1, lorenz96.letkf())
    assert row["rmse"] == pytest.approx(lorenz96.LISTED, rel=0.1)
    assert row["error"] < 0.02 * row["rmse"]


def test_step_is_the_equations():
    """Against many small Euler steps of the equations written out, on the attractor."""
    x = 8.0 + torch.randn(40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for _ in range(200):
        x = lorenz96.step(x)
    small = x.tolist()
    for _ in range(2000):
        slopes = [
            (small[(i + 1) % 40] - small[i - 2]) * small[i - 1] - small[i] + 8.0 for i in range(40)
        ]
        small = [value + 0.05 / 2000 * slope for value, slope in zip(small, slopes, strict=True)]
    torch.testing.assert_close(
        lorenz96.step(x), torch.tensor(small, dtype=torch.float64), atol=2e-2, rtol=0
    )


def test_taper_is_dappers():
    """About e^-½ at ``loc_rad`` on either side of a variable, round the ring; 0 at 3.65 of it."""
    taper = lorenz96.taper(4.0)
    assert taper.diag().tolist() == [1.0] * 40
    assert taper[2, 38].item() == taper[2, 6].item() == pytest.approx(math.exp(-0.5), abs=0.03)
    assert taper[0, 14] > 0 == taper[0, 15]


def test_ensf_improves_on_no_assimilation():
    """With noise of 0.1; its gain, which does not look at the ensemble, is 0.01 for noise of 1."""
    generator = torch.Generator().manual_seed(3)
    rule = published_map(torch.full((40,), 0.1))
    truth = 8.0 + torch.randn(40, generator=generator)
    for _ in range(200):
        truth = lorenz96.step(truth)
    ensemble = truth + torch.randn(20, 40, generator=generator)
    free, errors = ensemble, []
    for _ in range(300):
        truth, ensemble, free = (lorenz96.step(x) for x in (truth, ensemble, free))
        y = truth + 0.1 * torch.randn(40, generator=generator)
        ensemble = rule.apply(ensemble, y, generator)
        errors.append([(e.mean(0) - truth).square().mean().sqrt() for e in (ensemble, free)])
    error, without = torch.tensor(errors)[100:].mean(0)
    assert error < 0.1 * without


def test_scaled_ensf_moves_members_by_its_gain_and_hardly_perturbs_them():
    """Against the Euler loop of 100 times the numbers, in units of the climate's deviation."""
    generator = torch.Generator().manual_seed(0)
    ensemble, y = torch.full((4000, 40), 2.0), 2.0 + torch.randn(40, generator=generator)
    after = lorenz96.scaled_ensf(0)(ensemble, y.double())
    scaled = 100 * (ensemble - 2.34) / 3.64, 100 * (y - 2.34) / 3.64
    loop = euler_loop(*scaled, torch.full((40,), 0.1), 100, 0.01, generator)
    loop = 2.34 + 3.64 * loop / 100
    off = (after - loop).mean(0)  # by the one draw of 0.1 on the observation, times the gain
    assert off.abs().max() < 4 * 0.367 * 0.00364 and off.std() > 0.5 * 0.367 * 0.00364
    torch.testing.assert_close(after.std(0), loop.std(0).double(), rtol=0.1, atol=0)


def test_the_listed_figure_stands_beside_ours():
    document = json.loads(run("--json").stdout)
    assert set(document) == {"rows", "environment"}
    ours, published, ensf, scaled, gain, listed = document["rows"]
    assert list(ours) == list(ensf) == list(listed)
    assert ours["rmse"] < gain["rmse"] < scaled["rmse"] < ensf["rmse"] < published["rmse"]
    assert published["rmse"] < 3.64  # less than the climate varies
    assert 0.15 < ours["rmse"] < 0.3 and listed["rmse"] == 0.22
    assert (ours["members"], ours["inflation"], ours["loc_rad"]) == (7, 1.04, 4.0)


def test_dapper_runs_in_its_own_interpreter(tmp_path):
    rows = [{"implementation": "DAPPER", "rmse": 0.21, "error": 0.01, "ms_per_cycle": 9.0}]
    python = interpreter(tmp_path, f"print('loading')\nprint({json.dumps(json.dumps(rows))})")
    head, *lines = run("--dapper-python", python, "--steps", "40").stdout.splitlines()
    assert head.split()[:4] == ["implementation", "rmse", "error", "ms_per_cycle"]
    assert [" ".join(line.split()[:-8]) for line in lines] == [
        "ldensf_core, LETKF",
        "ldensf_core, EnSF, 40 steps",
        "ldensf_core, EnSF, 100 steps, scaled by 100",
        "a gain of 0.2",
        "DAPPER",
    ]
    assert lines[-1].split()[1:4] == ["0.21", "0.01", "9"]


@pytest.mark.parametrize("text", ["raise SystemExit('no module named dapper')", None])
def test_an_interpreter_without_dapper_is_named(tmp_path, text):
    python = str(tmp_path / "none") if text is None else interpreter(tmp_path, text)
    result = run("--dapper-python", python)
    with pytest.raises(ValueError, match=r"DAPPER does not run with .*: .*[Nn]o "):
        raise result.exception
