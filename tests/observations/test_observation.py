import math
import re

import pytest
import torch

from ldensf_core.benchmarks import get_benchmark
from ldensf_core.observations import Observation, SensorNetwork

SENSORS = SensorNetwork.at(get_benchmark("tsunami"), [[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]])
VALUES = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
STD = torch.tensor([0.1, 0.2])


def changed(tensor, at, value):
    tensor = tensor.clone()
    tensor[at] = value
    return tensor


@pytest.mark.parametrize("value", [math.inf, -math.inf])
@pytest.mark.parametrize("gap", [None, (0, 1), (2, 0)])
def test_an_infinite_value_is_refused_with_its_sensor(value, gap):
    values = changed(VALUES, (2, 1), value)
    if gap:
        values[gap] = torch.nan
    message = f"sensor 2 at (50, 60) measures {value:g} of variable 1: finite numbers are needed"
    with pytest.raises(ValueError, match=re.escape(message)):
        Observation(0, SENSORS, values, STD)


def test_infinities_that_cancel_are_refused():
    values = changed(changed(VALUES, (1, 0), math.inf), (2, 1), -math.inf)
    with pytest.raises(ValueError, match=r"sensor 1 at \(30, 40\) measures inf of variable 0"):
        Observation(0, SENSORS, values, STD)


def test_values_of_other_sensors_are_refused():
    with pytest.raises(ValueError, match="2 values of 3 sensors"):
        Observation(0, SENSORS, VALUES[:2], STD)


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1])
def test_noise_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match=rf"std = \[.*{value:g}.*\]: finite numbers of at least 0"):
        Observation(0, SENSORS, VALUES, changed(STD, 0, value))


def test_gaps_and_large_numbers_are_taken():
    gappy = Observation(0, SENSORS, changed(VALUES, 1, torch.nan), STD)
    assert gappy.present.tolist() == [[True, True], [False, False], [True, True]]
    assert not gappy.complete and not gappy.empty
    assert Observation(0, SENSORS, torch.full_like(VALUES, torch.nan), STD).empty
    large = Observation(0, SENSORS, torch.full_like(VALUES, 3e38), 0 * STD)  # the sum is infinite
    assert large.complete


def test_moving_does_not_check_again(monkeypatch):
    """Which would wait for a GPU."""
    gappy = Observation(4, SENSORS, changed(VALUES, 1, torch.nan), STD)
    monkeypatch.setattr(Observation, "__post_init__", None)
    moved = gappy.to("cpu")
    assert moved == gappy and not moved.complete


def test_a_layout_is_sensors_noise_and_gaps():
    """So that what follows from these alone is worked out anew exactly when one of them changes."""
    one = Observation(0, SENSORS, VALUES, STD)
    same = SensorNetwork.at(SENSORS.benchmark, SENSORS.positions)
    assert Observation(3, same, VALUES + 1, STD.clone()).layout == one.layout
    moved = SensorNetwork.at(SENSORS.benchmark, SENSORS.positions + 1)
    for other in (
        Observation(0, moved, VALUES, STD),
        Observation(0, SENSORS, VALUES, 2 * STD),
        Observation(0, SENSORS, changed(VALUES, (1, 0), torch.nan), STD),
    ):
        assert other.layout != one.layout == one.to("cpu").layout
