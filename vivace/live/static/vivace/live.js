// Live regions: keeps each {% live %} region of this page as the server says it is now.
//
// The page comes with markers around its regions and a signed token. When the connection opens, now or again after sleep,
// a deploy or a lost network, `watch` tells the server what is shown, by hashes, and the server sends what differs: the
// whole source of a region, or splices of the source that we have. A source that changed is painted by a morph, at most
// once per frame of the screen. Verbs, hashes and their rules: docs/reference/live.md, "The wire".
//
// The rest of the page, outside of regions, changes when a form was sent (forms.js) and when the server asks to fetch the
// page again: `adopt` morphs it, and leaves regions that are watched to the connection, which knows what came last.

import { isLeft } from "./fields.js";
import { submits } from "./forms.js";
import { cutRegions, endOf, marker, parse, parsePage, starts } from "./markup.js";
import { Morph } from "./morph.js";
import { socket } from "./socket.js";
import { showState } from "./status.js";

const LATENCY = "vivace-latency";
const FRAME = 250; // milliseconds until changes are painted where the browser draws no frames
const LEAVING = 10_000; // milliseconds until a page that should have gone is kept true again: it was a download
const SPREAD = 1_000; // a page that is to be fetched again waits a random part of this, doubled each time in a row

class Region {
  hash = "";
  source = null; // unknown until it was sent: browsers do not give back the text of a page as it came
  morph = null;
  start = null; // null: it came before the region around it
  isHeld = false;

  attach(start, hash = "") {
    this.start = start;
    this.end = endOf(start);
    this.hash ||= hash;
    this.morph = new Morph(start.parentNode, start, this.end);
  }

  contains(node) {
    const { DOCUMENT_POSITION_FOLLOWING: after, DOCUMENT_POSITION_PRECEDING: before } = Node;
    return Boolean(this.start.compareDocumentPosition(node) & after && this.end.compareDocumentPosition(node) & before);
  }
}

/** The live regions of this page. */
class LivePage {
  #page = 1;
  #token = "";
  #regions = new Map();
  #dirty = new Set();
  #outside = null; // the morph of what is around the regions
  #held = ""; // the page that is to be adopted once more, when the focus has left
  #frame = 0;
  #timer = 0;
  #composing = null;
  #refreshes = 0;
  #isAsking = false;
  #isRefreshing = false;
  #sending = new Set(); // forms under way, as promises
  #left = -LEAVING; // when the page was told to go elsewhere

  start() {
    const found = starts(document);
    for (const start of found) endOf(start); // moves those that the parser tore apart, before anything is copied
    this.#find(found);
    if (!this.#token) return; // no regions, or a page that nobody can ask for again
    this.#outside = new Morph(document.body);
    socket.latency = Number(sessionStorage.getItem(LATENCY)) || 0;
    socket.on("live", (...message) => this.#receive(...message));
    socket.on("watching", () => void (this.#refreshes = 0));
    socket.on("reload", (page, reason) => page === this.#page && this.#refresh(reason));
    socket.onopen(() => this.#watch());
    socket.onstate(showState);
    socket.hold();
    document.addEventListener("compositionstart", (event) => void (this.#composing = event.target));
    document.addEventListener("compositionend", () => ((this.#composing = null), this.#paintSoon()));
    document.addEventListener("focusout", () => setTimeout(() => this.#release()));
    document.addEventListener("pointerout", (event) => isLeft(event) && setTimeout(() => this.#release()));
    submits(this);
  }

  // -- the wire ------------------------------------------------------------------------------------------------------

  #watch() {
    this.#isAsking = false;
    const shown = [...this.#regions].map(([id, { hash, source }]) => (source === null ? [id, hash] : [id, hash, true]));
    socket.send(["watch", this.#page, this.#token, shown]);
  }

  /** Ask for a region whole: what came does not fit what we have. */
  #ask(region) {
    region.hash = "";
    region.source = null;
    if (this.#isAsking) return;
    this.#isAsking = true;
    queueMicrotask(() => this.#isAsking && this.#watch());
  }

  #receive(page, id, from, to, changes) {
    if (page !== this.#page) return;
    if (!this.#regions.has(id)) this.#regions.set(id, new Region());
    const region = this.#regions.get(id);
    const isWhole = typeof changes[0] === "string";
    if (!isWhole && (region.source === null || region.hash !== from)) return this.#ask(region);
    region.source = isWhole ? changes[0] : spliced(region.source, changes);
    region.hash = to;
    this.#dirty.add(region);
    this.#paintSoon();
  }

  // -- painting ------------------------------------------------------------------------------------------------------

  #paintSoon() {
    if (this.#timer || this.#dirty.size === 0) return;
    const paint = () => {
      cancelAnimationFrame(this.#frame);
      clearTimeout(this.#timer);
      this.#timer = 0;
      this.#paint();
    };
    this.#frame = requestAnimationFrame(paint);
    this.#timer = setTimeout(paint, FRAME);
  }

  #paint() {
    if (!this.#composing?.isConnected) this.#composing = null;
    for (const region of this.#dirty) {
      if (!region.start || (this.#composing && region.contains(this.#composing))) continue;
      this.#dirty.delete(region); // what the morph makes dirty, new regions in this one, comes later in this loop
      if (!region.start.isConnected) this.#forget(region.start);
      else if (region.source !== null) this.#tryToShow(region);
    }
  }

  #tryToShow(region) {
    try {
      this.#show(region, parse(region.source, region.start.parentNode));
    } catch (error) {
      reportError(error); // and the other regions go on
      region.attach(region.start);
    }
  }

  #show(region, nodes) {
    const report = region.morph.to(nodes);
    region.isHeld = report.held && region.source !== null;
    this.#regionsChanged(report);
    const detail = { region: marker(region.start).id };
    region.start.parentNode.dispatchEvent(new CustomEvent("vivace:update", { bubbles: true, detail }));
  }

  #regionsChanged({ added, removed }) {
    for (const start of removed) this.#forget(start);
    this.#find(added);
  }

  #forget(start) {
    const { id } = marker(start);
    if (this.#regions.get(id)?.start !== start) return;
    this.#dirty.delete(this.#regions.get(id));
    this.#regions.delete(id);
  }

  #find(markers) {
    for (const start of markers) {
      const { id, hash, token } = marker(start);
      if (token) this.#token = token;
      if (!endOf(start)) {
        console.warn(`The live region "${id}" does not begin and end in one element; it stays as it is.`, start.parentNode);
        continue;
      }
      if (!this.#regions.has(id)) this.#regions.set(id, new Region());
      const region = this.#regions.get(id);
      region.attach(start, hash);
      if (region.source !== null) this.#dirty.add(region);
      else if (!region.hash) this.#ask(region);
    }
    this.#paintSoon();
  }

  /** Show what waited for the focus to leave a field, or for the pointer to leave a list. */
  #release() {
    for (const region of this.#regions.values()) if (region.isHeld) this.#dirty.add(region);
    this.#paintSoon();
    if (this.#held) this.#around(parsePage(this.#held), this.#held);
  }

  // -- the page around the regions -------------------------------------------------------------------------------------

  /** Show a page that was fetched: around the regions always; in them "all", those that are "unwatched", or "new" ones. */
  adopt(html, { regions = "unwatched" } = {}) {
    const page = parsePage(html);
    const found = new Map(cutRegions(page.body));
    const known = new Set(this.#regions.keys());
    const token = [...found.values()].find((each) => each.token)?.token;
    if (page.title) document.title = page.title;
    this.#around(page, html);
    for (const [id, { hash, nodes }] of found) {
      const region = this.#regions.get(id);
      const isLeft = regions === "new" || (regions === "unwatched" && socket.state === "open");
      if (!region?.start || (known.has(id) && isLeft)) continue;
      region.source = null;
      region.hash = hash;
      this.#dirty.delete(region);
      this.#show(region, nodes);
    }
    if (token) this.#token = token;
    this.#watch(); // the answer says what else has changed
  }

  #around(page, html) {
    const report = this.#outside.to(page.body);
    this.#held = report.held ? html : "";
    this.#regionsChanged(report);
  }

  /** Fetch the page again, because the server cannot keep it true in pieces; until it answers: a reload would lose what is typed. */
  async #refresh(reason) {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    for (let isShown = false; !isShown; ) {
      const wait = Math.min(SPREAD * 2 ** this.#refreshes++, 60_000);
      if (reason !== "refused" || this.#refreshes > 1) await new Promise((done) => setTimeout(done, wait * Math.random()));
      isShown = await this.#fetch();
    }
    this.#isRefreshing = false;
  }

  /** Go to another page: nothing that comes now may take the browser back to this one. */
  leave(url) {
    this.#left = performance.now();
    location.assign(url);
  }

  /** Note that a form is under way, whose answer says where to go; returns a function that ends it. */
  sending() {
    const { promise, resolve } = defer();
    this.#sending.add(promise);
    return () => (this.#sending.delete(promise), resolve());
  }

  async #fetch() {
    await Promise.all(this.#sending); // or this request would use up the messages that the answer has for the next page
    if (performance.now() - this.#left < LEAVING) return false;
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" }).catch(() => null);
    const html = await answer?.text().catch(() => null);
    await Promise.all(this.#sending); // a form that deletes what this page shows leads to another one
    if (!html || answer.status >= 500 || performance.now() - this.#left < LEAVING) return false;
    const isSame = answer.ok && answer.url.split("#")[0] === location.href.split("#")[0];
    if (isSame && starts(parsePage(html).body).length > 0) this.adopt(html, { regions: "all" });
    else location.reload();
    return true;
  }
}

function defer() {
  let resolve;
  return { promise: new Promise((done) => (resolve = done)), resolve };
}

function spliced(source, changes) {
  let text = source;
  for (const [start, deleted, put] of changes.toReversed()) text = text.slice(0, start) + put + text.slice(start + deleted);
  return text;
}

/** Delay all that goes and comes by `milliseconds` (there and back), until it is set to 0: how a slow line feels. */
export function latency(milliseconds) {
  socket.latency = milliseconds;
  sessionStorage.setItem(LATENCY, milliseconds);
}

export { keep } from "./morph.js";
export { words } from "./status.js";

new LivePage().start();
