// What the browser does for the page beside drawing maps: keys, a tour, files, texts, names,
// the connection to the server.

export function render({ model, view }) {
  const root = document.createElement("div")
  root.className = "guide"
  const offer = made("span", { class: "offer" })
  const settle = () => {
    remember()
    offer.replaceChildren()
  }
  const help = () => explain(root, model.words)
  root.append(
    button("To the maps", () => everywhere(".frame")[0]?.focus(), { class: "jump" }),
    offer,
    button("Tour", () => { settle(); tour(root) }, { class: "start-tour", title: "The page in six steps." }),
    button("?", help, { class: "help-button", title: "Keys and words (?)", "aria-label": "? Keys and words" }),
  )
  const stops = [
    listenToKeys(root, (key) => (key === "help" ? help() : model.send_msg({ key }))),
    explainWords(root),
    nameWidgets(root),
    watchConnection(root, model, view.model.document),
  ]
  model.on("after_render", () => {
    root.classList.toggle("alone", alone(root)) // then it stands in the page's dark head
    if (alone(root) && !known() && !offer.firstChild) {
      offer.append("New here?", button("×", settle, { "aria-label": "No tour", class: "no-tour" }))
    }
  })
  model.on("msg:custom", (message) => {
    if (message.file) save(message.file)
    if (message.text) offerText(root, message.text)
  })
  model.on("remove", () => stops.forEach((stop) => stop()))
  return root
}
