// Keys that work anywhere on the page, unless one is writing or in a dialog.

const KEYS = {
  " ": "play", ".": "step", r: "reset", a: "assimilate", f: "forecast", "[": "back", "]": "on",
  l: "live", "?": "help",
}
const HELD = ["step", "back", "on"] // what goes on while a key is held down
const WRITTEN = ["text", "search", "number", "email", "password", "url", "tel"]
const MENUS = "select, [role=menu], [role=menuitem], [role=listbox], [role=option]"
const PRESSED = "button, summary, a[href], input[type=checkbox], input[type=radio], [role=button], [role=combobox]"

/** Whether an element uses a key itself. */
function takes(at, key) {
  if (!at.matches) return false
  if (at.isContentEditable || at.matches("textarea")) return true
  if (at.tagName === "INPUT" && WRITTEN.includes(at.type)) return true
  // A menu goes to the entry that begins with a letter.
  if (at.matches(MENUS)) return key === " " || /\p{L}/u.test(key)
  return key === " " && at.matches(PRESSED)
}

/** Whether a key is part of a command of the browser; on some keyboards brackets need two more. */
function commands(event) {
  if (event.metaKey) return true
  if (event.getModifierState("AltGraph") || "[]".includes(event.key)) return false
  return event.ctrlKey || event.altKey
}

/** Call `told` with the name of what a key means; `root` is the guide's own element.
    In a notebook, keys pressed outside of the dashboard are the notebook's. */
function listenToKeys(root, told) {
  const heard = (event) => {
    const path = event.composedPath()
    const name = KEYS[event.key]
    if (!name || event.defaultPrevented || commands(event) || takes(path[0], event.key)) return
    if (event.repeat && !HELD.includes(name)) return
    if (root.querySelector("dialog[open]")) return
    if (!path.includes(outermost(root)) && !(path[0] === document.body && alone(root))) return
    event.preventDefault()
    told(name)
  }
  document.addEventListener("keydown", heard)
  return () => document.removeEventListener("keydown", heard)
}
