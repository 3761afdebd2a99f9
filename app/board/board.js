// All maps of the page and the bar below them. Python sends a frame at a time; the next comes
// once this one is drawn, so that a slow browser is never behind.

const BRUSHES = ["grid", "random", "line", "cluster"]
const TOOLS = [
  ["look", "Look, drag sensors"],
  ["add", "Add a sensor"],
  ["remove", "Remove a sensor"],
  ["grid", "Brush: grid"],
  ["random", "Brush: at random"],
  ["line", "Brush: line"],
  ["cluster", "Brush: cluster"],
]

class Board {
  constructor(model) {
    this.model = model
    this.tool = "look"
    this.positions = []
    this.silent = []
    this.unheard = null // the number of the latest edit of sensors, until the server has heard it
    this.window = { x0: 0, x1: 1, y0: 0, y1: 1 }
    this.palettes = Object.fromEntries(
      Object.entries(model.palettes).map(([name, colours]) => [name, palette(colours)]),
    )
    this.panels = model.views.map((_, place) => new Panel(place, this))
    this.scrub = element("input", {
      type: "range", min: "0", max: "0", value: "0", "aria-label": "Go back through the run",
      title: "Go back through the run; the filters go on meanwhile.",
    })
    this.where = element("output", {})
    this.live = element("button", { type: "button", title: "Follow the run again." }, "Live")
    this.tools = element(
      "select",
      { "aria-label": "What the pointer does on the truth",
        title: "On the map of the truth: drag sensors, add or remove them, or fill a part with " +
          "the number of sensors that is set. A click elsewhere draws the series at that point." },
      ...TOOLS.map(([value, label]) => element("option", { value }, label)),
    )
    this.variables = element("select", { "aria-label": "Variable shown", title: "The variable that all maps show." })
    this.variables.addEventListener("change", () => this.send({ variable: Number(this.variables.value) }))
    const whole = element("button", { type: "button", title: "Show the whole domain (0)." }, "Whole map")
    this.root = element(
      "div", { class: "board" },
      element("div", { class: "panels" }, ...this.panels.map((panel) => panel.root)),
      element("div", { class: "below" }, this.variables, this.scrub, this.where, this.live, this.tools, whole),
    )
    this.scrub.addEventListener("input", () => this.send({ shown: Number(this.scrub.value) }))
    this.live.addEventListener("click", () => this.send({ shown: null }))
    this.tools.addEventListener("change", () => {
      this.tool = this.tools.value
      this.root.dataset.tool = this.tool
    })
    whole.addEventListener("click", () => this.whole())
  }

  send(message) {
    this.model.send_msg(message)
  }

  describe() {
    this.domain = this.model.domain
    this.whole()
    const { x, y } = this.domain
    this.cursor = [(x.low + x.high) / 2, (y.low + y.high) / 2]
  }

  offer() {
    const { choices, views, variables, variable } = this.model
    this.variables.replaceChildren(
      ...variables.map((name, n) => element("option", { value: String(n) }, name)),
    )
    this.variables.value = String(variable)
    this.panels.forEach((panel, place) => panel.offer(choices, views[place]))
  }

  choose(place, view) {
    this.send({ views: this.model.views.map((old, n) => (n === place ? view : old)) })
  }

  show() {
    const { panels, pixels: sent, shape, cycle, last, live, where } = this.model.frame
    if (!panels) return
    // Bokeh's arrays have a constructor of their kind, and with it no parts.
    const pixels = new Uint16Array(sent.buffer, sent.byteOffset, sent.length)
    const size = shape[0] * shape[1]
    let at = 0
    this.panels.forEach((panel, place) => {
      const there = !panels[place].empty
      panel.show(panels[place], there ? pixels.subarray(at, at + size) : null, shape)
      if (there) at += size
    })
    this.scrub.max = String(Math.max(last, 0))
    if (live || document.activeElement !== this.scrub) this.scrub.value = String(cycle)
    this.scrub.setAttribute("aria-valuetext", where)
    this.where.textContent = where
    this.live.disabled = live
    this.root.dataset.cycle = String(cycle)
    requestAnimationFrame(() => this.send({ drawn: this.model.frame.number }))
  }

  /** Take the sensors asked for by hand, else those of the cycle on show. */
  place() {
    const { asked, edit, sensors } = this.model
    if (this.unheard === edit) this.unheard = null
    // A hand moves one of them, or what the server says is older than the latest edit.
    if (this.held || this.unheard !== null) return
    const positions = asked.length ? asked : sensors.positions
    this.positions = Array.from({ length: positions.length / 2 }, (_, n) => [
      positions[2 * n], positions[2 * n + 1],
    ])
    this.silent = asked.length ? [] : sensors.silent
    this.drawOver()
  }

  drawOver() {
    for (const panel of this.panels) panel.drawOver()
  }

  // -- the window -------------------------------------------------------------------------

  whole() {
    const { x, y } = this.domain
    this.look({ x0: x.low, x1: x.high, y0: y.low, y1: y.high })
  }

  zoom([x, y], factor) {
    const w = this.window
    this.look({
      x0: x - (x - w.x0) * factor, x1: x + (w.x1 - x) * factor,
      y0: y - (y - w.y0) * factor, y1: y + (w.y1 - y) * factor,
    })
  }

  pan(grip, to, panel) {
    const w = grip.window
    const right = ((to[0] - grip.from[0]) / panel.frame.clientWidth) * (w.x1 - w.x0)
    const down = ((to[1] - grip.from[1]) / panel.frame.clientHeight) * (w.y1 - w.y0)
    this.look({ x0: w.x0 - right, x1: w.x1 - right, y0: w.y0 + down, y1: w.y1 + down })
  }

  /** Look through a window, moved and shrunk until it lies in the domain. */
  look({ x0, x1, y0, y1 }) {
    const fit = (low, high, axis) => {
      const size = Math.min(high - low, axis.high - axis.low)
      const start = Math.max(axis.low, Math.min(low, axis.high - size))
      return [start, start + size]
    }
    const { x, y } = this.domain
    if (x1 - x0 < 0.02 * (x.high - x.low)) return
    ;[x0, x1] = fit(x0, x1, x)
    ;[y0, y1] = fit(y0, y1, y)
    this.window = { x0, x1, y0, y1 }
    for (const panel of this.panels) panel.place_()
  }

  inside([x, y]) {
    const within = (value, axis) => Math.max(axis.low, Math.min(axis.high, value))
    return [within(x, this.domain.x), within(y, this.domain.y)]
  }

  // -- pointer, point, sensors --------------------------------------------------------------

  point_(place) {
    this.pointer = place && this.inside(place)
    for (const panel of this.panels) panel.read()
  }

  get point() {
    return this.model.point
  }

  drag(sensor, place) {
    this.positions[sensor] = this.inside(place)
    this.drawOver()
  }

  sendPoint(place) {
    this.send({ point: this.inside(place) })
  }

  sendSensors() {
    this.drawOver()
    this.unheard = Math.random() // several browsers may show one dashboard
    this.send({ sensors: this.positions.map(([x, y]) => [x, y]), edit: this.unheard })
  }
}

export function render({ model, el }) {
  const board = new Board(model)
  const seen = new ResizeObserver(() => {
    for (const panel of board.panels) panel.place_()
  })
  if (model.domain.x) board.describe()
  board.offer()
  model.on("domain", () => board.describe())
  model.on(["choices", "views", "variables", "variable"], () => board.offer())
  model.on("frame", () => board.show())
  model.on(["sensors", "asked", "edit"], () => board.place())
  model.on("point", () => board.drawOver())
  model.on("after_render", () => {
    for (const panel of board.panels) seen.observe(panel.frame)
    if (model.domain.x) {
      board.place()
      board.show()
    }
  })
  model.on("remove", () => seen.disconnect())
  return board.root
}
