"""On a GPU, the recorded cycle against the same calls made one by one."""

import pytest
import torch

from ldensf_core.checkpoints import load_pretrained
from ldensf_core.filters import LDEnSF
from ldensf_core.observations import SensorNetwork

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")


class Eager(LDEnSF):
    """Without graphs."""

    def _run(self, function):
        function()


@pytest.mark.parametrize("name", ["kolmogorov", "tsunami", "atmosphere"])
@pytest.mark.parametrize("members", [1, 20, 1000])
def test_graph_gives_what_the_calls_give(name, members):
    """With sensors that change on the way, and again after a reset."""
    model = load_pretrained(name, "cuda")
    bench = model.benchmark
    run = model.predict(bench.split("test").isel(trajectory=0))
    fields = [torch.as_tensor([run[v.name].values[i] for v in bench.variables]) for i in range(8)]
    networks = [SensorNetwork.random(bench, n, seed=n) for n in (40, 300)]
    graph, eager = LDEnSF(model), Eager(model)
    for seed in (3, 4, 3):
        for filter_ in (graph, eager):
            filter_.reset(members, seed)
            for i, snapshot in enumerate(fields):
                observation = networks[i // 4].observe(snapshot, i, 0.1, 0.0, seed=0)
                if i == 0:
                    filter_.analyse(observation)
                elif i % 2:
                    filter_.cycle(observation)
                else:
                    filter_.forecast()
                    filter_.analyse(observation)
        torch.testing.assert_close(graph.state, eager.state, rtol=0, atol=1e-5)
