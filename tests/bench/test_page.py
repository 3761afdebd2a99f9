"""The measures of the page, on small pages whose frames are known."""

import crowd
import page
import pytest

pytestmark = pytest.mark.alone

NESTED = """
<div id="host"></div>
<script>
    const root = document.getElementById("host").attachShadow({ mode: "open" })
    root.innerHTML = '<span data-cycle="0"></span>'
    window.show = (cycle) => root.innerHTML = `<span data-cycle="${cycle}"></span>`
    window.lose = () => root.innerHTML = ""
</script>
"""
SOON = "requestAnimationFrame(() => requestAnimationFrame(done))"


@pytest.fixture(scope="module")
def chromium():
    with page.browser() as chromium:
        yield chromium


def test_frames_a_second_are_from_the_first_frame_of_a_run_to_its_last():
    runs = [[(1.0, 3), (1.5, 7), (2.0, 50)], [(10.0, 20), (11.0, 50)], []]
    assert page.frames(runs) == {"runs": 3, "frames": 5, "frames_per_s": 3 / 2}
    assert page.frames([[(1.0, 50)]])["frames_per_s"] is None


def test_each_frame_with_another_cycle_counts_once(chromium):
    nested = chromium.new_page()
    nested.set_content(NESTED)
    found = nested.evaluate(page.FIND, list(page.CYCLE))
    assert 0 < found < 60
    nested.evaluate(page.COUNT)
    for steps in ("show(1)", "show(2); show(3)", "show(3)", "lose()", "show(3)", "show(0)"):
        nested.evaluate(f"() => new Promise((done) => {{ {steps}; {SOON} }})")
    frames = nested.evaluate("() => window.framesDrawn")
    nested.close()
    assert [cycle for _, cycle in frames] == [1, 3]


def test_nothing_is_found_before_a_cycle_is_drawn(chromium):
    empty = chromium.new_page()
    for content in ("", '<p data-cycle="-1"></p>', '<p data-cycle=""></p>'):
        empty.set_content(content)
        assert empty.evaluate(page.FIND, list(page.CYCLE)) is None
    empty.close()


def test_the_bare_page_is_built_and_draws(chromium, monkeypatch):
    monkeypatch.setattr(page, "PAUSE", 0.0)
    built = page.building(page.bare, 1)
    assert built["models"] > 50 and 0 < built["build_s"] < 10
    errors = []
    with page.served(what=page.BARE) as address:
        with page.opened(chromium, page.url(address, page.BARE), errors) as (bare, first):
            row = page.watching(bare, 2.0)
    assert 0 < first < 60 and errors == []
    assert 1 < row["frames_per_s"] < 40  # its pictures come every 30 ms at most


def test_a_visitor_who_finds_nobody_is_an_error():
    seen = crowd.Seen()
    crowd.visitor("http://127.0.0.1:9", 3, 0.0, seen)
    assert len(seen.errors) == 1 and seen.errors[0].startswith("visitor 3: ")
    assert seen.runs == 0
