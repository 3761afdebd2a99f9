import numpy as np
import pytest

from ldensf_app.frames import coarsening, pack, reduced

LEVELS = 65534


def fields(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (5900.0, 600.0), (3.0, 1e-30), (0.0, 1e30)])
def test_a_frame_is_off_by_half_a_level_at_most(mean, std):
    field = np.float32(mean) + np.float32(std) * fields(2, 40, 60)
    frame = pack(field)
    assert frame.pixels.shape == field.shape and frame.pixels.dtype == np.uint16
    for variable, values in enumerate(field):
        low, high = float(values.min()), float(values.max())
        assert (frame.low[variable], frame.high[variable]) == (low, high)
        unpacked = frame.unpack(variable)
        assert unpacked.dtype == np.float32
        off = np.abs(unpacked.astype(float) - values)
        rounding = np.spacing(np.abs(values).max())
        assert off.max() <= (high - low) / LEVELS / 2 + rounding
    assert frame.pixels.min() == 0 and frame.pixels.max() in (0, LEVELS)


def test_levels_are_used_from_the_lowest_value_to_the_highest():
    frame = pack(np.array([[[-1.0, 0.0, 3.0]]], np.float32))
    assert frame.pixels.ravel().tolist() == [0, round(LEVELS / 4), LEVELS]
    assert frame.unpack(0)[0, [0, 2]].tolist() == [-1.0, 3.0]


def test_what_is_not_finite_is_missing():
    field = fields(3, 5, 7)
    field[0, 1, 2], field[0, 3, 3], field[0, 4, 4] = np.nan, np.inf, -np.inf
    field[1] = np.nan
    field[2] = 4.5
    frame = pack(field)
    gaps = ~np.isfinite(field[0])
    assert (frame.pixels[0] == 65535).tolist() == gaps.tolist()
    assert np.isnan(frame.unpack(0)).tolist() == gaps.tolist()
    assert np.isnan([frame.low[1], frame.high[1]]).all() and np.isnan(frame.unpack(1)).all()
    assert (frame.low[2], frame.high[2]) == (4.5, 4.5) and (frame.unpack(2) == 4.5).all()


def test_the_frame_of_one_variable_is_that_of_all_and_not_a_copy():
    frame = pack(fields(3, 4, 6))
    one = frame.only(1)
    assert one.pixels.shape == (1, 4, 6) and np.shares_memory(one.pixels, frame.pixels)
    assert np.array_equal(one.unpack(0), frame.unpack(1))


def test_a_frame_cannot_be_changed_and_does_not_hold_the_field():
    field = fields(1, 4, 6)
    frame = pack(field)
    with pytest.raises(ValueError, match="read-only"):
        frame.pixels[0, 0, 0] = 3
    before = frame.unpack(0)
    field[...] = 0
    assert np.array_equal(frame.unpack(0), before)


def test_large_fields_are_halved_and_others_kept_as_they_are():
    field = np.arange(256 * 512, dtype=np.float32).reshape(256, 512)
    image = reduced(field)
    assert image.shape == (128, 256) and image.dtype == np.float32
    assert image[0, 0] == field[:2, :2].mean() and image[-1, -1] == field[-2:, -2:].mean()
    both = reduced(np.stack([field, 2 * field]))
    assert np.array_equal(both, [image, 2 * image])
    assert pack(both).pixels.shape == pack(np.stack([field, field])).pixels.shape == (2, 128, 256)
    small = np.zeros((3, 150, 150), np.float32)
    assert reduced(small) is small
    odd = np.zeros((301, 301), np.float32)
    assert reduced(odd) is odd
    assert [coarsening(*shape) for shape in ((256, 256), (512, 1024), (602, 602))] == [1, 4, 2]
