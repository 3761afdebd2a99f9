import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

from ldensf_app.as_python import as_python
from ldensf_app.labels import name_of
from ldensf_app.presets import FOLDER, presets, read
from ldensf_app.scenario import Scenario
from ldensf_core import FILTERS, list_benchmarks

ROOT = Path(__file__).parents[2]
VALID = {
    "title": "A title",
    "sentence": "Look here.",
    "moment": 5,
    "note": "It happens.",
    "scenario": {"noise": 0.2},
}


def test_presets_show_much_and_each_says_what():
    found = presets()
    assert len(found) >= 9
    assert {p.scenario.benchmark for p in found.values()} == set(list_benchmarks())
    assert len({p.title for p in found.values()}) == len(found)
    for preset in found.values():
        assert preset.sentence.endswith((".", "?")) and preset.note.endswith(".")
        assert preset.scenario != Scenario()


def test_presets_come_in_the_order_of_their_numbers():
    numbers = [path.name.partition("-")[0] for path in sorted(FOLDER.glob("*.yml"))]
    assert numbers == [f"{n:02}" for n in range(1, len(numbers) + 1)]
    assert list(presets()) == [path.stem[3:] for path in sorted(FOLDER.glob("*.yml"))]


def test_presets_are_installed():
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    installed = {p for glob in data["package-data"]["ldensf_app"] for p in FOLDER.parent.glob(glob)}
    assert set(FOLDER.iterdir()) <= installed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (yaml.safe_dump(VALID | {"scenario": {"noise": 0.7}}), "scenario: noise = 0.7: allowed is"),
        (yaml.safe_dump(VALID | {"moment": 51}), "moment = 51: allowed is 0 to 50"),
        (yaml.safe_dump(VALID | {"title": ""}), "title = '': String should have at least 1"),
        (yaml.safe_dump(VALID | {"colour": "red"}), "colour = 'red': there is no such entry"),
        (yaml.safe_dump({"title": "A title"}), "scenario: this entry is missing"),
        (yaml.safe_dump(VALID | {"scenario": {1: 2}}), "values by name are needed"),
        (yaml.safe_dump(VALID | {"scenario": [1]}), "values by name are needed"),
        ("- a list", "values by name are needed"),
        ("", "values by name are needed"),
        ("title: [", "expected"),
    ],
)
def test_a_faulty_file_is_named(tmp_path, text, message):
    (tmp_path / "01-good.yml").write_text(yaml.safe_dump(VALID))
    (tmp_path / "02-faulty.yml").write_text(text)
    with pytest.raises(ValueError, match=f"preset 02-faulty.yml: (.|\n)*{re.escape(message)}"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [("gauge.yml", "begins with a number"), ("02-good.yml", "there is another preset 'good'")],
)
def test_a_faulty_name_is_told(tmp_path, name, message):
    (tmp_path / "01-good.yml").write_text(yaml.safe_dump(VALID))
    (tmp_path / name).write_text(yaml.safe_dump(VALID))
    with pytest.raises(ValueError, match=f"preset {name}: .*{message}"):
        read(tmp_path)


# -- what they say is true ---------------------------------------------------------------------


@cache
def followed(name):
    """A preset's run with its latent filters that correct."""
    scenario = presets()[name].scenario
    kinds = {label: FILTERS[name_of(label)] for label in scenario.filters}
    latent = [label for label, of in kinds.items() if of.kind == "latent" and of.corrects]
    script = as_python(Scenario(**scenario.model_dump() | {"filters": latent}))
    names = {}
    exec(script.replace("benchmark,\n", 'benchmark,\n    device="cpu",\n', 1), names)
    return names["result"]


def late(name, label, what="rel_rmse"):
    """Mean of a score over the last quarter."""
    series = followed(name)[what].sel(filter=label)
    return float(series[-(len(series) // 4) :].mean())


@pytest.mark.parametrize("name", ["one-gauge", "all-in-one-bay"])
def test_few_sensors_or_strange_ones_are_enough_for_the_smoother_alone(name):
    assert late(name, "latent-smoother") < 0.1
    assert late(name, "ld-ensf") > 0.3
    assert late(name, "ld-ensf", "rel_spread") < 0.3 * late(name, "ld-ensf")
    moment = presets()[name].moment
    error = followed(name).rel_rmse.sel(filter="latent-smoother")
    assert error[moment] < 0.1 and error[: moment - 4].min() > 0.3


def test_the_smoother_keeps_what_sensors_told_it_that_fail():
    error, moment = followed("sensors-fail").rel_rmse, presets()["sensors-fail"].moment
    before, after = error[:, :moment], error[:, moment:]
    assert after.sel(filter="ld-ensf").max() > 4 * before.sel(filter="ld-ensf").mean()
    assert error.sel(filter="ld-ensf")[moment] > 3 * error.sel(filter="ld-ensf")[moment - 1]
    assert after.sel(filter="latent-smoother").max() < 0.025


def test_latent_filters_weather_a_storm():
    assert followed("noise-storm").rel_rmse.max() < 0.03


def test_five_members_are_enough_for_the_score_filter_and_not_for_the_etkf():
    assert late("five-members", "ld-ensf@5") < 1.3 * late("five-members", "ld-ensf")
    assert late("five-members", "latent-etkf@5") > 5 * late("five-members", "latent-etkf")


def test_the_smoother_tells_that_the_model_is_wrong():
    flags = followed("wrong-model").disagrees.sel(filter="latent-smoother")
    moment = presets()["wrong-model"].moment
    assert flags[moment] == 1 and not flags[:moment].any()
    assert followed("wrong-model").rel_rmse.sel(filter="latent-smoother")[moment] < 0.1
    assert late("wrong-model", "latent-smoother") > 0.5


def test_currents_follow_from_heights_for_the_smoother():
    assert late("heights-alone", "latent-smoother") < 0.02
    error = followed("heights-alone").rel_rmse.sel(filter="ld-ensf")
    assert error[presets()["heights-alone"].moment] > 0.2 and error[:6].max() < 0.1
    observed = followed("heights-alone")
    assert observed.eta_observed.notnull().any() and observed.u_observed.isnull().all()


def test_what_is_known_lasts_without_observations():
    error, moment = followed("blind").rel_rmse, presets()["blind"].moment
    for label in ("ld-ensf", "latent-smoother"):
        assert error.sel(filter=label)[10:moment].max() < 0.02
    assert error.sel(filter="ld-ensf")[moment] > 0.5
    assert error.sel(filter="latent-smoother")[moment:].max() < 0.02
