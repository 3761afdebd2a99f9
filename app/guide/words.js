// What a word of the field means, shown where the keyboard's focus is. The pointer has its titles.

/** Explain words under `root` that have the focus. Returns how to end that. */
function explainWords(root) {
  const bubble = made("div", { class: "meaning", popover: "manual", role: "tooltip" })
  root.append(bubble)
  let watched = null
  const leave = () => {
    bubble.matches(":popover-open") && bubble.hidePopover()
    watched?.disconnect()
    watched = null
  }
  const come = (event) => {
    leave()
    const word = event.composedPath()[0]
    if (!word.matches?.(".term")) return
    bubble.textContent = word.title
    bubble.showPopover()
    const box = word.getBoundingClientRect()
    const left = Math.max(8, Math.min(box.left, innerWidth - bubble.offsetWidth - 8))
    const below = box.bottom + 6 + bubble.offsetHeight < innerHeight
    const top = below ? box.bottom + 6 : box.top - 6 - bubble.offsetHeight
    Object.assign(bubble.style, { left: `${left}px`, top: `${top}px` })
    watched = keepFocus(word)
  }
  const escape = (event) => { if (event.key === "Escape") leave() }
  document.addEventListener("focusin", come)
  document.addEventListener("focusout", leave)
  document.addEventListener("keydown", escape)
  return () => {
    leave()
    document.removeEventListener("focusin", come)
    document.removeEventListener("focusout", leave)
    document.removeEventListener("keydown", escape)
  }
}

/** Texts are written anew as the run goes on: give the focus to the same word of the new text. */
function keepFocus(word) {
  const root = word.getRootNode()
  const place = [...root.querySelectorAll(".term")].indexOf(word)
  const observer = new MutationObserver(() => {
    if (!word.isConnected && focused() === document.body) {
      root.querySelectorAll(".term")[place]?.focus({ preventScroll: true })
    }
  })
  observer.observe(root, { childList: true, subtree: true })
  return observer
}
