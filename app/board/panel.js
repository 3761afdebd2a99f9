// One map: a choice of what it shows, the pixels, what lies over them, axes and a colour bar.

/** A DOM element with attributes (properties where a value is no text) and children. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "string") made.setAttribute(name, value)
    else made[name] = value
  }
  made.append(...children)
  return made
}

const LETTER = 6.5 // px, of a number at the horizontal axis
const HIT = 9 // px from a sensor that still touch it

class Panel {
  /** `place` is its number; `board` holds what all panels share. */
  constructor(place, board) {
    this.place = place
    this.board = board
    this.choice = element("select", { "aria-label": `What map ${place + 1} shows` })
    this.note = element("span", { class: "note" })
    this.unit = element("span", { class: "unit" })
    this.pixels = element("canvas", { class: "pixels" })
    this.over = element("canvas", { class: "over" })
    this.readout = element("div", { class: "readout", hidden: true })
    this.empty = element("div", { class: "empty" })
    this.frame = element(
      "div", { class: "frame", tabindex: "0", role: "img" },
      this.pixels, this.over, this.empty, this.readout,
    )
    this.bar = element("canvas", { class: "bar", width: 1, height: 256 })
    this.barLabels = element("div", { class: "bar-labels" })
    this.xLabels = element("div", { class: "x-labels" })
    this.yLabels = element("div", { class: "y-labels" })
    this.root = element(
      "section", { class: "panel" },
      element("header", {}, this.choice, this.note, this.unit),
      element("div", { class: "plot" },
        this.yLabels, this.frame, this.bar, this.barLabels, this.xLabels),
    )
    this.choice.addEventListener("change", () => board.choose(place, this.choice.value))
    this.shown = null
    listen(this)
  }

  get editable() {
    return this.shown?.view === "truth"
  }

  /** Offer views; `chosen` is the present one. */
  offer(choices, chosen) {
    this.choice.replaceChildren(
      ...choices.map(([value, label]) => element("option", { value }, label)),
    )
    this.choice.value = chosen
  }

  /** Draw a field: `panel` says what it is, `pixels` are its levels. */
  show(panel, pixels, shape) {
    const before = this.shown
    this.shown = panel
    this.levels = pixels
    this.shape = shape
    if (this.choice.value !== panel.view) this.choice.value = panel.view
    if (before?.note !== panel.note) this.note.textContent = this.note.title = panel.note
    if (before?.unit !== panel.unit) this.unit.textContent = panel.unit
    if (before?.colour !== panel.colour) this.choice.style.setProperty("--tint", panel.colour)
    if (before?.label !== panel.label) this.frame.setAttribute("aria-label", panel.label)
    this.empty.textContent = panel.empty
    this.pixels.hidden = !pixels
    if (pixels) {
      const [ny, nx] = shape
      if (this.pixels.width !== nx || this.pixels.height !== ny || !this.image) {
        this.pixels.width = nx
        this.pixels.height = ny
        this.context = this.pixels.getContext("2d")
        this.image = this.context.createImageData(nx, ny)
      }
      paint(this.image, pixels, panel, this.board.palettes[panel.scale])
      this.context.putImageData(this.image, 0, 0)
    }
    if (before?.scale !== panel.scale) this.paintBar()
    if (before?.from !== panel.from || before?.to !== panel.to || before?.digits !== panel.digits) {
      this.labelBar()
    }
    if (before?.view !== panel.view) this.drawOver()
    this.read()
  }

  paintBar() {
    const context = this.bar.getContext("2d")
    const image = context.createImageData(1, 256)
    new Uint32Array(image.data.buffer).set(this.board.palettes[this.shown.scale].slice().reverse())
    context.putImageData(image, 0, 0)
  }

  labelBar() {
    const { from, to } = this.shown
    const values = rounds(from, to)
    const digits = digitsFor(values.length > 1 ? values[1] - values[0] : to - from)
    this.barLabels.replaceChildren(
      ...values.map((value) => {
        const label = element("span", {}, value.toFixed(digits))
        label.style.bottom = `${(100 * (value - from)) / (to - from)}%`
        return label
      }),
    )
  }

  /** Bring everything to the window that all maps look through. */
  place_() {
    const { domain, window: w } = this.board
    if (!domain) return
    const { clientWidth: width, clientHeight: height } = this.frame
    const perX = width / (w.x1 - w.x0)
    const perY = height / (w.y1 - w.y0)
    Object.assign(this.pixels.style, {
      left: `${(domain.x.low - w.x0) * perX}px`,
      top: `${(w.y1 - domain.y.high) * perY}px`,
      width: `${(domain.x.high - domain.x.low) * perX}px`,
      height: `${(domain.y.high - domain.y.low) * perY}px`,
    })
    const thinned = (labels) => {
      const widest = Math.max(...labels.map(([, label]) => label.length)) * LETTER + 10
      const every = Math.max(1, Math.ceil((labels.length * widest) / width))
      return labels.filter((_, n) => n % every === 0)
    }
    const mark = (side, share) => ([value, label]) => {
      const made = element("span", {}, label)
      made.style[side] = `${100 * share(value)}%`
      return made
    }
    this.xLabels.replaceChildren(
      ...thinned(ticks(domain.x, w.x0, w.x1)).map(mark("left", (x) => (x - w.x0) / (w.x1 - w.x0))),
    )
    this.yLabels.replaceChildren(
      ...ticks(domain.y, w.y0, w.y1).map(mark("bottom", (y) => (y - w.y0) / (w.y1 - w.y0))),
    )
    this.drawOver()
  }

  /** Pixels of the frame for a place of the domain, and back. */
  toScreen([x, y]) {
    const w = this.board.window
    return [
      ((x - w.x0) / (w.x1 - w.x0)) * this.frame.clientWidth,
      ((w.y1 - y) / (w.y1 - w.y0)) * this.frame.clientHeight,
    ]
  }

  toDomain([left, top]) {
    const w = this.board.window
    return [
      w.x0 + (left / this.frame.clientWidth) * (w.x1 - w.x0),
      w.y1 - (top / this.frame.clientHeight) * (w.y1 - w.y0),
    ]
  }

  at(event) {
    const box = this.frame.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }

  /** Number of the sensor at a place on the screen, or -1. */
  sensorAt([left, top]) {
    let found = -1
    let nearest = HIT ** 2
    this.board.positions.forEach((position, n) => {
      const [x, y] = this.toScreen(position)
      const distance = (x - left) ** 2 + (y - top) ** 2
      if (distance < nearest) [found, nearest] = [n, distance]
    })
    return found
  }

  /** Lines of the ground, sensors, the point whose series is drawn, a brush being drawn. */
  drawOver() {
    const ratio = window.devicePixelRatio || 1
    const { clientWidth: width, clientHeight: height } = this.frame
    if (!width || !this.board.domain) return
    this.over.width = width * ratio
    this.over.height = height * ratio
    const context = this.over.getContext("2d")
    context.scale(ratio, ratio)
    context.lineWidth = 0.7
    for (const { points, colour } of this.board.domain.lines) {
      context.strokeStyle = colour
      context.beginPath()
      points.forEach((point, n) => context[n ? "lineTo" : "moveTo"](...this.toScreen(point)))
      context.stroke()
    }
    if (this.editable) this.drawSensors(context)
    if (this.board.point) this.cross(context, this.toScreen(this.board.point), 7, "#ffffff", "#111827")
    if (this.board.cursor && this.cursorShown) {
      this.cross(context, this.toScreen(this.board.cursor), 10, "#ffffff", "#c2255c")
    }
    if (this.brush) this.drawBrush(context, ...this.brush)
  }

  drawSensors(context) {
    const { positions, silent } = this.board
    const radius = Math.max(1.3, Math.min(3.6, 28 / Math.sqrt(positions.length || 1)))
    context.lineWidth = 0.8
    positions.forEach((position, n) => {
      context.beginPath()
      context.arc(...this.toScreen(position), radius, 0, 2 * Math.PI)
      context.fillStyle = silent[n] ? "rgba(17, 24, 39, 0)" : "#111827"
      context.strokeStyle = silent[n] ? "#111827" : "#ffffff"
      context.fill()
      context.stroke()
    })
  }

  cross(context, [x, y], arm, ground, colour) {
    for (const [line, width] of [[ground, 4], [colour, 1.8]]) {
      context.strokeStyle = line
      context.lineWidth = width
      context.beginPath()
      context.moveTo(x - arm, y)
      context.lineTo(x + arm, y)
      context.moveTo(x, y - arm)
      context.lineTo(x, y + arm)
      context.stroke()
    }
  }

  drawBrush(context, [x0, y0], [x1, y1]) {
    context.strokeStyle = "#c2255c"
    context.lineWidth = 1.5
    context.setLineDash([4, 3])
    context.beginPath()
    if (this.board.tool === "line") {
      context.moveTo(x0, y0)
      context.lineTo(x1, y1)
    } else if (this.board.tool === "cluster") {
      context.arc(x0, y0, Math.hypot(x1 - x0, y1 - y0), 0, 2 * Math.PI)
    } else {
      context.rect(Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0))
    }
    context.stroke()
    context.setLineDash([])
  }

  /** Tell place and value under the pointer, which is over this or another map. */
  read() {
    const { domain, pointer } = this.board
    this.readout.hidden = !pointer || !this.levels
    if (this.readout.hidden) return
    const [ny, nx] = this.shape
    const share = (axis, value) => (value - axis.low) / (axis.high - axis.low)
    const column = Math.min(nx - 1, Math.floor(share(domain.x, pointer[0]) * nx))
    const row = Math.min(ny - 1, Math.floor(share(domain.y, pointer[1]) * ny))
    const value = valueOf(this.levels[row * nx + column], this.shown)
    const number = Number.isFinite(value) ? value.toFixed(this.shown.digits) : "–"
    this.readout.textContent =
      `${written(domain.x, pointer[0], domain.x.digits)}, ` +
      `${written(domain.y, pointer[1], domain.y.digits)}: ${number}${this.shown.suffix}`
  }
}
