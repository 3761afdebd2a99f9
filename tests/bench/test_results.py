"""The page of scores, from sweeps of known numbers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from bench import results
from ldensf_core.device import environment
from ldensf_core.filters import FILTERS
from ldensf_core.verification import archive
from report import command, page, score_figures, sweeps
from report.style import mark

DOCS = Path(__file__).parents[2] / "docs"
DEFAULT = {
    "sensors": [100],
    "layout": ["grid"],
    "variables": ["all"],
    "noise": [0.1],
    "every": [1],
    "members": [20],
}
ATTRIBUTES = {
    "benchmark": "tsunami",
    "seed": 0,
    "missing": 0.0,
    "split": "test",
    "options": "{}",
    "weights": "abc",
    "command": "ldensf verify --output /somewhere/else/scores.nc",
    "environment": json.dumps(environment()),
}


def sweep(tsunami, path, errors, truths=2, attributes=ATTRIBUTES, **over):
    """A file in which filter ``name`` has the error ``errors[name] · (1 + truth)``, and so on."""
    axes = {"filter": list(errors), "truth": range(truths), **DEFAULT, **over}
    scores = archive.blank(tsunami, axes, attributes)
    error = xr.DataArray(list(errors.values()), dims="filter") * (1 + scores["truth"])
    for name, value in {
        "rel_rmse": error,
        "crps": error / 2,
        "square_error": error**2,
        "variance": error**2 * 20 / 21,
        "coverage90": xr.full_like(error, 0.8),
        "parameter_error": error / 10,
        "forecast_ms": 100 * error.fillna(1.0),
        "analysis_ms": 1000 * error.fillna(1.0),
        "decode_ms": xr.full_like(error, 7.0),
        "rank_histogram": xr.full_like(error, 1 / 21),
    }.items():
        scores[name] = (value + 0 * scores[name].fillna(0)).transpose(*scores[name].dims)
    scores["device"][:] = "cpu"
    return written(scores, path)


def written(scores, path):
    scores.to_netcdf(path, engine="h5netcdf")
    return path


def without(path, **at):
    """The file, as if something had not been run."""
    with xr.open_dataset(path, engine="h5netcdf") as file:
        scores = file.load()
    scores["device"].loc[at] = ""
    for name in (*archive.SCORES, "rank_histogram"):
        scores[name].loc[at] = np.nan
    return written(scores, path)


@pytest.fixture
def docs(tmp_path):
    """The page as it is shipped, whatever stands in it."""
    (tmp_path / "docs").mkdir()
    shutil.copy(DOCS / "results.md", tmp_path / "docs")
    return tmp_path / "docs"


def between(docs, name):
    text = (docs / "results.md").read_text()
    return text.split(f"<!-- begin {name} -->")[1].split(f"<!-- end {name} -->")[0].strip()


def test_table_of_the_default_setting(tsunami, tmp_path, docs):
    file = sweep(tsunami, tmp_path / "a.nc", {"letkf": 0.02, "ld-ensf": 0.04})
    results.main([file], output=docs)
    # Mean over truths 1.5 times the first, and quartiles of 1 and 2 at 1.25 and 1.75. Of equal
    # spread over error, 1 to rounding, both are best; of coverage, too.
    assert between(docs, "default").splitlines()[6:] == [
        "**Tsunami in a closed basin**, 100 sensors on a grid, noise 0.1, every snapshot observed, "
        "20 members",
        "",
        "| filter | truths | relative RMSE | last quarter | its quartiles over truths | CRPS "
        "| spread over error | covered (0.81) | error of the parameters |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| LD-EnSF | 2 | 0.0600 | 0.0600 | 0.0500 to 0.0700 | 0.0300 "
        "| **1.00** | **0.800** | 0.00600 |",
        "| LETKF (full space) | 2 | **0.0300** | **0.0300** | 0.0250 to 0.0350 | **0.0150** "
        "| **1.00** | **0.800** | **0.00300** |",
        "",
        "Not run: latent smoother, latent ETKF, latent EnKF, encoder alone, EnSF (full space), "
        "EnSF inpainting (full space), Latent-EnSF (full space), no assimilation.",
    ]
    assert between(docs, "seconds") == ""


def test_the_encoder_and_the_smoother_have_rows(tsunami, tmp_path, docs):
    errors = {"ld-ensf": 0.3, "latent-smoother": 0.1, "encoder": 0.2}
    results.main([sweep(tsunami, tmp_path / "scores.nc", errors)], output=docs)
    rows = [line for line in between(docs, "default").splitlines() if line.startswith("| ")][2:]
    titles = [FILTERS[name].title for name in errors]
    assert len(rows) == 3
    assert all(row.startswith(f"| {title}") for row, title in zip(rows, titles, strict=True))
    assert [row.split("|")[3].strip(" *") for row in rows] == ["0.450", "0.150", "0.300"]


def timed(path, cycles, members=20):
    """A file in which a cycle takes ``cycles[name]`` ms, a quarter of them for the forecast."""
    rows = [
        {
            "benchmark": "tsunami",
            "implementation": name,
            "members": members,
            "device": "cpu",
            "cycle_ms": cycle,
            "cycle_ms_10": cycle,
            "cycle_ms_90": cycle,
            "forecast_ms": cycle / 4,
            "analysis_ms": cycle,
            "limit_ms": None,
        }
        for name, cycle in cycles.items()
    ]
    path.write_text(json.dumps({"rows": rows, "environment": environment()}))
    return path


def test_table_of_times(tsunami, tmp_path, docs):
    file = sweep(tsunami, tmp_path / "a.nc", {"letkf": 0.02})
    cycles = {"full-space-ensf": 40.0, "none": 0.04, "this": 0.4, "published-loop": 8.0}
    times = timed(tmp_path / "t.json", cycles), timed(tmp_path / "u.json", {"this": 1.0}, 1000)
    results.main([file], list(times), docs)
    assert between(docs, "seconds").splitlines()[4:] == [
        "**Tsunami in a closed basin**, cpu, 20 members",
        "",
        "| filter | forecast, ms | analysis, ms | cycle, ms |",
        "| --- | --- | --- | --- |",
        "| LD-EnSF | **0.100** | **0.400** | **0.400** |",
        "| EnSF (full space) | 10.0 | 40.0 | 40.0 |",
        "| no assimilation | 0.0100 | 0.0400 | 0.0400 |",
    ]
    assert "--results a.nc --times t.json u.json --output docs`" in between(docs, "runs")


def test_departures_and_what_was_not_run(tsunami, tmp_path, docs):
    errors = {"ld-ensf": 0.04, "ensf": 0.5}
    file = sweep(tsunami, tmp_path / "a.nc", errors, noise=[0.3, 0.1, 1.0])
    without(file, filter="ensf", noise=0.3)
    without(file, filter="ensf", noise=1.0, truth=1)
    results.main([file], output=docs)
    assert between(docs, "noise").splitlines()[-8:] == [
        "**Tsunami in a closed basin**, 100 sensors on a grid, every snapshot observed, "
        "20 members, 1 truth",
        "",
        "| filter | noise 0.1 | noise 0.3 | noise 1 |",
        "| --- | --- | --- | --- |",
        "| LD-EnSF | **0.0400** | 0.0400 | **0.0400** |",
        "| EnSF (full space) | 0.500 | – | 0.500 |",
        "",
        "– was not run.",
    ]
    for name in ("sensors", "every", "members"):
        assert between(docs, name) == ""
    figure = score_figures.error_along(list(sweeps.load([file]).values()), "noise")
    drawn = {c.get_label(): c.lines[0].get_ydata() for c in figure.axes[0].containers}
    np.testing.assert_allclose(drawn["EnSF (full space)"], [0.5, np.nan, 0.5])


def test_runs_without_a_truth_in_common_are_not_compared(tsunami, tmp_path, docs):
    file = sweep(tsunami, tmp_path / "a.nc", {"ld-ensf": 0.04}, noise=[0.1, 0.3])
    without(file, noise=0.1, truth=0)
    without(file, noise=0.3, truth=1)
    results.main([file], output=docs)
    assert between(docs, "noise") == "" and not (docs / "images" / "error-noise.png").exists()


def test_layouts_stand_beside_each_other(tsunami, tmp_path, docs):
    file = sweep(
        tsunami, tmp_path / "a.nc", {"ld-ensf": 0.04}, sensors=[25, 100], layout=["grid", "random"]
    )
    without(file, sensors=25, layout="random")
    results.main([file], output=docs)
    head = "| filter | sensors 25, grid | sensors 100, grid | sensors 100, random |"
    assert head in between(docs, "sensors")


def test_a_filter_that_blew_up_is_told(tsunami, tmp_path, docs):
    errors = {"ld-ensf": 0.04, "latent-etkf": 0.05, "letkf": np.nan}
    results.main([sweep(tsunami, tmp_path / "a.nc", errors)], output=docs)
    line = between(docs, "default").splitlines()[-3]
    assert line.startswith("| LETKF (full space) | 2 | not finite | not finite |")
    assert "| LD-EnSF | 2 | **0.0600** |" in between(docs, "default")


def test_page_says_how_it_was_made(tsunami, tmp_path, docs):
    results.main([sweep(tsunami, tmp_path / "a.nc", {"ld-ensf": 0.04})], output=docs)
    made = between(docs, "runs")
    assert "`python bench/results.py --results a.nc --output docs`" in made
    assert "\n    ldensf verify --output scores.nc\n" in made
    assert f"torch {environment()['torch']}" in made and "weights abc" in made
    assert str(tmp_path) not in (docs / "results.md").read_text()


def test_text_outside_of_the_markers_is_kept(tsunami, tmp_path, docs):
    target = docs / "results.md"
    shipped = target.read_text()
    target.write_text(shipped + "\nWhat else there is to say.\n")
    file = sweep(tsunami, tmp_path / "a.nc", {"ld-ensf": 0.04, "none": 1.0}, members=[10, 20])
    results.main([file], output=docs)
    once = target.read_text()
    assert once.startswith(shipped.split("<!-- begin")[0])
    assert once.endswith("\nWhat else there is to say.\n")
    results.main([file], output=docs)
    assert target.read_text() == once
    assert (docs / "images" / "error-members.png").exists()
    other = sweep(tsunami, tmp_path / "b.nc", {"ld-ensf": 0.04}, members=[10])
    results.main([other], output=docs)  # without any of the sections
    assert between(docs, "default") == between(docs, "members") == ""
    assert list((docs / "images").iterdir()) == []


def test_figures_are_pictures(tsunami, tmp_path, docs):
    errors = dict.fromkeys(FILTERS, 0.1) | {"none": 1.0}
    file = sweep(tsunami, tmp_path / "a.nc", errors, noise=[0.1, 0.3])
    results.main([file], [timed(tmp_path / "t.json", {"this": 0.4, "letkf": 20.0})], docs)
    found = sorted((docs / "images").iterdir())
    names = ["cycle-seconds", "error-noise", "error-time", "rank-histograms"]
    assert [path.stem for path in found] == names
    for path in found:
        assert 5_000 < path.stat().st_size < 100_000
        with Image.open(path) as image:
            assert image.format == "PNG" and min(image.size) > 150
            assert len(np.unique(np.asarray(image.convert("L")))) > 20


def test_every_filter_has_marks_of_its_own():
    assert len(set(map(mark, FILTERS))) == len(FILTERS)


# -- files ----------------------------------------------------------------------------------


def test_files_of_one_benchmark_are_put_together(tsunami, tmp_path):
    apart = [
        sweep(tsunami, tmp_path / "a.nc", {"none": 1.0}),
        sweep(tsunami, tmp_path / "b.nc", {"latent-etkf": 0.05}, noise=[0.1, 0.3], truths=3),
    ]
    found = sweeps.load(apart)["tsunami"]
    assert found.filters == ["latent-etkf", "none"] and len(found.made) == 2
    assert found.values("noise") == [0.1, 0.3]
    assert found.run("none", noise=0.3) is None
    assert found.run("none").row["truths"] == 2 and found.run("latent-etkf").row["truths"] == 3
    np.testing.assert_allclose(found.run("latent-etkf").final, [0.05, 0.1, 0.15])


def test_files_from_before_variables_were_chosen_are_shown(tsunami, tmp_path):
    """As runs that measured all of them, beside new ones."""
    old = sweep(tsunami, tmp_path / "a.nc", {"none": 1.0})
    with xr.open_dataset(old, engine="h5netcdf") as file:
        scores = file.load().isel(variables=0, drop=True)
    new = sweep(tsunami, tmp_path / "b.nc", {"ld-ensf": 0.05}, variables=["all", "eta"])
    found = sweeps.load([written(scores, old), new])["tsunami"]
    assert found.run("none").row["variables"] == found.run("ld-ensf").row["variables"] == "all"
    np.testing.assert_allclose(found.run("none").final, [1.0, 2.0])
    assert found.run("none", variables="eta") is None
    assert found.run("ld-ensf", variables="eta").row["truths"] == 2


@pytest.mark.parametrize(
    "change, message",
    [
        ({}, "b.nc holds runs that another file holds too"),
        ({"seed": 1}, "b.nc and another .*: runs with seed = 0 and with 1 cannot"),
    ],
)
def test_files_that_do_not_go_together_are_named(tsunami, tmp_path, change, message):
    files = [
        sweep(tsunami, tmp_path / "a.nc", {"none": 1.0}),
        sweep(tsunami, tmp_path / "b.nc", {"none": 1.0}, attributes=ATTRIBUTES | change),
    ]
    with pytest.raises(ValueError, match=message):
        sweeps.load(files)


@pytest.mark.parametrize(
    "name, message",
    [
        ("nowhere.nc", "nowhere.nc: there is no such file"),
        ("notes.txt", "notes.txt is no file of a sweep"),
        ("other.nc", "other.nc is no file of a sweep"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, docs, monkeypatch, capsys, name, message):
    (tmp_path / "notes.txt").write_text("notes")
    written(xr.Dataset({"x": 1}), tmp_path / "other.nc")
    before = (docs / "results.md").read_text()
    arguments = ["results.py", "--results", str(tmp_path / name), "--output", str(docs)]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit, match="2"):
        command.run(results.main, several=["--results"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("results.py: ") and message in line
    assert (docs / "results.md").read_text() == before


def test_a_page_without_markers_is_left_alone(tmp_path):
    target = tmp_path / "page.md"
    target.write_text("<!-- begin a -->\n<!-- end a -->\n")
    for name in ("b", "a"):
        target.write_text(target.read_text() * (2 if name == "a" else 1))
        before = target.read_text()
        with pytest.raises(ValueError, match=f"needs the markers <!-- begin {name} -->"):
            page.fill(target, {name: "text"})
        assert target.read_text() == before


def test_a_pattern_may_follow_an_option():
    given = ["--results", "a", "b", "--output", "docs", "--results", "c"]
    found = command.one_by_one(given, ["--results"])
    assert found == "--results a --results b --output docs --results c".split()
    assert command.one_by_one(["--output", "a", "b"], ["--results"]) == ["--output", "a", "b"]


@pytest.mark.parametrize(
    "value, written",
    [(None, "–"), (np.nan, "not finite"), (0.01234, "0.0123"), (2.0, "2.00"), (2e5, "200,000"),
     (99.96, "100"), (3e9, "3.0e+09")],
)  # fmt: skip
def test_numbers_have_three_digits(value, written):
    assert page.number(value) == written
