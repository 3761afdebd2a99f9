import random
import sys
import threading

import pytest

from ldensf_app.timeline import Timeline


def test_a_change_holds_from_the_next_cycle_of_the_worker_in_front():
    timeline = Timeline()
    assert timeline.change(noise=0.3) == 0
    assert timeline.enter(0) == ((0, {"noise": 0.3}),)
    for index in range(1, 5):
        timeline.enter(index)
    assert timeline.enter(1) == timeline.changes  # of the worker behind
    assert timeline.change(noise=0.1, members=5) == 5
    assert timeline.enter(2) == timeline.enter(5) == timeline.changes
    assert timeline.changes[1:] == ((5, {"noise": 0.1}), (5, {"members": 5}))
    assert timeline.change(every=2) == 6


def test_changes_are_not_changed():
    timeline = Timeline()
    timeline.change(noise=0.3)
    before = timeline.changes
    with pytest.raises(TypeError):
        before[0][1]["noise"] = 0.5
    timeline.change(noise=0.5)
    assert before == ((0, {"noise": 0.3}),)


def test_threads_at_different_paces_see_every_change_at_the_same_cycle():
    interval, cycles = sys.getswitchinterval(), 400
    sys.setswitchinterval(1e-6)
    try:
        for round_ in range(5):
            timeline, start = Timeline(), threading.Barrier(4)
            seen = [[] for _ in range(3)]

            def run(worker, timeline=timeline, start=start, seen=seen, round_=round_):
                draw = random.Random(10 * round_ + worker)
                start.wait()
                for index in range(cycles):
                    holding = [value for at, value in timeline.enter(index) if at <= index]
                    seen[worker].append(holding)
                    if draw.random() < 0.05:
                        threading.Event().wait(1e-3 * draw.random() * (1 + worker))

            threads = [threading.Thread(target=run, args=(worker,)) for worker in range(3)]
            for thread in threads:
                thread.start()
            start.wait()
            told = []
            while any(thread.is_alive() for thread in threads):
                told.append(timeline.change(noise=len(told)))
                threading.Event().wait(5e-5)
            for thread in threads:
                thread.join()
            assert seen[0] == seen[1] == seen[2]
            assert told == sorted(told)
            assert len(seen[0][-1]) > 3  # some came while they ran
    finally:
        sys.setswitchinterval(interval)
