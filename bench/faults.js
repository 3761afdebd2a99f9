// Texts on show that are cut by what holds them, and pairs of which one lies over the other.
// Looks into shadow roots, where Panel's widgets live. Texts that were scrolled away are left out.
() => {
  const parent = (at) => at.assignedSlot ?? at.parentElement ?? at.getRootNode().host
  const texts = []
  let board = null
  const seek = (root) => {
    for (const at of root.querySelectorAll("*")) {
      if (at.shadowRoot)
        seek(at.shadowRoot)
      if (at.matches(".board"))
        board = at
      if (/^(STYLE|SCRIPT|OPTION)$/.test(at.tagName))
        continue
      for (const node of at.childNodes)
        if (node.nodeType === Node.TEXT_NODE && node.textContent.trim())
          texts.push([at, node])
    }
  }
  seek(document)
  const found = { cut: [], over: [] }
  const boxes = []
  for (const [at, node] of texts) {
    if (!at.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
      continue
    const range = document.createRange()
    range.selectNodeContents(node)
    const box = range.getBoundingClientRect()
    if (box.width < 2 || box.height < 2)
      continue
    const said = node.textContent.trim()
    let cut = box.left < -1 || box.right > innerWidth + 1
    let seen = true
    const scrolls = { x: false, y: false } // what lies beyond is within reach
    for (let of = at; of && seen; of = parent(of)) {
      const style = getComputedStyle(of)
      if (style.clipPath !== "none")
        seen = false
      const own = of.getBoundingClientRect()
      const clips = { x: style.overflowX, y: style.overflowY }
      if (clips.x !== "visible" || clips.y !== "visible") {
        if (box.right < own.left || box.left > own.right || box.bottom < own.top
            || box.top > own.bottom)
          seen = false // scrolled away
        for (const way of ["x", "y"])
          scrolls[way] ||= clips[way] === "auto" || clips[way] === "scroll"
        if (!scrolls.x && (clips.x === "hidden" || clips.x === "clip"))
          cut ||= box.right > own.right + 1 || box.left < own.left - 1
        if (!scrolls.y && (clips.y === "hidden" || clips.y === "clip"))
          cut ||= box.bottom > own.bottom + 3 || box.top < own.top - 3
      }
    }
    if (!seen)
      continue
    if (at.scrollWidth > at.clientWidth + 1 && at.clientWidth > 0 && said)
      cut ||= getComputedStyle(at).overflowX !== "visible"
    if (cut)
      found.cut.push(said)
    for (const line of range.getClientRects())
      boxes.push([said, line, node])
  }
  for (let of = board; of; of = parent(of))
    if (/auto|scroll/.test(getComputedStyle(of).overflowY) && of.scrollHeight > of.clientHeight + 1)
      found.cut.push("what stands beside or below the maps, to which one has to scroll")
  const common = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left)
  const depth = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
  boxes.forEach(([said, box, node], n) => {
    for (const [other, its, of] of boxes.slice(n + 1)) {
      const high = 0.3 * Math.min(box.height, its.height)
      if (of !== node && common(box, its) > 2 && depth(box, its) > high)
        found.over.push(`${said} / ${other}`)
    }
  })
  return found
}
