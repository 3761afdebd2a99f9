// Panel's widgets live in shadow roots within shadow roots: how to find elements there.

/** All elements under `root` that match, in the order of the page. */
function everywhere(selector, root = document) {
  return [...root.querySelectorAll("*")].flatMap((at) => [
    ...(at.matches(selector) ? [at] : []),
    ...(at.shadowRoot ? everywhere(selector, at.shadowRoot) : []),
  ])
}

/** The element of the document that holds `at`, through all shadow roots. */
function outermost(at) {
  for (let host = at.getRootNode().host; host; host = at.getRootNode().host) at = host
  return at
}

/** Whether the dashboard fills a page, rather than a cell of a notebook. */
function alone(at) {
  return outermost(at).parentElement?.parentElement === document.body
}

/** The element that has the focus, through all shadow roots. */
function focused() {
  let at = document.activeElement
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
  return at
}
