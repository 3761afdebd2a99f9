// A tour of the page in six steps, and its offer to those who are here for the first time.

const STEPS = [
  [".play-button", "Play", "Play lets the filters run, cycle by cycle: a forecast, then a " +
    "correction by what the sensors measured. Step runs one cycle, Reset starts again."],
  [".panel", "Truth and sensors", "The truth, which the filters never see, and the sensors as dots. " +
    "Drag sensors, or choose below the maps to add and remove them."],
  [".panel:nth-child(2)", "Estimate", "What a filter makes of the noisy measurements. The title of " +
    "each map is a choice: an estimate, its uncertainty, or its error, of any filter."],
  [".card-errors", "Error and spread", "How far the estimates are from the truth, and dotted how far " +
    "they say they may be. The two are alike where a filter knows how wrong it is."],
  [".race", "The race", "Every filter runs at its own pace. The bars tell how far each has come, " +
    "and how much computing time that took."],
  [".MuiDrawer-paper, .drawer", "Scenes and settings", "A scene shows one thing and says what to look at. Or make it " +
    "harder: fewer sensors, more noise, other filters. Further down are files and links to keep."],
]
const ROOM = 6 // px between what is shown and the ring around it
const KNOWN = "ldensf-tour"

/** Whether the visitor was offered the tour before; where nothing can be kept, nobody is asked. */
function known() {
  try { return localStorage.getItem(KNOWN) !== null } catch { return true }
}

function remember() {
  try { localStorage.setItem(KNOWN, "offered") } catch { /* asked again next time */ }
}

/** Go through the steps. */
function tour(root) {
  let at = 0
  const ring = made("div", { class: "ring" })
  const heading = made("h2", {})
  const text = made("p", { "aria-live": "polite" })
  const count = made("span", { class: "count" })
  const back = button("Back", () => show(at - 1))
  const next = button("Next", () => (at + 1 < STEPS.length ? show(at + 1) : dialog.close()), {
    autofocus: "", class: "next",
  })
  const skip = button("Skip", () => dialog.close())
  const dialog = made(
    "dialog", { "aria-label": "Tour", class: "tour" },
    ring,
    // With its own ground: the dialog's lies below the ring's shadow.
    made("div", { class: "bubble" },
      heading, text, made("div", { class: "row" }, count, back, next, skip)),
  )
  const place = () => {
    const target = everywhere(STEPS[at][0], outermost(root).shadowRoot)[0]
    const box = target?.getBoundingClientRect()
    const there = box?.width > 0 && box.right > 0
    ring.hidden = !there
    if (there) {
      Object.assign(ring.style, {
        left: `${Math.max(0, box.left - ROOM)}px`,
        top: `${Math.max(0, box.top - ROOM)}px`,
        right: `${Math.max(0, innerWidth - box.right - ROOM)}px`,
        bottom: `${Math.max(0, innerHeight - box.bottom - ROOM)}px`,
      })
    }
    const [left, top] = there ? beside(box, dialog) : [
      (innerWidth - dialog.offsetWidth) / 2, (innerHeight - dialog.offsetHeight) / 2,
    ]
    Object.assign(dialog.style, { left: `${left}px`, top: `${top}px` })
  }
  const show = (step) => {
    at = step
    const [selector, title, said] = STEPS[at]
    heading.textContent = title
    text.textContent = said
    count.textContent = `${at + 1} of ${STEPS.length}`
    back.disabled = at === 0
    next.textContent = at + 1 < STEPS.length ? "Next" : "Done"
    everywhere(selector, outermost(root).shadowRoot)[0]?.scrollIntoView({ block: "nearest" })
    place()
  }
  addEventListener("resize", place)
  addEventListener("scroll", place, true)
  open(root, dialog).addEventListener("close", () => {
    removeEventListener("resize", place)
    removeEventListener("scroll", place, true)
  })
  show(0)
}

/** Where a dialog stands beside a box: at its right, left, below or above, where there is room. */
function beside(box, { offsetWidth: width, offsetHeight: height }) {
  const gap = 2 * ROOM + 4
  const within = (value, room) => Math.max(8, Math.min(value, room - 8))
  const left = within(box.left, innerWidth - width)
  const top = within(box.top, innerHeight - height)
  if (box.right + gap + width < innerWidth) return [box.right + gap, top]
  if (box.left - gap - width > 0) return [box.left - gap - width, top]
  if (box.bottom + gap + height < innerHeight) return [left, box.bottom + gap]
  return [left, within(box.top - gap - height, innerHeight - height)]
}
