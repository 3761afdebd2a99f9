// What the browser does for the page beside drawing maps.

export function render({ model }) {
  const root = document.createElement("div")
  const stop = listenToKeys((key) => model.send_msg({ key }))
  model.on("msg:custom", (message) => {
    if (message.file) save(message.file)
    if (message.text) offerText(root, message.text)
  })
  model.on("remove", stop)
  return root
}
