"""Nothing depends on what torch makes where no dtype is given: another program may have set it."""

import subprocess
import sys

import numpy as np
import pytest

RUN = """
import itertools
import sys

import numpy as np
import torch

torch.set_default_dtype(getattr(torch, sys.argv[1]))  # before anything of ours is imported
torch.set_num_threads(1)

from ldensf_core import FILTERS, TwinExperiment, get_benchmark, list_benchmarks, load_pretrained

found = {}
for name in FILTERS:  # in turn, since the next may fail for another reason
    twin = TwinExperiment("tsunami", name, members=5, missing=0.1, device="cpu")
    *_, cycle = itertools.islice(twin, 3)
    estimate = cycle.filters[name].estimate
    for part in ("mean", "spread", "ensemble", "parameters"):
        found[f"{name} {part}"] = getattr(estimate, part)
for name in list_benchmarks():
    model, bench = load_pretrained(name, "cpu"), get_benchmark(name)
    latent = model.ldnet.rollout(torch.zeros(1, len(bench.parameters), dtype=torch.float32), 2)
    found[f"{name} surrogate"] = model.ldnet.decode(latent)
    parameters = bench.parameter_array(bench.sample_parameters(1, seed=0))
    steps = bench.spin_up(torch.as_tensor(parameters, dtype=torch.float32))
    found[f"{name} solver"] = bench.fields(next(steps))
np.savez(sys.argv[2], **{name: value.numpy() for name, value in found.items()})
"""


@pytest.mark.timeout(400)
def test_results_do_not_depend_on_the_default_dtype(tmp_path):
    """All filters on the tsunami, all models, all solvers."""
    kinds = "float32", "float64"
    runs = [
        subprocess.Popen([sys.executable, "-c", RUN, kind, tmp_path / f"{kind}.npz"])
        for kind in kinds
    ]
    assert [run.wait() for run in runs] == [0, 0]
    single, double = (np.load(tmp_path / f"{kind}.npz") for kind in kinds)
    assert len(single.files) == 10 * 4 + 3 * 2 and single.files == double.files
    for name in single.files:
        assert single[name].dtype == double[name].dtype == np.float32, name
        scale = np.abs(single[name]).max()
        assert scale > 0
        np.testing.assert_allclose(
            double[name], single[name], rtol=0, atol=1e-5 * scale, err_msg=name
        )
