import numpy as np
import panel_material_ui as pmui
import pytest

from ldensf_app import units
from ldensf_app.settings import Settings, sensor_choices
from ldensf_app.setup import Setup, usual_options
from ldensf_core import FILTERS, SensorNetwork, get_benchmark, list_benchmarks
from ldensf_core.filters.options import options_of
from ldensf_core.observations import LAYOUTS


def test_defaults_are_the_scene_that_teaches_untouched():
    setup = Settings(device="cpu").setup()
    assert setup == Setup(
        benchmark="tsunami",
        filters=("ld-ensf", "latent-smoother", "ensf", "none"),
        model_error="none",
        sensors=100,
        layout="grid",
        positions=(),
        variables=("u", "v", "eta"),
        every=1,
        noise=0.1,
        missing=0.0,
        members=20,
        full_space_members=20,
        options=(),
        seed=7,
        device="cpu",
    )


def test_every_filter_of_the_library_can_be_chosen():
    settings = Settings()
    assert list(settings.param.filters.objects) == list(FILTERS)
    explained = settings.param.filters.doc
    assert all(of.title in explained and of.sentence in explained for of in FILTERS.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("noise", 0.51),
        ("noise", -0.01),
        ("missing", 1.0),
        ("every", 0),
        ("every", 11),
        ("sensors", 99),
        ("members", 1),
        ("full_space_members", 1000),
        ("seed", -1),
        ("layout", "hexagonal"),
        ("benchmark", "avalanche"),
        ("model_error", "stronger-drag"),
        ("filters", ["kalman"]),
    ],
)
def test_settings_out_of_bounds_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ld-ensf": {"rule": "exact"}}, "rule of 'ld-ensf' = 'exact': there are gaussian"),
        ({"letkf": {"radius": -1.0}}, "radius of 'letkf' = -1.0: allowed is 0"),
        ({"letkf": {"width": 1.0}}, "allowed are inflation, radius"),
        ({"kalman": {}}, "filter 'kalman' is unknown"),
    ],
)
def test_options_out_of_bounds_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Settings(options=options)


def test_options_of_chosen_filters_count_where_they_are_other_than_usual():
    settings = Settings(filters=["ld-ensf", "letkf"])
    usual = usual_options("letkf", "tsunami")
    assert usual == options_defaults("letkf") | get_benchmark("tsunami").tuning["letkf"]
    settings.options = {"letkf": usual, "ensf": {"steps": 7}, "ld-ensf": {"rule": "published"}}
    setup = settings.setup()
    assert setup.options == (("ld-ensf", "rule", "published"),)
    assert Settings().setup().changes(setup) == ["filters", "options"]
    assert hash(setup)
    settings.benchmark = "atmosphere"
    assert settings.setup().options == ()


def options_defaults(name):
    return {option: of.default for option, of in options_of(FILTERS[name]).items()}


def test_a_setup_gives_its_options_to_the_experiment():
    options = {"letkf": {"radius": 123.0}, "ld-ensf": {"rule": "published"}}
    setup = Settings(filters=["letkf", "ld-ensf"], options=options).setup()
    full_space, latent = (
        setup.experiment(kind).settings["options"] for kind in ("full space", "latent")
    )
    assert full_space["letkf"]["radius"] == 123.0 and latent["ld-ensf"]["rule"] == "published"


@pytest.mark.parametrize("benchmark", ["tsunami", "atmosphere"])
def test_every_layout_of_the_library_can_be_chosen_and_is_explained(benchmark):
    settings = Settings(benchmark=benchmark)
    assert list(settings.param.layout.objects) == list(LAYOUTS)
    for layout in LAYOUTS:
        assert layout in settings.param.layout.doc
        settings.layout = layout
        sensors = settings.setup().experiment("full space").sensors
        expected = SensorNetwork.place(get_benchmark(benchmark), len(sensors), layout, seed=7)
        assert sensors == expected


def test_every_setting_explains_itself():
    for field in Setup.__dataclass_fields__:
        parameter = Settings.param[field]
        assert parameter.label and len(parameter.doc) > 15


def test_a_setup_is_a_copy():
    settings = Settings()
    setup = settings.setup()
    settings.noise = 0.3
    assert setup.noise == 0.1
    assert setup.changes(settings.setup()) == ["noise"]
    assert setup.changes(setup) == []


def test_filters_keep_their_order_whatever_was_clicked_first():
    assert Settings(filters=["none", "ld-ensf"]).setup().filters == ("ld-ensf", "none")


def test_a_setup_makes_its_experiment():
    settings = Settings(sensors=25, layout="random", noise=0.2, every=3, full_space_members=2)
    experiment = settings.setup().experiment("full space")
    assert list(experiment.filters) == ["ensf"]
    assert len(experiment.sensors) == 25 and experiment.sensors.layout == "random"
    assert (experiment.noise, experiment.every) == (0.2, 3)
    assert experiment.full_space_members == 2


@pytest.mark.parametrize("name", list_benchmarks())
def test_every_number_of_sensors_fills_a_grid_of_the_domain(name):
    benchmark = get_benchmark(name)
    for n in sensor_choices(benchmark):
        positions = SensorNetwork.place(benchmark, n, "grid").positions
        columns, rows = (len(np.unique(positions[:, i])) for i in (0, 1))
        assert columns * rows == n
        assert columns / rows == pytest.approx(units.aspect(benchmark))


@pytest.mark.parametrize(
    ("name", "n"), [("tsunami", 100), ("kolmogorov", 100), ("atmosphere", 512)]
)
def test_sensors_by_default(name, n):
    assert Settings(benchmark=name).sensors == n


def test_another_benchmark_brings_its_own_choices():
    settings = Settings(every=3, noise=0.2, members=50)
    seen = []
    settings.param.watch(lambda event: seen.append(event.new), "sensors")
    settings.benchmark = "atmosphere"
    assert {128, 200, 288, 512, 800, 1152, 2048} <= set(settings.param.sensors.objects)
    assert "16 h (2 snapshots)" in settings.param.every.names
    assert (settings.sensors, settings.every) == (512, 1)
    assert (settings.noise, settings.members) == (0.2, 50)
    settings.benchmark = "kolmogorov"
    assert (settings.sensors, settings.every) == (100, 1)
    assert "0.4 (2 snapshots)" in settings.param.every.names
    assert seen == [512, 100]


def test_a_slider_takes_no_number_in_between():
    settings = Settings()
    slider = pmui.DiscreteSlider.from_param(settings.param.sensors)
    seen = []
    settings.param.watch(lambda event: seen.append(event.new), "sensors")
    settings.benchmark = "atmosphere"
    assert seen == [512] and slider.value == 512
    assert list(slider.options.values()) == sensor_choices(get_benchmark("atmosphere"))


def test_model_errors_are_those_of_the_benchmark():
    settings = Settings(model_error="deeper-water")
    select = pmui.Select.from_param(settings.param.model_error)
    seen = []
    settings.param.watch(lambda event: seen.append(event.new), "model_error")
    for name in ("kolmogorov", "tsunami"):
        errors = get_benchmark(name).model_errors
        settings.benchmark = name
        assert select.options == {"none": "none"} | {e.title: n for n, e in errors.items()}
        assert next(iter(select.options)) == "none"
        assert settings.model_error == select.value == "none"
    assert seen == ["none"]
    select.value = "two-sources"
    assert settings.setup().model_error == "two-sources"
    assert Settings().setup().changes(settings.setup()) == ["model_error"]


@pytest.mark.parametrize("kind", ["latent", "full space"])
def test_a_setup_makes_its_truth_by_other_physics(kind):
    setup = Settings(model_error="deeper-water", full_space_members=2).setup()
    experiment = setup.experiment(kind)
    tsunami = get_benchmark("tsunami")
    assert experiment.truth_benchmark is tsunami.with_error("deeper-water")
    assert experiment.benchmark is tsunami and experiment.sensors.benchmark is tsunami


def test_settings_of_another_benchmark_can_be_given():
    setup = Settings(sensors=800, benchmark="atmosphere", model_error="more-diffusion").setup()
    assert (setup.sensors, setup.model_error) == (800, "more-diffusion")
    with pytest.raises(ValueError, match="sensors"):
        Settings(benchmark="atmosphere", sensors=100)


def test_sensors_by_hand_stay_until_another_number_or_layout_is_chosen():
    places = [(100.0, 200.0), (300.0, 400.0)]
    settings = Settings(positions=places, sensors=16, layout="random")
    assert settings.setup().positions == tuple(places)
    assert settings.setup().network.positions.tolist() == [[100, 200], [300, 400]]
    settings.param.update(sensors=25, positions=places)  # given together
    assert settings.positions == places
    settings.noise = 0.3
    assert settings.positions == places
    settings.sensors = 49
    assert settings.positions == [] and len(settings.setup().network) == 49
    for other in ({"layout": "grid"}, {"benchmark": "kolmogorov"}):
        settings = Settings(positions=places, layout="random")
        settings.param.update(**other)
        assert settings.positions == []


def test_measured_variables_are_those_of_the_benchmark():
    settings = Settings(variables=["eta"])
    assert settings.setup().experiment("full space").conditions(0).variables == ("eta",)
    settings.benchmark = "kolmogorov"
    assert settings.setup().variables == ("u", "v")
    assert list(settings.param.variables.objects) == ["u", "v"]
    with pytest.raises(ValueError, match="variables"):
        Settings(benchmark="kolmogorov", variables=["eta"])


def test_the_first_latent_filter_runs_once_more_with_members_of_its_own():
    settings = Settings(filters=["ld-ensf", "ensf"], second=5, members=10)
    setup = settings.setup()
    assert setup.filters == ("ld-ensf", "ld-ensf@5", "ensf")
    experiment = setup.experiment("latent")
    first, again = experiment.filters["ld-ensf"], experiment.filters["ld-ensf@5"]
    assert first.kind is again.kind and (first.members, again.members) == (None, 5)
    settings.options = {"ld-ensf": {"rule": "published"}}
    assert [name for name, *_ in settings.setup().options] == ["ld-ensf", "ld-ensf@5"]
    settings.filters = ["ensf"]
    assert settings.setup().filters == ("ensf",)  # there is none to run once more


def test_what_changes_live_is_told_in_arguments_of_the_twin():
    settings = Settings(sensors=16)
    before = settings.setup()
    assert before.live_changes(before) == {}
    settings.param.update(noise=0.3, members=50, variables=["eta"], seed=3)
    changes = settings.setup().live_changes(before)
    assert changes == {"noise": 0.3, "members": 50, "variables": ["eta"]}  # not the seed
    settings.layout = "random"
    placed = settings.setup().live_changes(before)["sensors"]
    assert placed == SensorNetwork.random(get_benchmark("tsunami"), 16, seed=3)
    settings.positions = [(1.0, 2.0)]
    assert settings.setup().live_changes(before)["sensors"].positions.tolist() == [[1, 2]]
    settings.positions = [(-1.0, 2.0)]
    with pytest.raises(ValueError, match="-1"):
        settings.setup().live_changes(before)
