// The badge and the panel: what is told, as elements. Everything told becomes a text node.
//
// What goes on is told four times a second at most. Elements that people use stay then: the card of a region, its button,
// its history. Only words and lists change in them.

const SHORT = 140; // characters of a query in one line

/** Return an element; `attributes` with on… are listeners, children are nodes or text. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((each) => each !== null && each !== undefined && each !== ""));
  return element;
}

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const ms = (value) => `${value >= 100 ? Math.round(value) : value.toFixed(1)} ms`;
const count = (number, word, many = `${word}s`) => `${number.toLocaleString("en")} ${number === 1 ? word : many}`;
const REASONS = { "a viewer came": "because a viewer came", every: "because its time was up" };
const time = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");

export class Panel {
  #act;
  #told = null;
  #took = make("span");
  #asked = make("span", { class: "asked" }); // a small screen has no room for it
  #dot = make("span", { class: "dot", "aria-hidden": "true" });
  #badge;
  #edge; // the badge, and what puts it away
  #note = make("p", { class: "note", role: "status" });
  #title = make("h2", { id: "title", tabindex: "-1" }, "Under the hood");
  #state = make("p", { class: "state", hidden: true });
  #dialog;
  #regions = new Map(); // by key: what shows a region
  #section = {};

  constructor(act) {
    this.#act = act;
    this.#badge = make(
      "button",
      { type: "button", class: "badge", "aria-expanded": "false", "aria-controls": "panel", "aria-keyshortcuts": "Alt+H", onclick: () => act.toggle() },
      this.#dot,
      make("span", { class: "words" }, this.#took, this.#asked),
    );
    const title = "Put the badge away in this tab; Alt+H brings it back";
    const away = make("button", { type: "button", class: "away", title, "aria-label": title, onclick: () => act.putAway() }, "✕");
    this.#edge = make("div", { class: "edge" }, this.#badge, away);
    const close = make("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => act.close() }, "✕");
    const body = make("div", { class: "body", tabindex: "0", role: "group", "aria-label": "What happened" });
    this.#dialog = make(
      "section",
      { id: "panel", role: "dialog", "aria-labelledby": "title", hidden: true },
      make("header", {}, this.#title, this.#state, close),
      body,
    );
    this.#section.request = make("div", { class: "request" });
    body.append(this.#section.request);
    const isOpen = new Set(act.isPage ? ["regions", "process"] : ["regions", "queries"]);
    const titles = { regions: "Live regions", queries: "Queries", before: "Before it", rooms: "Channels", templates: "Templates and fragments", process: "This process" };
    for (const [name, title] of Object.entries(titles)) {
      const content = make("div", { class: name });
      const number = make("span", { class: "number" });
      const section = make("details", { open: isOpen.has(name), hidden: true }, make("summary", {}, make("h3", {}, title), number), content);
      this.#section[name] = { section, number, content };
      body.append(section);
    }
    this.element = make("aside", { "aria-label": "Under the hood" }, this.#edge, this.#note, this.#dialog);
  }

  // -- open and close ------------------------------------------------------------------------------------------------

  open() {
    this.#edge.hidden = false;
    say(this.#note, "");
    this.#dialog.hidden = false;
    this.#badge.setAttribute("aria-expanded", "true");
  }

  focus() {
    this.#title.focus();
  }

  close(opener) {
    const isInside = this.#dialog.contains(this.element.getRootNode().activeElement);
    this.#dialog.hidden = true;
    this.#badge.setAttribute("aria-expanded", "false");
    if (isInside) (opener?.isConnected ? opener : this.#badge).focus();
  }

  /** Hide the badge; `isNew`: say how it comes back. */
  putAway({ isNew = false } = {}) {
    this.#edge.hidden = true;
    if (isNew) say(this.#note, "Put away in this tab. Alt+H brings it back.");
  }

  // -- what happened -------------------------------------------------------------------------------------------------

  /** Show what a page says of itself. */
  show(record) {
    if (!record || record === this.#told) return;
    this.#told = record;
    const { about, before, process, regions } = record;
    if (about) {
      this.#section.request.replaceChildren(...request(about.request));
      this.#queries(about.queries);
      this.#before(before);
      this.#templates(about.templates, about.fragments);
      this.#summary(about);
    }
    if (regions.length > 0 || !about) this.#showRegions(regions);
    this.#process(process);
  }

  #summary({ request, queries }) {
    const loops = queries.shown.filter(({ mark }) => mark === "loop").length;
    const took = ms(request.times.total);
    const asked = ` · ${count(queries.count, "query", "queries")}${loops > 0 ? " · a loop" : ""}`;
    say(this.#took, took);
    say(this.#asked, asked);
    this.#badge.setAttribute("aria-label", `Under the hood: ${took}${asked}`);
    this.#dot.dataset.mood = request.status >= 500 || loops > 0 ? "bad" : "good";
  }

  #queries({ shown, count: number, milliseconds }) {
    const { section, number: label, content } = this.#section.queries;
    section.hidden = false;
    const marked = shown.filter(({ mark }) => mark).length;
    say(label, number === 0 ? "none" : `${number} in ${ms(milliseconds)}${marked > 0 ? `, ${marked} marked` : ""}`);
    content.replaceChildren(number > 0 ? list(shown, number) : make("p", { class: "soft" }, "This page asked the database nothing."));
  }

  /** Show the writes that led to this page. */
  #before(before) {
    const { section, number, content } = this.#section.before;
    section.hidden = before.length === 0;
    say(number, before.map(({ request: { method, status }, queries }) => `${method} ${status}, ${count(queries.count, "query", "queries")}`).join("; "));
    content.replaceChildren(...before.flatMap((each) => [make("div", { class: "request" }, ...request(each.request)), list(each.queries.shown, each.queries.count)]));
  }

  #templates(templates, fragments) {
    const { section, number, content } = this.#section.templates;
    const names = Object.entries(templates);
    section.hidden = names.length + fragments.length === 0;
    const hits = fragments.reduce((sum, each) => sum + each.hits, 0);
    const misses = fragments.reduce((sum, each) => sum + each.misses, 0);
    say(number, count(names.length, "template") + (fragments.length > 0 ? `, ${hits} of ${hits + misses} fragments kept` : ""));
    content.replaceChildren(
      make("ul", {}, ...names.map(([name, times]) => make("li", {}, make("code", {}, name), times > 1 ? ` ×${times}` : ""))),
      fragments.length > 0 ? make("ul", { class: "fragments" }, ...fragments.map(kept)) : "",
    );
  }

  // -- what goes on --------------------------------------------------------------------------------------------------

  /** Show what is told over the connection; `null`: nothing more. */
  tell(told) {
    if (!told) return this.#notice("Who opened this connection may not see what goes on.");
    this.#notice("");
    this.#showRegions(told.regions);
    this.#rooms(told.rooms);
    this.#process(told.process);
  }

  /** Say where the connection is. */
  connection(state) {
    if (state !== "open") this.#notice("Connecting …");
  }

  #notice(text) {
    this.#state.hidden = text === "";
    say(this.#state, text);
  }

  /** Return what people call a region, by its id. */
  labelOf(id) {
    return [...this.#regions.values()].find((each) => id in each.ids)?.ids[id] ?? "";
  }

  #showRegions(regions) {
    const { section, number, content } = this.#section.regions;
    section.hidden = regions.length === 0 && this.#told.about !== null;
    const renders = regions.reduce((sum, each) => sum + each.renders, 0);
    say(number, `${count(regions.length, "region")}, ${count(renders, "render")}`);
    const seen = new Set();
    let list = content.querySelector("ul");
    if (!list) content.append((list = make("ul")));
    for (const told of regions) {
      const key = JSON.stringify([told.page, told.label, Object.keys(told.regions)[0] ?? "", told.personal]);
      seen.add(key);
      if (!this.#regions.has(key)) this.#regions.set(key, new RegionCard(this.#act, told, { isPage: !this.#told.about }));
      const card = this.#regions.get(key);
      card.show(told);
      if (!card.element.isConnected) this.#place(list, card);
    }
    for (const [key, card] of this.#regions) {
      if (seen.has(key)) continue;
      card.element.remove();
      this.#regions.delete(key);
    }
  }

  /** Put a card where its region stands among the others of the page. */
  #place(list, card) {
    const order = this.#act.order();
    const place = (each) => Math.min(...Object.keys(each.ids).map((id) => order.indexOf(id)));
    const others = [...this.#regions.values()].filter((each) => each !== card && each.element.isConnected);
    const next = others.sort((a, b) => place(a) - place(b)).find((each) => place(each) > place(card));
    list.insertBefore(card.element, next?.element ?? null);
  }

  #rooms(rooms) {
    const { section, number, content } = this.#section.rooms;
    section.hidden = rooms.length === 0;
    say(number, count(rooms.length, "room"));
    const lines = rooms.map(({ path, members, present }) =>
      make("li", {}, make("code", {}, path), ` ${count(members, "member")} in this process`, present > 0 ? `, ${present} present in all` : ""),
    );
    content.replaceChildren(make("ul", {}, ...lines));
  }

  #process({ pid, connections, rooms, members, renders, queries, broker, cache, caches }) {
    const { section, number, content } = this.#section.process;
    section.hidden = false;
    say(number, broker ? `${broker.kind} broker` : "");
    const facts = [
      ["process", String(pid)],
      ["open pages", `${connections} connected`],
      rooms > 0 && ["channels", `${count(rooms, "room")}, ${count(members, "member")}`],
      renders > 0 && ["rendered again", `${count(renders, "time")}, with ${count(queries, "query", "queries")}`],
      broker && ["broker", `${broker.kind}, at ${broker.epoch}:${broker.number}`],
      broker && broker.kind !== "memory" && ["counted", "what is in this process; others count their own"],
      cache && ["kept until it changes", `${cache.entries} results, ${count(Math.ceil(cache.bytes / 1024), "KB", "KB")}; ${count(cache.hits, "hit")}, ${count(cache.misses, "miss", "misses")}`],
      ...Object.entries(caches).map(([alias, kind]) => [`cache ${alias}`, kind]),
    ].filter(Boolean);
    content.replaceChildren(make("dl", {}, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])));
  }
}

/** Return who answered, and where the time went. */
function request({ method, target, route, handler, place, href, status, times }) {
  const parts = [
    ["handler", times.handler],
    ["template", times.template],
    ["database", times.database],
  ];
  const bar = make("div", { class: "bar", role: "img", "aria-label": parts.map(([name, value]) => `${name} ${ms(value)}`).join(", ") });
  for (const [name, value] of parts) {
    const part = make("span", { class: name });
    part.style.setProperty("flex-grow", String(Math.max(value, 0)));
    bar.append(part);
  }
  const legend = parts.map(([name, value]) => make("li", { class: name }, make("i", { "aria-hidden": "true" }), `${name} ${ms(value)}`));
  return [
    make("p", { class: "line" }, make("b", {}, `${method} `), make("code", {}, target), make("span", { class: "status", "data-kind": String(status)[0] }, String(status))),
    handler ? make("p", { class: "soft" }, make("code", {}, handler), place ? " in " : "", link(place, href), route && route !== target ? `, route ${route}` : "") : "",
    bar,
    make("ul", { class: "legend" }, ...legend, make("li", {}, `${ms(times.total)} in all`)),
  ];
}

function link(place, href) {
  return href ? make("a", { href, title: "open in the editor" }, place) : place;
}

function list(shown, number) {
  const rows = shown.map((each) => query(each));
  const left = number - shown.length;
  if (left > 0) rows.splice(Math.ceil(shown.length / 2), 0, make("li", { class: "soft" }, `… ${count(left, "query", "queries")} more …`));
  return make("ol", {}, ...rows);
}

function query({ sql, values, error, place, href, milliseconds, mark, times }) {
  const flat = sql.replaceAll(/\s+/g, " ").replace(/^SELECT .+? FROM /i, "SELECT … FROM ");
  const short = flat.length > SHORT ? `${flat.slice(0, SHORT - 1)}…` : flat;
  const marks = { loop: `in a loop, ${times} times`, same: `the same ${times} times` };
  return make(
    "li",
    { "data-mark": mark || null },
    make(
      "details",
      {},
      make("summary", {}, make("span", { class: "ms" }, ms(milliseconds)), make("code", {}, short), mark ? make("em", {}, marks[mark]) : ""),
      make("pre", {}, make("code", {}, sql)),
      values ? make("p", {}, "values ", make("code", {}, values)) : "",
      error ? make("p", { class: "error" }, error) : "",
      make("p", { class: "soft" }, "asked at ", link(place, href)),
    ),
  );
}

function kept({ name, hits, misses }) {
  const words = [hits > 0 && `kept${hits > 1 ? ` ×${hits}` : ""}`, misses > 0 && `made${misses > 1 ? ` ×${misses}` : ""}`];
  return make("li", {}, make("code", {}, name), make("span", { class: misses > 0 ? "chip made" : "chip kept" }, words.filter(Boolean).join(", ")));
}

/** One region, from when it is first told of until it is gone. */
class RegionCard {
  ids = {}; // labels by id
  #renders = null;
  #find;
  #whom = make("span", { class: "chip" });
  #often = make("span", { class: "soft" });
  #reads = make("ul", { class: "reads" });
  #last = make("p", { class: "last" });
  #error = make("p", { class: "error", hidden: true });
  #story = make("ol");
  #more = make("summary", {}, "");
  #history;

  constructor(act, told, { isPage }) {
    const point = (scroll) => () => act.point({ ids: this.ids, scroll });
    const title = isPage ? `${told.page} · ${told.label}` : told.label || "in loops and conditions";
    this.#find = isPage
      ? make("b", {}, title)
      : make(
          "button",
          { type: "button", class: "find", title: "show it on the page", onclick: point(true), onfocus: point(false), onblur: () => act.point(null) },
          title,
        );
    this.#history = make("details", { hidden: true }, this.#more, this.#story);
    this.element = make(
      "li",
      { class: "region", onpointerenter: point(false), onpointerleave: () => act.point(null) },
      make("h4", {}, this.#find),
      make("p", { class: "facts" }, this.#whom, " ", this.#often),
      this.#reads,
      this.#last,
      this.#error,
      this.#history,
    );
  }

  show({ regions, personal, pages, renders, why, error, reads, story, size }) {
    this.ids = regions;
    const open = count(pages, "open page");
    say(this.#whom, personal ? `personal: it reads ${personal}` : `shared by ${open}`);
    this.#whom.dataset.kind = personal ? "personal" : "shared";
    const often = `rendered ${renders === 1 ? "once" : `${renders} times`}`;
    say(this.#often, [personal ? `${open}, each rendered for itself` : "one render for all", renders > 0 ? often : "", size > 0 ? count(size, "character") : ""].filter(Boolean).join(" · "));
    this.#reads.replaceChildren(...readLines(reads));
    const [last, ...earlier] = story;
    this.#last.replaceChildren(...(last ? reason(last) : why ? [because(why)] : []));
    this.#error.hidden = error === "";
    say(this.#error, error);
    this.#history.hidden = earlier.length === 0;
    say(this.#more, `${earlier.length} earlier`);
    this.#story.replaceChildren(...earlier.map((line) => make("li", {}, ...reason(line))));
    if (this.#renders !== null && renders > this.#renders) this.#flash();
    this.#renders = renders;
  }

  #flash() {
    this.element.classList.remove("fresh");
    void this.element.offsetWidth; // begins the animation anew
    this.element.classList.add("fresh");
  }
}

/** Return a line for each table of which some rows were read, and one for all others. */
function readLines(reads) {
  const some = reads.filter(({ rows }) => rows.length > 0);
  const lines = some.map(({ table, rows }) => {
    const conditions = rows.flatMap((row, index) => [index > 0 ? " or " : " where ", make("code", {}, row)]);
    return make("li", {}, "read ", make("b", {}, table), ...conditions);
  });
  const whole = reads.filter(({ rows }) => rows.length === 0).map(({ table }) => table);
  if (whole.length > 0) lines.push(make("li", {}, "read any row of ", make("b", {}, whole.join(", "))));
  return lines;
}

const because = (why) => REASONS[why] ?? `because of ${why}`;

function reason({ at, why, writes }) {
  const what = writes.length > 0 ? [" because of ", make("code", {}, writes.join("; "))] : [` ${because(why)}`];
  return [make("time", {}, time(at)), ...what];
}
