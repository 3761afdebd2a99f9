import math
import re
from dataclasses import replace

import numpy as np
import pytest

from ldensf_app import facts, readout
from ldensf_app.colours import MARKERS, filter_colour, filter_marker
from ldensf_app.settings import Settings
from ldensf_app.snapshot import Record, Snapshot
from ldensf_app.view import View
from ldensf_core import FILTERS, SensorNetwork, get_benchmark
from ldensf_core.benchmarks import Benchmark


def text(html):
    """What one reads of it."""
    return re.sub("<[^>]+>", "", html)


def record(error=0.02, cycle=3.0, complete=True):
    parameters = np.array([[100.0, 200.0], [102.0, 204.0]])
    return Record(error, 0.01, cycle, math.nan, math.nan, 5.0, complete, parameters, (), None)


def snapshot(name, cycles, **times):
    truth = np.zeros((3, 150, 150), np.float32)
    return Snapshot(
        version=1,
        phase="paused",
        setup=Settings().setup(),
        device="one CPU core",
        true_parameters=np.array([101.0, 202.0]),
        index=cycles - 1,
        truth=truth,
        records=tuple({name: record(**times)} for _ in range(cycles)),
    )


@pytest.fixture
def view():
    return View(snapshot("ld-ensf", 5), snapshot("ensf", 2, cycle=3030.0))


@pytest.fixture
def benchmark_():
    return get_benchmark("tsunami")


def test_tiles_tell_step_error_and_ratio(view, benchmark_):
    html = readout.tiles(view, benchmark_)
    assert '<span class="counter">4</span><small> / 50</small>' in html
    assert f"model time: {benchmark_.times[4]:.2f} h" in html
    assert "2.0 %" in html and "at step 1, 3 behind" in html
    assert "1,010 ×" in html and "3.0 ms against 3.0 s, median, on one CPU core" in html


def test_only_cycles_with_forecast_and_analysis_are_compared():
    records = [record(cycle=c, complete=c == 3.0) for c in (1.0, 3.0, 1.0)]
    view = View(Snapshot(records=tuple({"ld-ensf": r} for r in records)), Snapshot())
    assert view.of("ld-ensf").median_ms("ld-ensf") == 3.0
    assert math.isnan(Snapshot(records=({"none": record(complete=False)},)).median_ms("none"))


def test_without_results_there_are_dashes_and_no_numbers(benchmark_):
    view = View(Snapshot(phase="loading", setup=Settings().setup()), Snapshot())
    html = readout.tiles(view, benchmark_)
    assert "loading" in html and "nan" not in html
    assert facts.parameters(view, benchmark_) == ""
    assert readout.lag(view) == ""


def test_a_filter_that_has_blown_up_is_told(benchmark_):
    html = readout.tiles(
        View(snapshot("ld-ensf", 5), snapshot("ensf", 2, error=math.nan)), benchmark_
    )
    assert html.count("Diverged: press Reset.") == 1 and "nan" not in html


def test_the_lead_is_the_full_space_filter_where_it_runs_alone():
    alone = View(Snapshot(phase="idle"), snapshot("ensf", 2))
    assert alone.lead.index == 1
    assert "EnSF" in readout.tiles(alone, get_benchmark("tsunami"))


def chosen(*filters):
    """Nothing computed yet, of these filters."""
    return View(
        Snapshot(phase="loading", setup=Settings(filters=list(filters)).setup()), Snapshot()
    )


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        (["none", "letkf", "latent-enkf"], ("latent-enkf", "letkf")),
        (["letkf", "ensf", "latent-etkf", "ld-ensf"], ("ld-ensf", "ensf")),
        (["letkf"], ("ld-ensf", "letkf")),
        (["none"], ("ld-ensf", "ensf")),
    ],
)
def test_the_first_of_each_kind_is_shown(filters, shown):
    assert chosen(*filters).shown == shown
    assert View(Snapshot(), Snapshot()).shown == ("ld-ensf", "ensf")


@pytest.mark.parametrize(
    ("filters", "tiles"),
    [
        (["ld-ensf", "latent-smoother", "ensf", "none"], 4),
        (["ld-ensf", "latent-etkf", "latent-enkf", "ensf", "letkf", "none"], 4),
        (["ld-ensf", "latent-smoother", "ensf", "letkf"], 4),
        (["ld-ensf", "latent-etkf", "latent-enkf", "none"], 4),
        (["ld-ensf", "none"], 2),
    ],
)
def test_four_filters_have_tiles_and_all_where_there_are_no_more(filters, tiles):
    found = chosen(*filters).in_tiles
    assert len(found) == tiles and set(found) <= set(filters)
    assert set(found) >= {"ld-ensf", *({"ensf", "none"} & set(filters))}
    assert found[0] == "ld-ensf" and ("none" not in found or found[-1] == "none")


def test_another_filter_takes_the_place_of_its_kind(benchmark_):
    setup = Settings(filters=["latent-etkf", "letkf"]).setup()
    latent, full_space = (
        replace(snapshot(name, n), setup=setup) for name, n in (("latent-etkf", 5), ("letkf", 2))
    )
    view = View(latent, full_space)
    assert readout.map_note(view, "mean", "letkf", None) == "at step 1, 3 behind"
    assert readout.map_note(view, "mean", "letkf", 1) == ""  # a cycle that was chosen
    assert readout.map_note(view, "mean", "latent-etkf", None) == ""
    html = readout.tiles(view, benchmark_)
    assert "latent ETKF</div>" in html and ">LETKF</div>" in html.replace("</i>", ">")
    assert "latent ETKF against full-space LETKF" in html and "1.0 ×" in html
    assert 'title="latent ETKF"' in facts.parameters(view, benchmark_)


def test_signs_are_markers_in_the_colour_of_their_filters():
    signs = {name: readout.sign(name, FILTERS) for name in FILTERS}
    assert len(set(signs.values())) == len(FILTERS)
    for name, sign in signs.items():
        assert f"--tint: {filter_colour(name)}" in sign
        assert text(sign) == readout.MARKERS[filter_marker(name)]
    assert set(MARKERS) <= set(readout.MARKERS)


def test_the_same_filter_with_other_members_has_another_sign_and_another_bar(benchmark_):
    labels = ("ld-ensf", "ld-ensf@5", "ld-ensf@50")
    setup = Settings(filters=["ld-ensf"], again=list(labels[1:])).setup()
    records = tuple(dict.fromkeys(labels, record()) for _ in range(3))
    view = View(replace(snapshot("ld-ensf", 3), setup=setup, records=records), Snapshot())
    of_race, of_parameters = facts.race(view, 4.0), facts.parameters(view, benchmark_)
    for html in (of_race, of_parameters, "".join(readout.sign(n, view.labels) for n in labels)):
        signs = re.findall(r'aria-hidden="true">(.)</i>', html)[:3]
        assert signs == [readout.MARKERS[filter_marker(n, labels)] for n in labels]
        assert len(set(signs)) == 3
    bars = re.findall(r"%; (background: [^\"]+)", of_race)
    assert bars[0] == f"background: {filter_colour('ld-ensf')}"
    assert len(set(bars)) == 3 and all("gradient" in bar for bar in bars[1:])
    tile = readout.tiles(view, benchmark_)
    assert readout.marked("ld-ensf@5", view.labels) in tile


def test_messages_are_escaped_and_said_once():
    failed = Snapshot(phase="failed", message="noise = <b>: allowed is 0 to 1")
    html = readout.status(View(failed, failed))
    assert html.count("allowed") == 1 and "&lt;b&gt;" in html and 'role="alert"' in html


def status(view):
    """The status line without its markup."""
    return text(readout.status(view))


def test_status_says_what_the_run_was_made_with(view):
    told = status(view)
    assert "100 sensors (grid) of u, v, η every 14 min · noise 0.10 std · missing 0%" in told
    assert "20 members" in told and "seed 7" in told and "rule" not in told and "from" not in told
    setup = Settings(options={"ld-ensf": {"rule": "published"}}).setup()
    told = status(View(replace(view.lead, setup=setup), Snapshot()))
    assert "LD-EnSF: rule published" in told and "hidden model error" not in told
    setup = Settings(model_error="deeper-water").setup()
    html = readout.status(View(replace(view.lead, setup=setup), Snapshot()))
    assert 'waves are 5 % faster.">hidden model error: <b>deeper water (+10 %)</b>' in html


def test_status_says_what_holds_now_and_since_when(view):
    sensors = SensorNetwork.random(get_benchmark("tsunami"), 4, seed=1)
    changes = (
        (2, {"noise": 0.4}),
        (2, {"members": 50}),
        (2, {"every": 2}),
        (3, {"sensors": sensors}),
        (3, {"variables": ["eta"]}),
        (4, {"assimilate": False}),
        (5, {"assimilate": True}),
    )
    networks = (*[SensorNetwork.grid(get_benchmark("tsunami"), 10, 10)] * 3, sensors, sensors)
    changed = View(replace(view.lead, changes=changes, networks=networks), Snapshot())
    told = status(changed)
    assert told.startswith("4 sensors (random) of η every 28 min · noise 0.40 std")
    assert "50 members" in told
    assert "from step 2 noise 0.4, members 50, every 2 · from step 3 4 sensors placed" in told
    assert "placed anew, measured eta · from step 4 assimilation off" in told
    assert told.endswith("from step 5 assimilation on")
    early = View(replace(changed.lead, index=1, networks=networks[:2]), Snapshot())
    assert status(early).startswith("100 sensors (grid) of u, v, η every 14 min · noise 0.10 std")
    by_hand = Settings(positions=[(1.0, 2.0)]).setup()
    assert status(View(replace(view.lead, setup=by_hand), Snapshot())).startswith("1 sensor (by")


def test_notices_are_told_below_the_settings(view):
    noticed = View(replace(view.lead, notice="noise = <2>: too loud"), Snapshot())
    html = readout.status(noticed)
    assert "100</b> sensors" in html
    assert '<div class="message" role="alert">noise = &lt;2&gt;: too loud</div>' in html


def test_the_race_tells_how_far_each_is_and_what_it_took(view):
    told = text(facts.race(view, 4.0))
    assert "LD-EnSF5 cycles in 0.01 s" in told  # of 3 ms each
    assert "EnSF2 cycles in 6.06 s, 12 × too slow" in told  # four a second were wanted
    at_most = text(facts.race(view, math.inf))  # as fast as the other
    assert "1,010 × too slow" in at_most
    lanes = re.findall(r"width: ([0-9.]+)%", facts.race(view, 4.0))
    assert [float(width) for width in lanes] == [8.0, 2.0]  # of 50 steps
    assert facts.race(View(Snapshot(), Snapshot()), 4.0) == ""
    first = View(snapshot("ld-ensf", 1), Snapshot())
    assert "LD-EnSF1 cycle in 0.00 s" in text(facts.race(first, 4.0))


@pytest.mark.parametrize(
    ("phase", "told"),
    [
        ("playing", "startingknown after the first cycle of both"),
        ("paused", "press Playknown after the first cycle of both"),
        ("failed", "–&nbsp;"),
    ],
)
def test_before_the_full_space_filter_has_run_a_cycle_the_ratio_is_announced(
    view, benchmark_, phase, told
):
    first = replace(snapshot("ensf", 1, complete=False), phase=phase)
    html = readout.tiles(View(view.lead, first), benchmark_)
    assert text(html).endswith(f"LD-EnSF against full-space EnSF{told}")


def test_while_members_spin_up_the_ratio_tells_how_long_it_takes():
    view = starting("atmosphere", latent="paused")
    spinning = replace(view.snapshots[1], spun_up=0.4, spin_up_s=8.0)
    told = text(readout.tiles(View(view.lead, spinning), get_benchmark("atmosphere")))
    assert told.endswith("startingspinning up: 40 %, 12 s left")


def test_a_map_of_the_truth_tells_its_sensors(view):
    counted = View(replace(view.lead, networks=(range(16), range(1))), Snapshot())
    assert readout.map_note(counted, "truth", "", 0) == "16 sensors"
    assert readout.map_note(counted, "truth", "", None) == "1 sensor"
    assert readout.map_note(view, "truth", "", None) == ""


def test_parameters_are_compared_with_the_truth(view, benchmark_):
    html = facts.parameters(view, benchmark_)
    told = text(html)
    assert "source x (km)truth 101" in told and "101.0 ± 1.0" in told
    assert "202.0 ± 2.0" in told


def starting(name, latent="loading", full_space="loading"):
    setup = Settings(benchmark=name).setup()
    truths = {"loading": None, "paused": np.zeros((1, 2, 2), np.float32)}
    return View(*(Snapshot(phase=p, setup=setup, truth=truths[p]) for p in (latent, full_space)))


def test_a_spin_up_is_told():
    told = status(starting("atmosphere"))
    assert told == "Spinning up the atmosphere: 252 h before the first snapshot"
    assert "Spinning up the Kolmogorov flow: 4 time units" in status(starting("kolmogorov"))
    assert "Spinning" not in status(starting("tsunami"))


def test_a_spin_up_of_the_full_space_filter_is_told_at_its_own_place():
    view = starting("atmosphere", latent="paused")
    assert "Spinning" not in status(view)
    assert readout.map_note(view, "mean", "ensf", None) == "spinning up 20 members"
    assert "spinning up 20 members" in readout.tiles(view, get_benchmark("atmosphere"))
    further = replace(view.snapshots[1], spun_up=0.4, spin_up_s=8.0)
    assert readout.waiting(View(view.lead, further)) == "spinning up: 40 %, 12 s left"
    latent = snapshot("ld-ensf", 3)
    ahead = View(replace(latent, setup=further.setup, phase="playing"), further)
    assert text(facts.race(ahead, 4.0)).endswith("EnSFspinning up: 40 %, 12 s left")
    html = readout.tiles(ahead, get_benchmark("atmosphere"))
    assert "starting" in html and "spinning up: 40 %, 12 s left" in html
    assert readout.waiting(starting("tsunami")) == ""
    assert readout.waiting(starting("atmosphere", full_space="paused")) == ""


def test_a_full_space_filter_in_an_earlier_run_is_told():
    setup, earlier = Settings().setup(), Settings(seed=3).setup()
    view = View(Snapshot(phase="paused", setup=setup), Snapshot(phase="loading", setup=earlier))
    assert readout.waiting(view) == "busy with an earlier run"


@pytest.mark.parametrize(
    ("name", "words"), [("kolmogorov", "every 0.2 "), ("atmosphere", "every 8 h ")]
)
def test_status_is_in_the_units_of_the_benchmark(name, words):
    assert words in status(starting(name, latent="paused"))


@pytest.mark.parametrize("name", ["tsunami", "kolmogorov", "atmosphere"])
def test_every_benchmark_has_its_line(name):
    benchmark = get_benchmark(name)
    assert benchmark.title in readout.story(benchmark)
    assert benchmark.story in readout.story(benchmark) and benchmark.story != Benchmark.story


def test_parameters_show_as_many_digits_as_their_prior_needs():
    assert facts.estimate(1.7234, 0.3, 3.0) == "1.72 ± 0.30"
    assert facts.estimate(18.234, 0.05, 29.9) == "18.23 ± 0.05"
    assert facts.estimate(1106.4, 80.0, 1000.0) == "1106 ± 80"


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.0123, "1.2 %"), (0.456, "46 %"), (12.0, "1,200 %"), (math.nan, "–")]
)
def test_percent(fraction, text):
    assert readout.percent(fraction) == text


@pytest.mark.parametrize(
    ("time", "text"),
    [(0.123, "0.12 ms"), (4.56, "4.6 ms"), (45.6, "46 ms"), (1234.0, "1.2 s"), (math.nan, "–")],
)
def test_milliseconds(time, text):
    assert readout.milliseconds(time) == text
