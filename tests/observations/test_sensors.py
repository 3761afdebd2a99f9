import copy
import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Atmosphere, Tsunami, get_benchmark
from ldensf_core.observations import LAYOUTS, Observation, SensorNetwork


@pytest.fixture(scope="module")
def tsunami():
    return Tsunami(20)


def bilinear(tsunami, x, y):
    """Three different bilinear functions of position (km), one a variable, (V, …)."""
    x, y = np.asarray(x), np.asarray(y)
    return torch.as_tensor(
        np.stack([1 + 2e-3 * x, -3e-3 * y + 0.5, 1e-3 * x - 2e-3 * y + 4e-6 * x * y])
    )


def on_grid(tsunami):
    return bilinear(tsunami, *np.meshgrid(tsunami.x.points, tsunami.y.points))


# -- placing ------------------------------------------------------------------------------


def test_grid_stands_in_the_middle_of_equal_shares(tsunami):
    sensors = SensorNetwork.grid(tsunami, 4, 2)
    assert len(sensors) == 8 and sensors.layout == "grid"
    assert sorted(set(sensors.positions[:, 0])) == [125.0, 375.0, 625.0, 875.0]
    assert sorted(set(sensors.positions[:, 1])) == [250.0, 750.0]


def test_random_fills_the_domain_and_follows_its_seed(tsunami):
    sensors = SensorNetwork.random(tsunami, 1000, seed=3)
    assert sensors.positions.shape == (1000, 2) and sensors.layout == "random"
    assert sensors.positions.min() >= 0 and sensors.positions.max() <= 1000
    assert np.histogram(sensors.positions, 10, (0, 1000))[0].min() > 140
    assert np.array_equal(sensors.positions, SensorNetwork.random(tsunami, 1000, 3).positions)
    assert not np.array_equal(sensors.positions, SensorNetwork.random(tsunami, 1000, 4).positions)


@pytest.mark.parametrize("layout", LAYOUTS[1:])
@pytest.mark.parametrize("name", ["tsunami", "kolmogorov", "atmosphere"])
def test_drawn_layouts_stand_inside_and_follow_their_seed(name, layout):
    benchmark = get_benchmark(name)
    places = set()
    for n in (1, 2, 30):
        for seed in range(5):
            network = SensorNetwork.place(benchmark, n, layout, seed)
            assert network.positions.shape == (n, 2) and network.layout == layout
            inside = SensorNetwork.at(benchmark, network.positions)  # refuses those outside
            assert np.array_equal(inside.positions, network.positions)
            assert network == getattr(SensorNetwork, layout)(benchmark, n, seed)
            places.add(network.positions.tobytes())
    assert len(places) == 15


def test_layouts_differ_in_how_much_they_cover(atmosphere):
    """The farthest of two sensors: anywhere, or in a cap; on a line, or half of the globe."""
    for benchmark, whole, disc in ((Tsunami(20), 1000.0, 200.0), (atmosphere, 20015.0, 4003.0)):
        far = {}
        for layout in LAYOUTS[1:]:
            network = SensorNetwork.place(benchmark, 300, layout, seed=1)
            far[layout] = benchmark.domain.distances(network.places, network.places).max().item()
        assert 0.9 * disc < far["cluster"] <= 1.001 * disc
        assert far["random"] > 0.9 * whole and far["half"] > 0.9 * whole
        assert far["line"] > 0.5 * whole


def test_at_takes_corners_and_lists(tsunami):
    sensors = SensorNetwork.at(tsunami, [[0, 0], [1000, 1000], [0, 1000]])
    assert len(sensors) == 3 and sensors.layout == "at"


@pytest.mark.parametrize("nx, ny", [(0, 5), (5, 0), (-1, 3)])
def test_empty_grid_is_refused(tsunami, nx, ny):
    with pytest.raises(ValueError, match=f"grid of {nx} × {ny} sensors"):
        SensorNetwork.grid(tsunami, nx, ny)


def test_a_layout_that_there_is_not_is_named(tsunami):
    message = "layout 'at' is unknown; there are grid, random, cluster, line, half"
    with pytest.raises(ValueError, match=message):
        SensorNetwork.place(tsunami, 9, "at")


@pytest.mark.parametrize(
    "positions, message",
    [
        ([[500.0, 500.0], [1000.1, 3.0]], "x = 1000.1 km is outside the domain, 0 to 1000"),
        ([[500.0, -1.0]], "y = -1 km is outside the domain, 0 to 1000"),
        ([[np.nan, 500.0]], "x = nan km is outside"),
        ([[500.0, np.inf]], "y = inf km is outside"),
        ([500.0, 500.0], r"shape \(2,\); \(n, 2\)"),
        ([[1.0, 2.0, 3.0]], r"shape \(1, 3\)"),
        (np.zeros((0, 2)), r"shape \(0, 2\)"),
    ],
)
def test_impossible_positions_are_named(tsunami, positions, message):
    with pytest.raises(ValueError, match=message):
        SensorNetwork.at(tsunami, positions)


@pytest.mark.parametrize("number", ["3", None, 2.5, True, np.nan, np.float64(3), [3]])
def test_what_is_no_number_of_sensors_is_named(tsunami, number):
    for make, message in (
        (
            lambda: SensorNetwork.grid(tsunami, number, 3),
            f"a grid of {number!r} × 3 sensors: whole",
        ),
        (
            lambda: SensorNetwork.grid(tsunami, 3, number),
            f"a grid of 3 × {number!r} sensors: whole",
        ),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            make()
    for layout in LAYOUTS[1:]:
        drawn = getattr(SensorNetwork, layout)
        with pytest.raises(ValueError, match=re.escape(f"n = {number!r} sensors: at least 1")):
            drawn(tsunami, number)
        with pytest.raises(ValueError, match=re.escape(f"seed = {number!r}: a whole number")):
            drawn(tsunami, 3, number)
    for layout in LAYOUTS:
        if number is not None:
            with pytest.raises(ValueError, match=re.escape(f"n = {number!r} sensors: at least 1")):
                SensorNetwork.place(tsunami, number, layout)


def test_what_is_no_benchmark_is_named():
    for make in (
        lambda: SensorNetwork.grid("tsunami", 3, 3),
        *(partial(getattr(SensorNetwork, layout), "tsunami", 3) for layout in LAYOUTS[1:]),
        lambda: SensorNetwork.at("tsunami", [[1.0, 2.0]]),
        lambda: SensorNetwork.place("tsunami", None, "grid"),
    ):
        with pytest.raises(ValueError, match="benchmark 'tsunami': a Benchmark is needed, see"):
            make()


@pytest.mark.parametrize("positions", ["here", [["a", "b"]], [[1.0, 2.0], [3.0]], [{}]])
def test_positions_that_are_no_numbers_are_named(tsunami, positions):
    message = re.escape(f"positions {positions!r}: numbers (x, y), of shape (n, 2)")
    with pytest.raises(ValueError, match=message):
        SensorNetwork.at(tsunami, positions)


# -- seeing -------------------------------------------------------------------------------


def test_place_fills_a_grid_of_the_domains_proportions(tsunami, atmosphere):
    for benchmark, n, columns in ((tsunami, 100, 10), (tsunami, 42, 7), (atmosphere, 98, 14)):
        network = SensorNetwork.place(benchmark, n, "grid")
        assert len(network) == n and network.layout == "grid"
        assert len(set(network.positions[:, 0])) in (columns, n // columns)


def test_place_takes_the_benchmarks_own_grid_where_no_number_is_given(tsunami, atmosphere):
    for benchmark, shape in ((tsunami, (10, 10)), (atmosphere, (32, 16))):
        network = SensorNetwork.place(benchmark, None, "grid")
        expected = SensorNetwork.grid(benchmark, *shape)
        assert np.array_equal(network.positions, expected.positions)
        scattered = SensorNetwork.place(benchmark, None, "random", seed=3)
        expected = SensorNetwork.random(benchmark, len(network), seed=3)
        assert np.array_equal(scattered.positions, expected.positions)


@pytest.mark.parametrize(
    "domain, n, advice",
    [("tsunami", 7, "6 or 9"), ("tsunami", 101, "100 or 108"), ("tsunami", 2, "1 or 4"),
     ("atmosphere", 100, "98 or 102"), ("atmosphere", 1, "2"), ("atmosphere", 5, "3 or 6")],
)  # fmt: skip
def test_number_that_fills_no_grid_is_answered_with_the_nearest_that_do(request, domain, n, advice):
    benchmark = request.getfixturevalue(domain)
    with pytest.raises(ValueError, match=f"{n} sensors fill no grid .*: take {advice}, or the lay"):
        SensorNetwork.place(benchmark, n, "grid")
    for count in map(int, advice.split(" or ")):
        assert len(SensorNetwork.place(benchmark, count, "grid")) == count


@pytest.mark.parametrize("n", [0, -3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_sensor_cannot_be_placed(tsunami, n, layout):
    with pytest.raises(ValueError, match=f"n = {n} sensors: at least 1"):
        SensorNetwork.place(tsunami, n, layout)


def test_bilinear_functions_are_seen_exactly(tsunami):
    inside = 25 + 950 * np.random.default_rng(0).random((200, 2))  # between the outermost points
    corners = [[25.0, 25.0], [975.0, 25.0], [25.0, 975.0], [975.0, 975.0]]
    sensors = SensorNetwork.at(tsunami, np.concatenate([inside, corners]))
    expected = bilinear(tsunami, *sensors.positions.T)
    assert torch.allclose(sensors.values(on_grid(tsunami)), expected.mT, rtol=0, atol=1e-12)


def test_sensors_on_grid_points_see_the_grid_values(tsunami):
    positions = np.stack(np.meshgrid(tsunami.x.points, tsunami.y.points), axis=-1).reshape(-1, 2)
    fields = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(0))
    values = SensorNetwork.at(tsunami, positions).values(fields)
    assert torch.allclose(values, fields.flatten(1).mT, atol=1e-6)


def test_nearest_cells_are_seen_beyond_the_outermost_points(tsunami):
    fields = on_grid(tsunami)
    values = SensorNetwork.at(tsunami, [[0.0, 0.0], [1000.0, 500.0]]).values(fields)
    assert torch.equal(values[0], fields[:, 0, 0])
    assert torch.allclose(values[1], 0.5 * (fields[:, 9, -1] + fields[:, 10, -1]))


def test_periodic_axis_is_interpolated_across_its_seam():
    """cos λ, exact to the error of linear interpolation, on both sides of 0° = 360°."""
    sphere = Atmosphere(truncation=12)
    field = torch.cos(torch.deg2rad(torch.as_tensor(sphere.x.points))).expand(1, *sphere.grid_shape)
    x = np.array([0.0, 0.1, 0.3, 0.4, 90.0, 359.5, 359.7, 359.9, 360.0])
    sensors = SensorNetwork.at(sphere, np.stack([x, np.linspace(-90, 90, 9)], axis=1))
    values = sensors.values(field)[:, 0]
    error = (values - torch.cos(torch.deg2rad(torch.as_tensor(x)))).abs().max().item()
    assert error <= (2 * np.pi / 512) ** 2 / 8 * 1.001
    # Beside the seam it is a mean of the two cells there, not the nearest one alone.
    ramp = torch.arange(512.0).expand(1, *sphere.grid_shape)
    at_the_seam = SensorNetwork.at(sphere, [[0.0, 10.0], [360.0, 10.0]]).values(ramp)
    assert at_the_seam.flatten().tolist() == pytest.approx([255.5, 255.5])


def test_batches_of_fields(tsunami):
    sensors = SensorNetwork.random(tsunami, 7, seed=1)
    fields = torch.randn(4, 5, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    values = sensors.values(fields)
    assert values.shape == (4, 5, 7, 3)
    assert torch.allclose(values[2, 3], sensors.values(fields[2, 3]))


def test_stencil_weights_sum_to_one(tsunami):
    points, weights = SensorNetwork.random(tsunami, 500, seed=2).stencils()
    assert points.shape == weights.shape == (500, 4)
    assert points.min() >= 0 and points.max() < 400
    assert weights.min() >= 0
    assert torch.allclose(weights.sum(1), torch.ones(500, dtype=weights.dtype))


# -- across a seam ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def atmosphere():
    """Longitude is periodic, latitude is not; 512 × 256 points, in the middle of their cells."""
    return Atmosphere(truncation=12)


def test_values_change_linearly_across_the_seam(atmosphere):
    """From the last column, at 1/2 a spacing before the end, to the first, as far beyond it."""
    fields = torch.randn(3, 256, 512, dtype=torch.float64)
    spacing, latitude = 360 / 512, atmosphere.y.points[7]
    share = np.array([0.0, 0.1, 0.4, 0.5, 0.75, 0.999])
    longitude = (360 - spacing / 2 + share * spacing) % 360
    positions = np.stack([longitude, np.full(6, latitude)], axis=-1)
    values = SensorNetwork.at(atmosphere, positions).values(fields)
    share = torch.as_tensor(share)[:, None]
    expected = (1 - share) * fields[:, 7, -1] + share * fields[:, 7, 0]
    torch.testing.assert_close(values, expected, atol=1e-9, rtol=0)


def test_an_axis_that_is_not_periodic_has_no_seam(atmosphere):
    """At the poles the nearest row is seen."""
    fields = torch.randn(3, 256, 512, dtype=torch.float64)
    longitude = atmosphere.x.points[3]
    values = SensorNetwork.at(atmosphere, [[longitude, -90.0], [longitude, 90.0]]).values(fields)
    torch.testing.assert_close(values[0], fields[:, 0, 3])
    torch.testing.assert_close(values[1], fields[:, -1, 3])


@pytest.mark.parametrize(
    "west, east",
    [(-10.0, 350.0), (-180.0, 180.0), (-0.5, 359.5), (360.0, 0.0), (-1e-20, 0.0), (-0.0, 0.0)],
)
def test_longitudes_count_from_minus_180_or_to_360(atmosphere, west, east):
    fields = torch.randn(3, 256, 512, dtype=torch.float64)
    one, other = (SensorNetwork.at(atmosphere, [[x, 45.0], [20.0, -45.0]]) for x in (west, east))
    assert one == other and one.positions.tolist() == [[east, 45.0], [20.0, -45.0]]
    assert torch.equal(one.values(fields), other.values(fields))


@pytest.mark.parametrize("x", [-180.1, 360.1, -540.0, np.nan, np.inf, -np.inf])
def test_longitudes_further_round_are_refused(atmosphere, x):
    with pytest.raises(ValueError, match=f"x = {x:g} °E is outside the domain, -180 to 360"):
        SensorNetwork.at(atmosphere, [[0.0, 0.0], [x, 45.0]])


@pytest.mark.parametrize("y", [-90.1, 90.1, 100.0])
def test_nobody_goes_round_over_a_pole(atmosphere, y):
    with pytest.raises(ValueError, match=f"y = {y:g} °N is outside the domain, -90 to 90"):
        SensorNetwork.at(atmosphere, [[10.0, y]])


@pytest.mark.parametrize("place", [-0.1, 6.3, -3.0])
def test_a_place_beyond_a_periodic_box_is_taken_for_a_mistake(place):
    """Its far sides are its near ones all the same."""
    box = get_benchmark("kolmogorov")
    for position in ([place, 1.0], [1.0, place]):
        with pytest.raises(ValueError, match=f"= {place:g} 1 is outside the domain, 0 to 6.28"):
            SensorNetwork.at(box, [position])
    assert SensorNetwork.at(box, [[2 * np.pi] * 2]) == SensorNetwork.at(box, [[0.0, 0.0]])


# -- noise and gaps -----------------------------------------------------------------------


def test_noise_has_the_stated_size(tsunami):
    sensors = SensorNetwork.random(tsunami, 20_000, seed=0)
    fields = on_grid(tsunami)
    observation = sensors.observe(fields, index=4, noise=0.25, missing=0.0, seed=11)
    std = 0.25 * tsunami.std(fields)
    assert observation.index == 4
    assert torch.allclose(observation.std, std)
    noise = (observation.values - sensors.values(fields)) / std
    # Within four standard errors of 20,000 draws; variables independent of each other.
    assert (noise.mean(0).abs() < 4 / 20_000**0.5).all()
    assert ((noise.std(0) - 1).abs() < 4 / 40_000**0.5).all()
    assert (noise.T.corrcoef() - torch.eye(3)).abs().max() < 4 / 20_000**0.5


def test_no_noise_no_gaps(tsunami):
    sensors = SensorNetwork.grid(tsunami, 3, 3)
    observation = sensors.observe(on_grid(tsunami), index=0, noise=0.0, missing=0.0, seed=0)
    assert torch.equal(observation.values, sensors.values(on_grid(tsunami)))
    assert observation.present.all()


def test_stated_share_of_sensors_is_missing(tsunami):
    sensors = SensorNetwork.random(tsunami, 5000, seed=0)
    observation = sensors.observe(on_grid(tsunami), index=0, noise=0.1, missing=0.3, seed=5)
    lost = ~observation.present
    assert torch.equal(lost.all(1), lost.any(1))  # a sensor reports everything or nothing
    assert lost[:, 0].double().mean().item() == pytest.approx(0.3, abs=4 * (0.21 / 5000) ** 0.5)
    whole = sensors.observe(on_grid(tsunami), index=0, noise=0.1, missing=0.0, seed=5)
    assert torch.equal(observation.values[~lost], whole.values[~lost])
    nothing = sensors.observe(on_grid(tsunami), index=0, noise=0.1, missing=1.0, seed=5)
    assert not nothing.present.any()


def test_noise_follows_seed_and_index_alone(tsunami):
    sensors = SensorNetwork.grid(tsunami, 5, 5)
    fields = on_grid(tsunami)

    def values(index, seed):
        return sensors.observe(fields, index, noise=0.1, missing=0.0, seed=seed).values

    assert torch.equal(values(3, seed=1), values(3, seed=1))
    assert not torch.isclose(values(3, seed=1), values(4, seed=1)).any()
    assert not torch.isclose(values(3, seed=1), values(3, seed=2)).any()


def test_observation_keeps_the_dtype_of_the_fields(tsunami):
    sensors = SensorNetwork.grid(tsunami, 2, 2)
    observation = sensors.observe(on_grid(tsunami).float(), 0, noise=0.1, missing=0.0, seed=0)
    assert observation.values.dtype == observation.std.dtype == torch.float32


def test_observation_moves_whole():
    sensors = SensorNetwork.at(get_benchmark("kolmogorov"), [[1.0, 2.0]])
    observation = Observation(2, sensors, torch.tensor([[torch.nan, 1.0]]), torch.ones(2))
    moved = observation.to("cpu")
    assert moved.index == 2
    assert torch.equal(moved.present, torch.tensor([[False, True]]))


# -- values -------------------------------------------------------------------------------

JOURNEYS = {
    "copied": copy.copy,
    "deep-copied": copy.deepcopy,
    "pickled": lambda value: pickle.loads(pickle.dumps(value)),
}


@pytest.mark.parametrize("journey", JOURNEYS.values(), ids=JOURNEYS)
def test_sensors_and_observations_are_values(journey):
    basin = get_benchmark("tsunami")
    sensors = SensorNetwork.random(basin, 7, seed=1)
    observation = sensors.observe(torch.ones(3, 150, 150), 3, 0.1, missing=0.5, seed=2)
    assert not observation.complete
    for value in (sensors, observation):
        other = journey(value)
        assert other == value and hash(other) == hash(value) and len({other, value}) == 1
        assert value != 3
    assert journey(sensors).benchmark is basin


def test_sensors_differ_by_place_layout_and_benchmark(tsunami):
    sensors = SensorNetwork.grid(tsunami, 2, 2)
    others = [
        SensorNetwork.grid(tsunami, 2, 3),
        SensorNetwork.at(tsunami, sensors.positions),
        SensorNetwork.grid(Tsunami(20), 2, 2),
        SensorNetwork(tsunami, sensors.positions + 1e-9, "grid"),
    ]
    assert sensors not in others and len({sensors, *others}) == 5
    zeros = (SensorNetwork.at(tsunami, [[zero, 1.0]]) for zero in (0.0, -0.0))
    assert len(set(zeros)) == 1


def test_sensors_stay_where_they_were_put(tsunami):
    places = np.array([[100.0, 200.0]])
    sensors = SensorNetwork.at(tsunami, places)
    places[:] = 5.0
    assert sensors.positions.tolist() == [[100.0, 200.0]]


def test_observations_differ_by_all_that_they_hold(tsunami):
    observation = SensorNetwork.grid(tsunami, 2, 2).observe(on_grid(tsunami), 3, 0.1, 0.0, seed=2)
    others = [
        replace(observation, index=4),
        replace(observation, sensors=SensorNetwork.at(tsunami, observation.positions + 1)),
        replace(observation, values=observation.values + 1),
        replace(observation, std=observation.std + 1),
        replace(observation, values=observation.values.float()),
    ]
    assert observation not in others and len({observation, *others}) == 6
    assert replace(observation) == observation


def test_sensors_measure_the_same_in_another_process():
    """Which makes its benchmark anew, by the name."""
    sensors = SensorNetwork.random(get_benchmark("tsunami"), 5, seed=1)
    fields = torch.randn(3, 150, 150, generator=torch.Generator().manual_seed(0))
    arguments = fields, 2, 0.1, 0.2, 3
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = pool.submit(SensorNetwork.observe, sensors, *arguments).result()
        back = pool.submit(copy.deepcopy, sensors).result()
    assert there == sensors.observe(*arguments)
    assert back == sensors and back.benchmark is sensors.benchmark
