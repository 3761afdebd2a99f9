import pytest

from app.settings import FILTERS, Settings, Setup
from ldensf_core import FILTERS as LIBRARY_FILTERS
from ldensf_core import get_benchmark


def test_defaults_are_the_scene_that_teaches_untouched():
    setup = Settings().setup()
    assert setup == Setup(
        benchmark="tsunami",
        filters=("ld-ensf", "ensf", "none"),
        sensors=100,
        layout="grid",
        every=1,
        noise=0.1,
        missing=0.0,
        members=20,
        full_space_members=20,
        rule="gaussian",
        seed=7,
    )


def test_every_filter_of_the_library_can_be_chosen():
    assert set(FILTERS) == set(LIBRARY_FILTERS)


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
        ("rule", "exact"),
        ("benchmark", "avalanche"),
        ("filters", ["kalman"]),
    ],
)
def test_settings_out_of_bounds_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        Settings(**{name: value})


def test_every_setting_explains_itself():
    for field in Setup.__dataclass_fields__:
        parameter = Settings.param[field]
        assert parameter.label and len(parameter.doc) > 20


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
    experiment = settings.setup().experiment(("ensf",))
    assert experiment.filters == ("ensf",)
    assert len(experiment.sensors) == 25 and experiment.sensors.layout == "random"
    assert (experiment.noise, experiment.every) == (0.2, 3)
    assert experiment.full_space_members == 2


def test_snapshot_minutes():
    times = get_benchmark("tsunami").times
    assert Settings().snapshot_minutes() == pytest.approx(60 * times[1])
