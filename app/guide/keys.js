// Keys that work anywhere on the page, unless one is writing or in a dialog.

const KEYS = {
  " ": "play", ".": "step", r: "reset", a: "assimilate", f: "forecast", "[": "back", "]": "on",
  l: "live",
}

/** Call `told` with the name of what a key means. */
function listenToKeys(told) {
  const heard = (event) => {
    const at = event.composedPath()[0]
    const busy = ["INPUT", "TEXTAREA", "SELECT", "BUTTON"].includes(at.tagName)
    const slider = at.tagName === "INPUT" && at.type === "range"
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return
    const name = KEYS[event.key]
    if (!name || (busy && !(slider && event.key.length === 1 && event.key !== " "))) return
    event.preventDefault()
    told(name)
  }
  document.addEventListener("keydown", heard)
  return () => document.removeEventListener("keydown", heard)
}
