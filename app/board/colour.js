// Pixels of a field and their colours. A field arrives as whole numbers from 0 to LEVELS between
// its least and its largest value; MISSING is no number.

const LEVELS = 65534
const MISSING = 65535

/** 256 colours as pixels of an ImageData. */
function palette(colours) {
  return Uint32Array.from(colours, (hex) => {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
    return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0
  })
}

/** The value of one level of a panel's field; NaN where there is none. */
function valueOf(level, panel) {
  return level === MISSING ? NaN : panel.low + ((panel.high - panel.low) * level) / LEVELS
}

/** Paint a field on an image of its size, north or upwards at the top. */
function paint(image, pixels, panel, colours) {
  const { width: nx, height: ny } = image
  const target = new Uint32Array(image.data.buffer)
  const perUnit = 255 / (panel.to - panel.from || 1)
  const slope = ((panel.high - panel.low) / LEVELS) * perUnit
  const offset = (panel.low - panel.from) * perUnit + 0.5
  for (let row = 0; row < ny; row++) {
    const source = (ny - 1 - row) * nx
    for (let column = 0; column < nx; column++) {
      const level = pixels[source + column]
      const place = Math.max(0, Math.min(255, offset + slope * level))
      target[row * nx + column] = level === MISSING ? 0 : colours[place | 0]
    }
  }
}
