// What a word of the field means, shown where the keyboard's focus is. The pointer has its titles.

/** Explain words under `root` that have the focus. Returns how to end that. */
function explainWords(root) {
  const bubble = made("div", { class: "meaning", popover: "manual", role: "tooltip" })
  root.append(bubble)
  let word = null
  let watched = null
  const leave = () => {
    word = null
    watched?.disconnect()
    if (bubble.matches(":popover-open")) bubble.hidePopover()
  }
  const look = (event) => {
    const at = focused()
    if (event.key === "Escape") {
      leave()
      return
    }
    if (at === word) return
    leave()
    if (!at?.matches(".term")) return
    word = at
    watched = keepFocus(word)
    bubble.textContent = word.title
    bubble.showPopover()
    const box = word.getBoundingClientRect()
    const left = Math.max(8, Math.min(box.left, innerWidth - bubble.offsetWidth - 8))
    const below = box.bottom + 6 + bubble.offsetHeight < innerHeight
    const top = below ? box.bottom + 6 : box.top - 6 - bubble.offsetHeight
    Object.assign(bubble.style, { left: `${left}px`, top: `${top}px` })
  }
  // From one element to another of the same shadow root, the focus moves unheard from out here.
  const heard = ["focusin", "keyup", "pointerup"]
  for (const name of heard) document.addEventListener(name, look)
  return () => {
    leave()
    for (const name of heard) document.removeEventListener(name, look)
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
