// What the page says when it loses the server, and when it finds it again.
//
// Bokeh connects again by itself, five times within half a minute, and draws the page anew from the
// session it finds. A server that does not know the session makes another one for it.

const SOON = 600 // ms after which a loss is worth a word
const AGAIN = 5000 // ms between two attempts once Bokeh has given up
const LONG = 15000 // ms after which an attempt that drew nothing has failed, though it connected
const READ = 8000 // ms for which good news stands
const LOST = "Connection to the server lost. The page tries to connect again by itself, and the run " +
  "waits as it is. If this takes long, see whether your network and the server are up."
const BACK = "Connected again. Run and settings are as they were."
const GONE = "The server was started anew, or has dropped this run because the page was away for " +
  "too long. What had been computed is lost."
const STILL_KNOWN = " Settings, sensors and changes are still known here."

/** What is to outlive a page that is drawn anew. */
const kept = (window.ldensf ??= { session: "", scene: "", lost: false, heard: null })

/** Say what becomes of the connection. Returns how to end that. */
function watchConnection(root, model, doc) {
  const bar = made("div", { class: "connection", popover: "manual" })
  root.append(bar)
  const keep = () => Object.assign(kept, { session: model.session, scene: model.scene })
  const leave = () => model.send_msg({ left: true })
  let attempt = null // to connect again, as the latest loss offers it
  let answered = false // by the server, after the last but one attempt
  let timers = []
  let next = null // attempt, if nothing else happens

  const hide = () => {
    timers.forEach(clearTimeout)
    timers = []
    clearTimeout(next)
    if (bar.matches(":popover-open")) bar.hidePopover()
  }
  const say = (role, text, ...more) => {
    if (!bar.matches(":popover-open")) bar.showPopover()
    bar.replaceChildren(made("span", { role }, text), ...more)
  }
  const sayLost = () => {
    for (const part of everywhere("main, .MuiDrawer-root")) {
      part.inert = true // what one did here would be lost
      part.style.opacity = 0.6
    }
    say("alert", LOST, button("Try now", () => attempt()))
  }
  const lost = async (event) => {
    attempt = () => event.reconnect()
    const insist = () => {
      const socket = event.connection.deref()?.socket
      if (socket?.readyState === WebSocket.OPEN) socket.close() // Bokeh opens another one
      else attempt()
    }
    if (!kept.lost) timers.push(setTimeout(sayLost, SOON))
    kept.lost = true
    clearTimeout(next)
    next = setTimeout(insist, event.timeout === null ? AGAIN : event.timeout + LONG)
    // A server that is there but lets nobody in has forgotten the page, and will not know it again.
    const before = answered
    answered = await answers()
    if (before && answered && kept.lost && root.isConnected) {
      hide()
      offerScene(root)
    }
  }
  kept.heard = lost
  if (doc.ldensf !== true) {
    doc.ldensf = true
    doc.on_event("connection_lost", (_, event) => void kept.heard(event))
  }
  addEventListener("pagehide", leave)
  model.on("change:scene", keep)

  if (kept.lost && kept.session !== model.session) setTimeout(() => offerScene(root))
  else {
    if (kept.lost) setTimeout(() => {
      say("status", BACK)
      timers.push(setTimeout(hide, READ))
    })
    keep()
  }
  kept.lost = false
  return () => {
    hide()
    removeEventListener("pagehide", leave)
  }
}

/** Whether anything answers at the page's address: an error of the visitor's will do. */
async function answers() {
  try {
    return (await fetch(location.pathname, { method: "HEAD", cache: "no-store" })).status < 500
  } catch {
    return false
  }
}

/** Say that the run is gone, and offer to open its scene again: the only way on, since what is on
    the page now leads to no run. */
function offerScene(root) {
  if (root.querySelector("dialog.gone")) return
  const [more, what, query] = kept.scene
    ? [STILL_KNOWN, "Open the same scene", `?scene=${kept.scene}`]
    : ["", "Open the page anew", location.search]
  const dialog = made(
    "dialog",
    { class: "gone", role: "alertdialog", "aria-label": "This run is gone", "aria-describedby": "gone" },
    made("h2", {}, "This run is gone"), made("p", { id: "gone" }, GONE + more),
    button(what, () => location.assign(location.pathname + query), { autofocus: "" }),
  )
  dialog.addEventListener("cancel", (event) => event.preventDefault())
  open(root, dialog)
}
