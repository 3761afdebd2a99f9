// Files to save.

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
