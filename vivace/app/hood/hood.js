// Under the hood: a badge at the edge of a page that opens what happened for it, and what its live regions do meanwhile.
//
// What happened stands in the page as JSON (#vivace-hood-record). What goes on comes over the page's own connection, as
// long as the panel is open: ["hood", true] asks, ["hood", {…}] tells. All of it is in a shadow tree that a script made, so
// the page's styles, its forms and the morphs of its live regions do not meet it. Only text is put in, never markup.
//
// The panel is opened by the badge, by Alt+H, and by any link to #vivace-hood; Escape closes it. It stays open from page to
// page. The badge has room below the page, so that nothing at its end is covered; where it is in the way nevertheless, it is
// put away, until the panel is opened again or the tab is closed.

import { Outline } from "./outline.js";
import { Panel } from "./panel.js";

const RECORD = "vivace-hood-record";
const MEMORY = "vivace-hood"; // in sessionStorage: "open", "closed", or "away"
const HASH = "#vivace-hood";
const LINK = `a[href="${HASH}"], button[data-vivace-hood]`;
const wanted = document.documentElement.dataset.vivaceHood; // "open"; "page": there is nothing else on it

class Hood {
  #host = document.createElement("vivace-hood");
  #root = this.#host.attachShadow({ mode: "open" });
  #panel;
  #outline;
  #opener = null; // what has the focus back when the panel is closed
  #socket = null;
  #leave = () => {};
  #isOpen = false;
  #room = new CSSStyleSheet();

  async start() {
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.#room];
    this.#makeRoom(); // before anything is awaited: later it would be a jump
    const sheet = new CSSStyleSheet();
    const answer = await fetch(new URL("hood.css", import.meta.url));
    if (!answer.ok || !record()) return;
    sheet.replaceSync(await answer.text());
    this.#root.adoptedStyleSheets = [sheet];
    this.#outline = new Outline(this.#root);
    this.#panel = new Panel({
      isPage: wanted === "page",
      toggle: () => this.#toggle(),
      close: () => this.#close(),
      putAway: () => this.#putAway(),
      point: (region) => this.#outline.point(region),
      order: () => this.#outline.order(),
    });
    this.#root.append(this.#panel.element);
    this.#host.dataset.mode = wanted === "page" ? "page" : "panel";
    document.body.append(this.#host);
    this.#panel.show(record());
    this.#listen();
    if (remembered() === "away") this.#panel.putAway();
    const isOpen = wanted === "page" || remembered() === "open" || (wanted === "open" && !remembered());
    if (isOpen || location.hash === HASH) this.#open();
  }

  /** Give the page room for the badge below all that it has, or take it back. */
  #makeRoom() {
    this.#room.replaceSync("");
    if (wanted === "page" || remembered() === "away") return;
    const own = getComputedStyle(document.body).paddingBlockEnd;
    const rules = (room) => `body { padding-block-end: calc(${own} + ${room}) !important; } :where(html) { scroll-padding-block-end: ${room}; }`;
    this.#room.replaceSync(`@media screen { ${rules("3.1rem")} } @media screen and (max-width: 40rem) { ${rules("2.4rem")} }`);
  }

  #listen() {
    document.addEventListener("click", (event) => {
      const link = event.composedPath()[0]?.closest?.(LINK);
      if (!link) return;
      event.preventDefault();
      this.#opener = link;
      this.#open({ focus: true });
    });
    document.addEventListener("vivace:update", ({ detail }) => {
      if (this.#isOpen) this.#outline.flash(detail.region, this.#panel.labelOf(detail.region));
    });
    document.addEventListener("keydown", (event) => {
      if (event.code !== "KeyH" || !event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || wanted === "page") return;
      event.preventDefault();
      this.#toggle();
    });
    addEventListener("hashchange", () => location.hash === HASH && this.#open({ focus: true }));
    this.#root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#isOpen) this.#close();
    });
    // A form that was sent without a reload brings another page's record into this one.
    const seen = new MutationObserver(() => this.#panel.show(record()));
    const script = document.getElementById(RECORD);
    seen.observe(script.parentNode, { childList: true });
    seen.observe(script, { childList: true, characterData: true, subtree: true });
  }

  #toggle() {
    if (this.#isOpen) this.#close();
    else this.#open({ focus: true });
  }

  #open({ focus = false } = {}) {
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#panel.open();
      remember("open");
      this.#makeRoom();
      this.#connect();
    }
    if (focus) this.#panel.focus();
  }

  #close() {
    this.#isOpen = false;
    this.#panel.close(this.#opener);
    this.#opener = null;
    this.#outline.clear();
    remember("closed");
    this.#leave();
  }

  /** Hide the badge in this tab, until the panel is opened. */
  #putAway() {
    if (this.#isOpen) this.#close();
    remember("away");
    this.#makeRoom();
    this.#panel.putAway({ isNew: true });
  }

  async #connect() {
    const { socket: address } = record() ?? {};
    if (!address) return;
    this.#socket ??= (await import(address)).socket;
    if (!this.#isOpen) return;
    const socket = this.#socket;
    const endings = [
      socket.on("hood", (told) => this.#panel.tell(told)),
      socket.onopen(() => socket.send(["hood", true])),
      socket.onstate((state) => this.#panel.connection(state)),
      socket.hold(),
    ];
    this.#leave = () => {
      socket.send(["hood", false]);
      for (const end of endings) end();
      this.#leave = () => {};
    };
  }
}

/** What this page says of itself; the last time that it said it, while it says nothing. */
function record() {
  const text = document.getElementById(RECORD)?.textContent;
  if (text && text !== record.text) [record.text, record.value] = [text, JSON.parse(text)];
  return record.value;
}

function remembered() {
  try {
    return sessionStorage.getItem(MEMORY);
  } catch {
    return null; // a page without storage
  }
}

function remember(state) {
  if (wanted === "page") return;
  try {
    sessionStorage.setItem(MEMORY, state);
  } catch {
    // then it is closed on the next page
  }
}

new Hood().start();
