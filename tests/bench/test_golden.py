"""What is to stay the same while the code is rearranged: the comparison, on one filter."""

import numpy as np
import pytest

from bench import golden


@pytest.fixture(autouse=True)
def one_filter_and_few_cycles(monkeypatch):
    monkeypatch.setattr(golden, "FILTERS", ("ld-ensf", "none"))
    monkeypatch.setattr(golden, "CYCLES", 2)


def test_a_second_run_is_the_same_and_a_changed_one_is_not(tmp_path, capsys):
    path = tmp_path / "before.npz"
    golden.main(path, None, "tsunami")
    with pytest.raises(SystemExit) as same:
        golden.main(None, path, "tsunami")
    assert same.value.code == 0 and "apart by 0.0e+00 at most" in capsys.readouterr().out
    with np.load(path) as file:
        arrays = dict(file)
    changed = "tsunami/ld-ensf/gaussian/mean"
    assert arrays[changed].shape == (2, 3, 100)
    arrays[changed][1] *= 1 + 1e-3
    np.savez_compressed(path, **arrays)
    with pytest.raises(SystemExit) as other:
        golden.main(None, path, "tsunami")
    assert other.value.code == 1 and changed in capsys.readouterr().out


def test_gaps_and_shapes_count_as_differences():
    a = np.array([1.0, np.nan])
    assert golden.difference(a, a) == 0.0
    assert golden.difference(a, np.array([1.0, 2.0])) == float("inf")
    assert golden.difference(a, np.ones(3)) == float("inf")
