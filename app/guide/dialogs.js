// Dialogs: a text to copy, and all keys and words.

function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

function button(text, pressed, attributes = {}) {
  const element = made("button", { type: "button", ...attributes }, text)
  element.addEventListener("click", pressed)
  return element
}

/** Show a dialog until it is closed; the focus goes back to where it was. */
function open(root, dialog) {
  const before = focused()
  dialog.addEventListener("close", () => {
    dialog.remove()
    before?.focus({ preventScroll: true })
  })
  root.append(dialog)
  dialog.showModal()
  return dialog
}

/** The address of a page that opens links: this one, or from a notebook the one that Jupyter's
    server starts; without jupyter-server-proxy one that `ldensf app` serves on this machine. */
async function pageAddress(root, { path, port }) {
  if (alone(root)) return `${location.origin}${location.pathname}`
  const jupyter = document.getElementById("jupyter-config-data")
  const base = jupyter && `${location.origin}${JSON.parse(jupyter.textContent).baseUrl}`
  const asked = base && await fetch(`${base}server-proxy/servers-info`)
  const [server, app] = path.split("/")
  const names = asked?.ok ? (await asked.json()).server_processes.map(({ name }) => name) : []
  return names.includes(server) ? `${base}${path}` : `http://localhost:${port}/${app}`
}

/** Show a text in a dialog, to be copied. A link is given as what follows the page's address. */
async function offerText(root, { title, text, query, served }) {
  const whole = query ? `${await pageAddress(root, served)}?${query}` : text
  const field = made("textarea", { readonly: "", "aria-label": title })
  field.value = whole
  field.rows = Math.min(24, whole.split("\n").length + 2)
  const copy = button("Copy", async () => {
    field.select()
    // The clipboard is there on secure pages only; the older way works elsewhere.
    try { await navigator.clipboard.writeText(whole) } catch { document.execCommand("copy") }
    copy.textContent = "Copied"
  }, { class: "copy" })
  const dialog = made("dialog", { "aria-label": title }, made("h2", {}, title), field, copy)
  dialog.append(button("Close", () => dialog.close()))
  open(root, dialog)
  field.select()
}

const EXPLAINED = {
  "Anywhere": [
    ["Space", "play or pause"], [".", "one step"], ["r", "reset"],
    ["a", "assimilate, or no longer"], ["f", "forecast to the end"],
    ["[ and ]", "one cycle back, one on"], ["l", "live: follow the run again"], ["?", "this list"],
  ],
  "On a map": [
    ["Arrows", "move the cursor"], ["Enter", "do there what the pointer would: series, sensor"],
    ["Delete", "remove the sensor at the cursor"], ["+ and -", "zoom"], ["0", "the whole map"],
  ],
}

/** List all keys and words. */
function explain(root, words) {
  const parts = Object.entries(EXPLAINED).map(([where, keys]) =>
    made("section", {}, made("h3", {}, where), made("dl", {}, ...keys.flatMap(([key, what]) => [
      made("dt", {}, made("kbd", {}, key)), made("dd", {}, what),
    ]))),
  )
  const meanings = Object.entries(words).flatMap(([word, what]) => [
    made("dt", {}, word), made("dd", {}, what),
  ])
  const dialog = made(
    "dialog", { "aria-label": "Keys and words", class: "help" },
    made("h2", {}, "Keys and words"), made("div", { class: "keys" }, ...parts),
    made("section", {}, made("h3", {}, "Words"), made("dl", { class: "words" }, ...meanings)),
  )
  dialog.append(button("Close", () => dialog.close(), { autofocus: "" }))
  open(root, dialog)
}
