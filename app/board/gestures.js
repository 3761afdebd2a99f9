// What hands do on a map: drag it or a sensor, turn the wheel, click, brush, press keys.

const STEP = 0.02 // of the window's width, by which an arrow key moves the cursor
const SECOND_CLICK = 350 // ms within which it makes a double click of the first

/** Let a panel listen to pointer and keys. */
function listen(panel) {
  const { frame, board } = panel
  let grip = null // what a drag holds: where it began, and a sensor, the window or a brush
  let click = null // timer of a click that may become a double one

  frame.addEventListener("wheel", (event) => {
    event.preventDefault()
    board.zoom(panel.toDomain(panel.at(event)), Math.exp(Math.sign(event.deltaY) * 0.18))
  }, { passive: false })
  frame.addEventListener("dblclick", () => {
    clearTimeout(click)
    if (board.tool === "look") board.whole()
  })

  frame.addEventListener("pointerdown", (event) => {
    clearTimeout(click)
    const from = panel.at(event)
    const sensor = panel.editable && board.tool === "look" ? panel.sensorAt(from) : -1
    board.held = sensor >= 0
    grip = { from, sensor, window: { ...board.window }, moved: false }
    frame.setPointerCapture(event.pointerId)
  })
  frame.addEventListener("pointermove", (event) => {
    const to = panel.at(event)
    board.point_(panel.toDomain(to))
    if (!grip) {
      frame.classList.toggle("grab", panel.editable && panel.sensorAt(to) >= 0)
      return
    }
    grip.moved ||= Math.hypot(to[0] - grip.from[0], to[1] - grip.from[1]) > 3
    if (!grip.moved) return
    if (grip.sensor >= 0) board.drag(grip.sensor, panel.toDomain(to))
    else if (panel.editable && BRUSHES.includes(board.tool)) {
      panel.brush = [grip.from, to]
      panel.drawOver()
    } else if (board.tool === "look") board.pan(grip, to, panel)
  })
  frame.addEventListener("pointerup", (event) => {
    const to = panel.at(event)
    const held = grip
    grip = null
    board.held = false
    if (!held) return
    if (!held.moved && board.tool === "look") {
      const place = panel.toDomain(to)
      click = setTimeout(() => board.sendPoint(place), SECOND_CLICK)
    } else if (!held.moved) act(panel, to)
    else if (held.sensor >= 0) board.sendSensors()
    else if (panel.brush) {
      const [a, b] = panel.brush.map((place) => panel.toDomain(place))
      panel.brush = null
      panel.drawOver()
      board.send({ stroke: { tool: board.tool, from: a, to: b } })
    }
  })
  frame.addEventListener("pointercancel", () => { grip = panel.brush = null; board.held = false })
  frame.addEventListener("pointerleave", () => board.point_(null))

  frame.addEventListener("focus", () => { panel.cursorShown = frame.matches(":focus-visible"); panel.drawOver() })
  frame.addEventListener("blur", () => { panel.cursorShown = false; panel.drawOver() })
  frame.addEventListener("keydown", (event) => {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }
    const w = board.window
    if (arrows[event.key]) {
      const [right, up] = arrows[event.key]
      const [x, y] = board.cursor
      board.cursor = board.inside([
        x + right * STEP * (w.x1 - w.x0),
        y + up * STEP * (w.y1 - w.y0),
      ])
      panel.cursorShown = true
      board.point_(board.cursor)
      panel.drawOver()
    } else if (event.key === "Enter") act(panel, panel.toScreen(board.cursor))
    else if (event.key === "Delete" && panel.editable) remove(panel, panel.toScreen(board.cursor))
    else if (event.key === "+") board.zoom(board.cursor, 0.7)
    else if (event.key === "-") board.zoom(board.cursor, 1 / 0.7)
    else if (event.key === "0") board.whole()
    else return
    event.preventDefault()
    event.stopPropagation()
  })
}

/** A click, or Enter at the cursor: what the chosen tool does at a place on the screen. */
function act(panel, place) {
  const { board } = panel
  if (board.tool === "add" && panel.editable) {
    board.positions.push(board.inside(panel.toDomain(place)))
    board.sendSensors()
  } else if (board.tool === "remove" && panel.editable) remove(panel, place)
  else board.sendPoint(panel.toDomain(place))
}

/** Take away the sensor at a place on the screen. */
function remove(panel, place) {
  const sensor = panel.sensorAt(place)
  if (sensor < 0 || panel.board.positions.length === 1) return // without any there is no run
  panel.board.positions.splice(sensor, 1)
  panel.board.silent = Array.from(panel.board.silent).filter((_, n) => n !== sensor)
  panel.board.sendSensors()
}
