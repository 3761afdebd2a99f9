// The numbers at the axes of a map, and how a place is written.

/** About `wanted` round numbers between two others. */
function rounds(low, high, wanted = 5) {
  const rough = (high - low) / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)
  const found = []
  for (let k = Math.ceil(low / step); k * step <= high + 1e-9 * step; k++) found.push(k * step)
  return found
}

/** Digits after the point that tell numbers `step` apart. */
function digitsFor(step) {
  return Math.max(0, -Math.floor(Math.log10(step) + 1e-9))
}

/** A coordinate with its unit: degrees as on a globe, others plainly. */
function written(axis, value, digits) {
  if (axis.units === "°E") {
    const east = ((value % 360) + 360) % 360
    return east <= 180 ? `${east.toFixed(digits)}°E` : `${(360 - east).toFixed(digits)}°W`
  }
  if (axis.units === "°N") return `${Math.abs(value).toFixed(digits)}°${value < 0 ? "S" : "N"}`
  return value.toFixed(digits) + axis.suffix
}

/** Ticks of an axis between two coordinates: [[coordinate, label], …]. */
function ticks(axis, low, high) {
  if (high - low > 0.75 * (axis.high - axis.low)) {
    return axis.ticks.filter(([value]) => value >= low && value <= high)
  }
  const values = rounds(low, high)
  const digits = digitsFor(values.length > 1 ? values[1] - values[0] : high - low)
  return values.map((value) => [value, written(axis, value, digits)])
}
