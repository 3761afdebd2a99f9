// Files to save and texts to copy.

/** Save bytes as a file of the visitor's. */
function save({ name, type, bytes }) {
  const address = URL.createObjectURL(new Blob([bytes], { type }))
  const link = document.createElement("a")
  link.href = address
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

/** Show a text in a dialog, to be copied. A link is given as what follows the page's address. */
function offerText(root, { title, text, query }) {
  const whole = query ? `${location.origin}${location.pathname}?${query}` : text
  const dialog = document.createElement("dialog")
  dialog.setAttribute("aria-label", title)
  const heading = document.createElement("h2")
  heading.textContent = title
  const field = document.createElement("textarea")
  field.readOnly = true
  field.value = whole
  field.rows = Math.min(24, whole.split("\n").length + 2)
  field.setAttribute("aria-label", title)
  const copy = document.createElement("button")
  copy.textContent = "Copy"
  copy.className = "copy"
  copy.addEventListener("click", async () => {
    field.select()
    // The clipboard is there on secure pages only; the older way works elsewhere.
    try { await navigator.clipboard.writeText(whole) } catch { document.execCommand("copy") }
    copy.textContent = "Copied"
  })
  const close = document.createElement("button")
  close.textContent = "Close"
  close.addEventListener("click", () => dialog.close())
  dialog.addEventListener("close", () => dialog.remove())
  dialog.append(heading, field, copy, close)
  root.append(dialog)
  dialog.showModal()
  field.select()
}
