// Frames around live regions of the page: while one is pointed at in the panel, and for a moment when one has changed.
// A region stands between two comments, <!--live:<id>…--> and <!--/live:<id>-->, and need not be an element.

const SHOWN = 1_400; // milliseconds

export class Outline {
  #layer = document.createElement("div");
  #pointed = [];

  constructor(root) {
    this.#layer.className = "frames";
    this.#layer.setAttribute("aria-hidden", "true");
    root.append(this.#layer);
  }

  /** Frame the regions `{ ids }` (labels by id), and bring the first into sight if asked; `null` frames nothing. */
  point(region) {
    for (const frame of this.#pointed) frame.remove();
    if (region?.scroll) bring(Object.keys(region.ids)[0]);
    this.#pointed = Object.entries(region?.ids ?? {}).map(([id, label]) => this.#frame(id, label, "pointed")).filter(Boolean);
  }

  /** Frame a region for a moment: it has changed. */
  flash(id, label) {
    const frame = this.#frame(id, label, "changed");
    if (frame) setTimeout(() => frame.remove(), SHOWN);
  }

  /** The ids of the regions of the page, as they stand on it. */
  order() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_COMMENT);
    const ids = [];
    while (walker.nextNode()) {
      const found = /^live:([^:]+)/.exec(walker.currentNode.data);
      if (found) ids.push(found[1]);
    }
    return ids;
  }

  clear() {
    this.#pointed = [];
    this.#layer.replaceChildren();
  }

  #frame(id, label, kind) {
    const range = rangeOf(id);
    const { left, top, width, height } = range?.getBoundingClientRect() ?? {};
    if (!width || !height) return null;
    const frame = document.createElement("div");
    frame.className = `frame ${kind}`;
    const place = { left, top, width, height };
    for (const [name, value] of Object.entries(place)) frame.style.setProperty(name, `${value}px`);
    const tag = document.createElement("span");
    tag.textContent = label || "live";
    frame.append(tag);
    this.#layer.append(frame);
    return frame;
  }
}

function bring(id) {
  const range = rangeOf(id);
  const element = range?.startContainer.childNodes[range.startOffset];
  const seen = element?.nodeType === Node.ELEMENT_NODE ? element : range?.commonAncestorContainer;
  seen?.scrollIntoView?.({ block: "nearest", behavior: "instant" });
}

/** Return what stands between the markers of a region. */
function rangeOf(id) {
  const [start, end] = markersOf(id);
  if (!start || !end) return null;
  const range = document.createRange();
  range.setStartAfter(start);
  range.setEndBefore(end);
  return range;
}

function markersOf(id) {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_COMMENT);
  let [start, end] = [null, null];
  while (walker.nextNode()) {
    const { data } = walker.currentNode;
    if (data === `live:${id}` || data.startsWith(`live:${id}:`)) start ??= walker.currentNode;
    if (data === `/live:${id}`) end ??= walker.currentNode;
  }
  return [start, end];
}
