import numpy as np
import pytest

from ldensf_app.limits import SHRINK, Limits


def field(peak):
    return np.array([[-0.5 * peak, peak]], np.float32)


def test_signed_limits_are_symmetric_and_spreads_start_at_zero():
    signed, spread = Limits(symmetric=True), Limits(symmetric=False)
    for limits in (signed, spread):
        limits.follow(field(2.0), field(1.0))
        assert limits.mapper.high == pytest.approx(2.0)
    assert signed.mapper.low == pytest.approx(-2.0)
    assert spread.mapper.low == 0.0


@pytest.mark.parametrize("symmetric", [True, False])
def test_limits_grow_at_once_and_shrink_slowly(symmetric):
    limits = Limits(symmetric)
    limits.follow(field(1.0))
    limits.follow(field(3.0))
    assert limits.mapper.high == pytest.approx(3.0)
    limits.follow(field(0.1))
    assert limits.mapper.high == pytest.approx(3.0 * SHRINK[symmetric])
    limits.forget()
    limits.follow(field(0.1))
    assert limits.mapper.high == pytest.approx(0.1)


def test_fields_without_a_scale_do_no_harm():
    limits = Limits(symmetric=True)
    limits.follow(np.zeros((2, 2), np.float32), np.full((2, 2), np.nan, np.float32))
    assert (limits.mapper.low, limits.mapper.high) == (-1.0, 1.0)
    limits.follow(np.array([[np.inf, 0.5]], np.float32))
    assert limits.mapper.high == pytest.approx(0.5)
