"""Limits of colour bars: symmetric, growing at once, shrinking slowly."""

import math
from types import SimpleNamespace

import pytest

from ldensf_app.limits import SHRINK, Limits, centre, palette

NAN = math.nan


def test_signed_limits_are_symmetric_and_spreads_start_at_zero():
    signed, spread = Limits(symmetric=True), Limits(symmetric=False)
    signed.follow((-1.0, 2.0), (-0.5, 1.0))
    assert (signed.low, signed.high) == (-2.0, 2.0)
    signed.follow((-3.0, 2.0))
    assert (signed.low, signed.high) == (-3.0, 3.0)
    spread.follow((0.25, 2.0), (0.5, 1.0))
    assert (spread.low, spread.high) == (0.0, 2.0)


@pytest.mark.parametrize("symmetric", [True, False])
def test_limits_grow_at_once_and_shrink_slowly(symmetric):
    limits = Limits(symmetric)
    limits.follow((0.0, 1.0))
    limits.follow((0.0, 3.0))
    assert limits.high == 3.0
    limits.follow((0.0, 0.1))
    assert limits.high == pytest.approx(3.0 * SHRINK[symmetric])
    limits.follow((0.0, 0.1))
    assert limits.high == pytest.approx(3.0 * SHRINK[symmetric] ** 2)
    limits.forget()
    limits.follow((0.0, 0.1))
    assert limits.high == pytest.approx(0.1)


def test_fields_without_a_scale_do_no_harm():
    limits = Limits(symmetric=True)
    limits.follow((0.0, 0.0), (NAN, NAN))
    assert (limits.low, limits.high) == (-1.0, 1.0)
    limits.follow((NAN, NAN))
    assert (limits.low, limits.high) == (-1.0, 1.0)
    limits.follow((-math.inf, 0.5))
    assert (limits.low, limits.high) == (-0.5, 0.5)


def test_colours_are_centred_on_a_variable_that_keeps_away_from_zero():
    assert centre(SimpleNamespace(mean=5900.0, std=600.0)) == 5900.0
    assert centre(SimpleNamespace(mean=13.0, std=23.0)) == 0.0
    limits = Limits(symmetric=True)
    limits.expect(600.0, 5900.0)
    assert (limits.low, limits.high) == (4100.0, 7700.0)
    limits.follow()  # nothing is there yet
    assert (limits.low, limits.high) == (4100.0, 7700.0)
    limits.follow((5000.0, 6100.0))
    assert (limits.low, limits.high) == (5000.0, 6800.0)


def test_a_palette_has_256_colours_from_one_end_to_the_other():
    colours = palette("balance")
    assert len(colours) == 256 and len(set(colours)) > 200
    assert all(len(c) == 7 and c.startswith("#") for c in colours)
