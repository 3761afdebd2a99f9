// What widgets lack for those who do not see the page, or have no pointer: names, a visible focus.

const OUTLINE = new CSSStyleSheet()
OUTLINE.replaceSync(`
  :focus-visible, .Mui-focusVisible { outline: 2px solid #1a7fc1 !important; outline-offset: 2px; }
  .MuiAppBar-root :focus-visible { outline-color: white !important; }
`)
const EVERY = 3000 // ms between two looks: widgets come and go with the benchmark

/** Give all widgets names, again and again. Returns how to end that. */
function nameWidgets(root) {
  const look = () => {
    if (root.isConnected) mend(outermost(root).shadowRoot)
  }
  const early = [100, 600, 1500].map((wait) => setTimeout(look, wait))
  const again = setInterval(() => requestIdleCallback(look), EVERY)
  return () => {
    early.forEach(clearTimeout)
    clearInterval(again)
  }
}

function mend(root) {
  if (!root.adoptedStyleSheets.includes(OUTLINE)) root.adoptedStyleSheets.push(OUTLINE)
  for (const at of root.querySelectorAll("*")) {
    if (at.shadowRoot) mend(at.shadowRoot)
    else if (at.matches("span[aria-label]:not([role])") && !at.closest("[aria-hidden=true]")) {
      // The sign beside a label that explains it; a span has no name unless it is a picture.
      at.setAttribute("role", "img")
      at.tabIndex = 0
    } else if (at.matches("div[aria-label='Resize sidebar']:not([role])")) {
      at.setAttribute("role", "separator")
    } else if (at.matches("button")) nameButton(at)
    else if (at.matches("[role=progressbar]:not([aria-label])")) {
      at.setAttribute("aria-label", "The page is at work")
    } else if (at.matches("[role=combobox]:not([aria-label])") && root.host.matches(".chart-choice")) {
      at.setAttribute("aria-label", "What the chart shows")
    } else if (at.matches("h3.title")) {
      at.setAttribute("role", "heading")
      at.setAttribute("aria-level", "1")
    } else if (at.matches("h5") && !at.textContent.trim()) at.setAttribute("aria-hidden", "true")
  }
}

/** A button is called what stands on it; what it is for comes after that. */
function nameButton(at) {
  const text = at.textContent.trim()
  const said = at.getAttribute("aria-label")
  if (/\p{L}/u.test(text) && said && !said.includes(text)) at.setAttribute("aria-label", `${text}: ${said}`)
  else if (!text && !said && at.closest(".MuiInputAdornment-positionStart")) {
    at.setAttribute("aria-label", "One less")
  } else if (!text && !said && at.closest(".MuiInputAdornment-positionEnd")) {
    at.setAttribute("aria-label", "One more")
  }
}
