"""The truth that the workers and sessions of the app share."""

import threading

import pytest
import torch

from ldensf_core import TwinExperiment
from ldensf_core.benchmarks import Atmosphere, Kolmogorov, Tsunami
from ldensf_core.twin.truth import Trajectory

SMALL = [
    (Tsunami(20), (100.0, 200.0)),
    (Kolmogorov(24), (900.0,)),
    (Atmosphere(truncation=12, steps=4), (10.0, 2.0)),
]


@pytest.mark.parametrize(("benchmark_", "parameters"), SMALL, ids=lambda v: getattr(v, "name", ""))
def test_snapshot_by_snapshot_is_the_whole_run_bit_for_bit(benchmark_, parameters):
    values = torch.tensor([parameters])
    lazy, eager = Trajectory(benchmark_, values), benchmark_.trajectories(values)[0]
    assert torch.equal(lazy[3], eager[3])  # whatever the order in which they are asked for
    assert len(lazy) == len(eager)
    assert all(torch.equal(one, other) for one, other in zip(lazy, eager, strict=True))
    with pytest.raises(IndexError):
        lazy[len(eager)]


def test_nothing_is_computed_before_it_is_asked_for():
    truth = Trajectory(Tsunami(20), torch.tensor([[100.0, 200.0]]))
    assert truth._reached[0] == ()
    truth[2]
    assert len(truth._reached[0]) == 3


def test_threads_that_ask_at_once_share_the_work():
    steps = []

    class Counted(Tsunami):
        def advance(self, state, parameters):
            steps.append(threading.current_thread())
            return super().advance(state, parameters)

    truth = Trajectory(Counted(20), torch.tensor([[100.0, 200.0]]))
    barrier, seen = threading.Barrier(4), []

    def ask():
        barrier.wait()
        seen.append(truth[10])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(steps) == 10
    assert all(fields is seen[0] for fields in seen)


def experiment(benchmark="tsunami", seed=7, **options):
    return TwinExperiment(benchmark, ["ensf"], seed=seed, device="cpu", **options)


def test_experiments_with_the_same_truth_share_it():
    assert experiment()._truth is experiment(noise=0.3, every=2, members=3)._truth
    assert experiment()._truth is not experiment(seed=8)._truth


def test_two_benchmarks_do_not_mix():
    tsunami, flow = experiment(), experiment("kolmogorov")
    assert tsunami._truth is not flow._truth
    assert tsunami._truth is experiment()._truth and flow._truth is experiment("kolmogorov")._truth
    assert tsunami._truth[0].shape == (3, 150, 150) and flow._truth[0].shape == (2, 150, 150)


def test_few_truths_are_kept():
    first = experiment(seed=100)._truth
    for seed in range(101, 110):
        experiment(seed=seed)
    assert experiment(seed=100)._truth is not first


def test_a_model_of_another_benchmark_is_refused(model):
    with pytest.raises(ValueError, match="the model is for 'tsunami', not 'kolmogorov'"):
        TwinExperiment("kolmogorov", ["ld-ensf"], model=model, device="cpu")
    assert TwinExperiment("tsunami", ["ld-ensf"], model=model, device="cpu").model is model
