// Sources of regions and pages as inert nodes, and the markers in them: comments <!--live:<id>:<hash>[:<token>]-->
// and <!--/live:<id>-->, which may stand where elements may not (between the rows of a table).

const WRAPS = { "http://www.w3.org/2000/svg": "svg", "http://www.w3.org/1998/Math/MathML": "math" };
const TOKEN = "input[type=hidden][name=csrfmiddlewaretoken]"; // never travels with a region
const policy = globalThis.trustedTypes?.createPolicy?.("vivace", { createHTML: (html) => html });
const trusted = (html) => (policy ? policy.createHTML(html) : html);

/** A document in which nothing loads, runs or is upgraded. */
export const inert = document.implementation.createHTMLDocument("");

/** Return a source as inert nodes, read as content of the element `parent`. Scripts in it never run. */
export function parse(html, parent) {
  const wrap = parent.localName === "foreignObject" ? undefined : WRAPS[parent.namespaceURI];
  const template = inert.createElement("template");
  template.innerHTML = trusted(wrap ? `<${wrap}>${html}</${wrap}>` : html);
  return asOnPage(wrap ? template.content.firstChild : template.content);
}

/** Return the source of a page as an inert document. */
export function parsePage(html) {
  return asOnPage(new DOMParser().parseFromString(trusted(html), "text/html"));
}

/** Change what inert nodes have otherwise than a page with scripts: the text of <noscript>, the token of forms. */
function asOnPage(root) {
  for (const each of root.querySelectorAll("noscript")) each.textContent = each.innerHTML;
  const empty = root.querySelectorAll(`${TOKEN}[value=""]`);
  const token = empty.length > 0 && document.querySelector(`${TOKEN}:not([value=""])`);
  if (token) for (const each of empty) each.setAttribute("value", token.value);
  return root;
}

/** Return what a comment says as a marker, or null. */
export function marker(node) {
  const found = node.nodeType === Node.COMMENT_NODE && /^(\/?)live:([^:]+)(?::([^:]*)(?::(.*))?)?$/s.exec(node.data);
  return found ? { isEnd: found[1] === "/", id: found[2], hash: found[3] ?? "", token: found[4] ?? "" } : null;
}

/** Return the start markers in a node, itself among them, in document order. */
export function starts(root) {
  const found = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_COMMENT);
  for (let node = root.nodeType === Node.COMMENT_NODE ? root : walker.nextNode(); node; node = walker.nextNode()) {
    if (marker(node)?.isEnd === false) found.push(node);
  }
  return found;
}

/** Return the marker that ends the region of a start marker; null when it does not stand beside it. */
export function endOf(start) {
  const { id } = marker(start);
  const ends = (node) => marker(node)?.isEnd && marker(node).id === id;
  for (let node = start.nextSibling; node; node = node.nextSibling) if (ends(node)) return node;
  // <table><!--live:a--><tr>…<!--/live:a--></table>: the parser made a <tbody> and put the end into it
  const body = start.parentNode?.localName === "table" && start.nextElementSibling;
  const end = body && [...body.childNodes].find(ends);
  if (end) body.prepend(start);
  return end || null;
}

/** Empty the regions in inert nodes; returns `[id, { hash, token, nodes }]` for each, outer ones first. */
export function cutRegions(root) {
  const found = [];
  for (const start of starts(root)) {
    const end = root.contains(start) && endOf(start);
    if (!end) continue;
    const { id, hash, token } = marker(start);
    const nodes = inert.createDocumentFragment();
    while (start.nextSibling !== end) nodes.append(start.nextSibling);
    end.remove();
    start.data = `live:${id}`;
    found.push([id, { hash, token, nodes }], ...cutRegions(nodes));
  }
  return found;
}
