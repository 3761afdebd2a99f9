"""The page for those who use the keyboard, do not see it, or see it for the first time."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.alone

SIZES = [(1280, 800), (800, 700)]
GRAVE = {"serious", "critical"}
FOCUSED = """() => {
    let at = document.activeElement
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
    const name = at.getAttribute("aria-label") || at.title || at.innerText || ""
    return [at.tagName, at.className, name.trim(), at.getRootNode().host?.className ?? ""]
}"""
SEEN = """() => {
    let at = document.activeElement
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
    const shown = [at, at.closest(".Mui-focusVisible"), at.parentElement]
    return shown.some((e) => e && getComputedStyle(e).outlineStyle === "solid")
}"""
CUT = """() => {
    const all = (root) => [...root.querySelectorAll("*")].flatMap(
        (e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
    return all(document)
        .filter((e) => e.matches(
            ".tile, .tile .name, .tile .value, .race .who, .title, .guide button, .below button"))
        .filter((e) => !e.matches(".jump") && e.getBoundingClientRect().width > 0)
        .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
            || e.getBoundingClientRect().right > innerWidth)
        .map((e) => `${e.className}: ${e.innerText}`)
}"""


def step(page: Page) -> int:
    return int(page.locator(".tile .counter").inner_text())


def faults(page: Page) -> list[str]:
    """What axe-core calls serious or critical, with the place of each."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:150]}"
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]


def settle(page: Page) -> None:
    """Two cycles, and time for the widgets to be named."""
    for wanted in (1, 2):
        page.locator(".step-button button").click()
        expect(page.locator(".tile .counter")).to_have_text(str(wanted), timeout=60_000)
    page.mouse.move(640, 5)
    page.wait_for_timeout(4000)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_grave(page, theme):
    settle(page)
    if theme == "dark":
        page.get_by_role("button", name="Toggle theme").click()
        page.mouse.move(640, 5)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(1500)
        assert faults(page) == [], f"{theme}, {width} x {height}"


def test_nothing_is_cut_from_narrow_to_wide(page):
    settle(page)
    for width, height in [(800, 700), (1024, 768), (1280, 800), (1920, 1080)]:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(1500)
        assert page.evaluate(CUT) == [], f"{width} x {height}"


def test_keys_work_wherever_the_focus_is_but_not_while_one_writes(page):
    places = [
        page.locator(".step-button button"),
        page.locator(".frame").first,
        page.get_by_label("Go back through the run"),
        page.locator("input[type=range][aria-label^='Noise']"),
        page.get_by_label("What the pointer does on the truth"),
        page.locator(".term").first,
    ]
    for place in places:
        before = step(page)
        place.focus()
        page.keyboard.press(".")
        expect(page.locator(".tile .counter")).to_have_text(str(before + 1), timeout=30_000)
    before = step(page)
    page.locator("input[type=text]:not([aria-hidden])").first.focus()
    page.keyboard.press(".")
    page.wait_for_timeout(1000)
    assert step(page) == before

    page.locator(".frame").first.focus()
    page.keyboard.press("Space")
    expect(page.locator(".play-button button")).to_contain_text("Pause")
    page.keyboard.press("Space")
    expect(page.locator(".play-button button")).to_contain_text("Play")
    page.keyboard.press("a")
    expect(page.get_by_role("switch")).not_to_be_checked()
    page.keyboard.press("r")
    expect(page.locator(".tile .counter")).to_have_text("0", timeout=30_000)


def test_a_question_mark_lists_keys_and_words_and_gives_the_focus_back(page):
    frame = page.locator(".frame").first
    frame.focus()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys and words")
    for key in ("Space", "[ and ]", "Delete", "Arrows"):
        expect(dialog.locator("kbd", has_text=key).first).to_be_visible()
    expect(dialog).to_contain_text("Standard deviation of the ensemble.")
    before = step(page)
    page.keyboard.press(".")
    page.wait_for_timeout(500)
    assert step(page) == before
    assert faults(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(frame).to_be_focused()


def test_tab_goes_from_the_head_to_the_maps_and_shows_where_it_is(page):
    page.wait_for_timeout(4000)
    names, tags = [], []
    for _ in range(90):
        page.keyboard.press("Tab")
        tag, kind, name, _ = page.evaluate(FOCUSED)
        names.append(name)
        tags.append((tag, kind))
        if tag not in ("BODY", "INPUT"):  # sliders show it on their thumb, which is no input
            assert page.evaluate(SEEN), (tag, kind, name)
        if "frame" in kind:
            break
    wanted = ["Close drawer", "To the maps", "The page in six steps.", "Play", "Step"]
    found = [next(n for n, name in enumerate(names) if w in name) for w in wanted]
    assert found == sorted(found) and "frame" in tags[-1][1]


def test_the_tour_is_offered_once_and_can_be_left_at_any_step(page):
    expect(page.locator(".offer")).to_contain_text("New here?")
    start = page.locator(".start-tour")
    start.focus()
    page.keyboard.press("Enter")
    dialog, ring = page.get_by_role("dialog", name="Tour"), page.locator(".ring")
    titles = []
    for number in range(1, 7):
        expect(dialog).to_contain_text(f"{number} of 6")
        titles.append(dialog.locator("h2").inner_text())
        expect(ring).to_be_visible()
        box, window = dialog.bounding_box(), page.viewport_size
        assert 0 <= box["x"] and box["x"] + box["width"] <= window["width"]
        assert 0 <= box["y"] and box["y"] + box["height"] <= window["height"]
        if number == 1:
            around, play = ring.bounding_box(), page.locator(".play-button").bounding_box()
            assert abs(around["x"] + 6 - play["x"]) < 2 and around["height"] > play["height"]
        page.keyboard.press("Enter")
    assert len(set(titles)) == 6
    expect(dialog).to_have_count(0)
    expect(start).to_be_focused()

    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Next").click()
    dialog.get_by_role("button", name="Next").click()
    dialog.get_by_role("button", name="Back").click()
    expect(dialog).to_contain_text("2 of 6")
    before = ring.bounding_box()
    page.set_viewport_size({"width": 1024, "height": 768})
    page.wait_for_timeout(1000)
    map_ = page.locator(".panel").first.bounding_box()
    assert ring.bounding_box() != before
    assert abs(ring.bounding_box()["x"] + 6 - map_["x"]) < 2
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.reload()
    page.locator(".tile .counter").wait_for(timeout=60_000)
    expect(page.locator(".start-tour")).to_be_visible()
    page.wait_for_timeout(1000)
    expect(page.locator(".offer")).to_be_empty()


def test_a_page_that_cannot_remember_works_all_the_same(browser, address):
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no') } })"
    )
    page.goto(address)
    page.locator(".start-tour").click(timeout=60_000)
    expect(page.get_by_role("dialog", name="Tour")).to_contain_text("1 of 6")
    page.close()
    assert not [error for error in errors if "tour" in error]


def test_a_word_is_explained_where_the_focus_is_while_texts_change(page):
    word = page.locator(".tile .term", has_text="spread")
    page.locator(".tile .term", has_text="error").focus()
    page.keyboard.press("Tab")
    meaning = page.get_by_role("tooltip").filter(has_text="Standard deviation of the ensemble.")
    expect(meaning).to_be_visible()
    page.keyboard.press(".")  # writes all tiles anew
    expect(page.locator(".tile .counter")).to_have_text("1", timeout=30_000)
    expect(word).to_be_focused()
    expect(meaning).to_be_visible()
    page.keyboard.press("Escape")
    expect(meaning).to_be_hidden()
