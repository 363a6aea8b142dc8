// Morphing: make a part of the page show a new source without disturbing the person who uses it.
//
// Theory. Three trees take part: what the server said before (`said`, kept here, inert), what it says now (`next`, just
// parsed), and the live nodes on the page. `said` and `next` are compared; only their differences are carried out, on
// `said` and on the live twin of each node. So whatever the server did not change stays as it is on the page: details
// that somebody opened, classes that a script set, nodes that a browser extension added, the text in a field.
//
// Rules:
// 1. Children are paired by key (id, else data-key; also across parents where it is unique in both trees), then by equal
//    content, then by the first key or name inside of them, and last, between neighbours that stay, by kind and order.
// 2. As few live nodes as possible are moved: the longest run in order stays, and what has the focus, plays or is open
//    stays while others go around it. Moves use moveBefore() where the browser has it: it keeps the state of what moves.
// 3. Fields are as fields.js says. Where something waits for the focus to leave, the morph says `held`; it is run again.
// 4. Elements with data-live-keep are left alone, with all in them; those given to keep() as well.
// 5. Nested regions are holes: comments `live:<id>` here. They are moved whole; their content is none of our business.
// 6. While somebody points at an element with data-live-calm, or goes through it by keys, its children with a key neither come,
//    go nor change places: what is in them follows, and the morph says `held`.
// 7. Where a script put its own nodes in place of all the server's, and the server changes its own, the server wins.

import { FIELDS, isActive, isUsed } from "./fields.js";
import { cutRegions, endOf, inert, marker, starts } from "./markup.js";

const KEYED = "[id], [data-key]";
const NAMED = `${KEYED}, [name]`;
const OPEN = ["iframe", "object", "embed", "dialog[open]", ":popover-open", ":fullscreen"];
const BUSY = ["audio", "video", ...OPEN].filter((each) => CSS.supports(`selector(${each})`)).join();
const twins = new WeakMap(); // what the server said → the live node
const kept = new WeakSet();

/** Leave a live element alone in every morph, until the function that is returned is called. */
export function keep(element) {
  kept.add(element);
  return () => kept.delete(element);
}

/** A part of the page that follows its source: the children of `parent`, or those between two markers in it. */
export class Morph {
  #parent;
  #end;
  #said = inert.createDocumentFragment();
  #across = new Map(); // node of next → node of said with the same unique key
  #inner = new Map(); // element → the first key or name inside of it
  #gone = new Set();
  #report = null;

  constructor(parent, start = null, end = null) {
    this.#parent = parent;
    this.#end = end;
    copy(start ? start.nextSibling : parent.firstChild, end, this.#said);
  }

  /** Show `next` (inert nodes, used up). Returns `held`: run it again when the focus has left a field; and the start
   * markers of nested regions that were `added` and `removed`. */
  to(next) {
    const report = (this.#report = { held: false, added: [], removed: [] });
    cutRegions(next);
    this.#learn(next);
    const restoreFocus = focused();
    this.#children(this.#said, next);
    for (const node of this.#gone) this.#remove(node);
    for (const each of [this.#gone, this.#across, this.#inner]) each.clear();
    restoreFocus();
    return report;
  }

  /** Return a copy of what is shown, fit for to(). */
  copy() {
    return inert.importNode(this.#said, true);
  }

  #learn(next) {
    const [before, after] = [this.#said, next].map((root) => {
      const named = new Map();
      for (const node of root.querySelectorAll(NAMED)) {
        const key = keyOf(node);
        const label = key ?? `name=${node.getAttribute("name")}`;
        for (let up = node.parentNode; up !== root && !this.#inner.has(up); up = up.parentNode) this.#inner.set(up, label);
        if (key) named.set(key, named.has(key) ? null : node);
      }
      return named;
    });
    for (const [key, node] of before) {
      const other = node && after.get(key);
      if (other && kindOf(node) === kindOf(other)) this.#across.set(other, node);
    }
  }

  // -- children ------------------------------------------------------------------------------------------------------

  #children(said, next) {
    this.#calm(said, next);
    const old = [...said.childNodes];
    const now = [...next.childNodes];
    let first = 0;
    let last = old.length;
    let end = now.length;
    while (first < last && first < end && same(old[first], now[first])) first++;
    while (last > first && end > first && same(old[last - 1], now[end - 1])) last--, end--;
    if (first === last && first === end) return;
    if (this.#isReplaced(said, old)) return this.#restore(said, now);
    const [mid, fresh] = [old.slice(first, last), now.slice(first, end)];
    const pairs = this.#match(mid, fresh);
    const used = new Set(pairs.map(([node]) => node));
    for (const node of mid) if (!used.has(node)) this.#gone.add(node);
    this.#arrange(said, old[last] ?? null, fresh, pairs);
  }

  /** Rule 6: let `next` have the children that are shown, with what it says of each. */
  #calm(said, next) {
    if (!isUsed(this.#inside(said))) return;
    const keys = [said, next].map((each) => [...each.childNodes].map(keyOf).filter(Boolean));
    if (String(keys[0]) === String(keys[1])) return;
    const now = new Map([...next.childNodes].map((node) => [keyOf(node), node]));
    const shown = [...said.childNodes].map((node) => (keyOf(node) && now.get(keyOf(node))) ?? inert.importNode(node, true));
    next.replaceChildren(...shown);
    this.#report.held = true;
  }

  /** Rule 7. */
  #isReplaced(said, old) {
    const live = this.#inside(said);
    return said !== this.#said && old.length > 0 && !old.some((node) => twins.get(node).parentNode === live);
  }

  #restore(said, now) {
    this.#inside(said).replaceChildren();
    said.replaceChildren();
    for (const node of now) this.#create(node, said, null);
  }

  /** Return `[node said before or null, whether it stays in its place]` for each of `now` (Rule 1). */
  #match(old, now) {
    const partner = now.map(() => -1);
    const free = new Set(old.keys());
    const isOpen = (node) => !keyOf(node);
    const labels = [keyOf, (node) => isOpen(node) && node.outerHTML, (node) => isOpen(node) && this.#inner.get(node)];
    for (const label of labels) {
      const places = new Map();
      for (const i of free) {
        const name = label(old[i]);
        if (name) places.has(name) ? places.get(name).push(i) : places.set(name, [i]);
      }
      now.forEach((node, j) => {
        const candidates = partner[j] < 0 && places.get(label(node));
        if (!candidates?.length || kindOf(old[candidates[0]]) !== kindOf(node)) return;
        partner[j] = candidates.shift();
        free.delete(partner[j]);
      });
    }
    const stays = staying(partner, (i) => this.#isBusy(old[i]));
    fillGaps(old, now, partner, stays, free);
    return partner.map((i, j) => [i < 0 ? null : old[i], stays.has(j)]);
  }

  #isBusy(node) {
    const live = twins.get(node);
    if (live.nodeType !== Node.ELEMENT_NODE) return false;
    const isOn = (each) => each.paused !== true;
    return isActive(live) || (live.matches(BUSY) && isOn(live)) || [...live.querySelectorAll(BUSY)].some(isOn);
  }

  /** Put `now` before the node `before` of `said`, from the last to the first, and make each say what it should. */
  #arrange(said, before, now, pairs) {
    for (let j = now.length - 1; j >= 0; j--) {
      const stays = pairs[j][1];
      let mine = pairs[j][0] ?? this.#across.get(now[j]);
      if (mine) {
        if (!stays) this.#move(mine, said, before);
        this.#node(mine, now[j]);
      } else mine = this.#create(now[j], said, before);
      before = mine;
    }
  }

  #move(mine, said, before) {
    const live = twins.get(mine);
    const isHere = live.parentNode === this.#inside(mine.parentNode); // else a script took it away: its own business
    const reference = this.#reference(said, before);
    this.#gone.delete(mine);
    said.insertBefore(mine, before);
    if (isHere) put(live, this.#inside(said), reference);
  }

  #create(node, said, before) {
    const isReusing = node.firstElementChild && [...node.querySelectorAll(KEYED)].some((each) => this.#across.has(each));
    const mine = isReusing ? inert.importNode(node, false) : node;
    const live = document.importNode(mine, true);
    pair(mine, live);
    this.#inside(said).insertBefore(live, this.#reference(said, before));
    said.insertBefore(mine, before);
    for (const start of starts(live)) {
      start.after(document.createComment(`/${start.data}`));
      this.#report.added.push(start);
    }
    if (isReusing) this.#children(mine, node);
    return mine;
  }

  #remove(node) {
    const live = twins.get(node);
    node.remove();
    this.#report.removed.push(...starts(live));
    for (const each of unit(live)) each.remove();
  }

  /** Return the live node before which something goes that stands before `before` in `said`. */
  #reference(said, before) {
    const live = before && twins.get(before);
    if (live?.parentNode === this.#inside(said)) return live;
    return said === this.#said ? this.#end : null;
  }

  #inside(said) {
    return said === this.#said ? this.#parent : twins.get(said);
  }

  // -- one node ------------------------------------------------------------------------------------------------------

  #node(mine, node) {
    if (same(mine, node)) return;
    const live = twins.get(mine);
    if (mine.nodeType === Node.ELEMENT_NODE) {
      const isKept = [live, node].some((each) => each.hasAttribute("data-live-keep")) || kept.has(live);
      if (!isKept) this.#element(mine, node, live);
    } else {
      splice(live, mine.data, node.data);
      mine.data = node.data;
    }
  }

  #element(mine, node, live) {
    const field = FIELDS[mine.localName]?.(mine, node, live) ?? contents(mine, node, live);
    this.#report.held ||= field?.held === true;
    attributes(mine, node, live, field?.skip);
    if (!field?.alone) this.#children(mine, node);
    field?.after?.();
  }
}

/** What fields.js does for fields, for two other elements whose children are no ordinary ones. */
function contents(mine, node, live) {
  if (live.hasAttribute("contenteditable")) {
    const alone = isActive(live) || live.innerHTML !== mine.innerHTML;
    return { alone, held: alone && isActive(live) };
  }
  if (!(mine instanceof HTMLTemplateElement)) return null;
  live.content.replaceChildren(document.importNode(node.content, true));
  mine.content.replaceChildren(node.content);
  return null;
}

function attributes(mine, node, live, skip) {
  const differs = ({ localName }) => localName !== skip && localName !== "nonce"; // browsers hide the nonce
  for (const { namespaceURI, localName } of [...mine.attributes].filter(differs)) {
    if (node.hasAttributeNS(namespaceURI, localName)) continue;
    for (const each of [mine, live]) each.removeAttributeNS(namespaceURI, localName);
  }
  for (const attribute of [...node.attributes].filter(differs)) {
    const { namespaceURI, localName, value } = attribute;
    if (mine.getAttributeNS(namespaceURI, localName) === value) continue;
    for (const each of [mine, live]) {
      const own = each.getAttributeNodeNS(namespaceURI, localName);
      own ? (own.value = value) : each.setAttributeNode(attribute.cloneNode()); // any name, also @click
    }
  }
}

/** Change a live text from `before` to `now` in its middle only: selections in the rest of it stay. */
function splice(live, before, now) {
  if (live.data !== before) return void (live.data = now);
  const shorter = Math.min(before.length, now.length);
  let head = 0;
  while (head < shorter && before[head] === now[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === now.at(-1 - tail)) tail++;
  live.replaceData(head, before.length - head - tail, now.slice(head, now.length - tail));
}

// -- pairing -----------------------------------------------------------------------------------------------------------

function keyOf(node) {
  if (node.nodeType === Node.COMMENT_NODE) return marker(node) ? node.data : null;
  if (node.nodeType !== Node.ELEMENT_NODE) return null;
  if (node.getAttribute("id")) return `#${node.getAttribute("id")}`; // form.id may be a field of that name
  const key = node.getAttribute("data-key");
  return key === null ? null : `${node.localName}=${key}`;
}

/** Only nodes of one kind can become each other; a field never becomes another field. */
function kindOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return String(node.nodeType);
  const isField = node.localName in FIELDS || node.localName === "button";
  const more = isField ? [node.getAttribute("type"), node.getAttribute("name")] : [];
  return JSON.stringify([node.namespaceURI, node.localName, node.getAttribute("is"), ...more]);
}

function same(a, b) {
  if (!a.isEqualNode(b)) return false; // which does not look into templates
  return !(a.localName === "template" || a.querySelector?.("template")) || a.outerHTML === b.outerHTML;
}

/** Return the places of a longest run of `partner` in order (-1: none), in which as many busy ones stay as can. */
function staying(partner, isBusy) {
  let places = [...partner.keys()].filter((j) => partner[j] >= 0);
  if (places.every((j, k) => k === 0 || partner[places[k - 1]] < partner[j])) return new Set(places);
  for (const pin of places.filter((j) => isBusy(partner[j]))) {
    if (places.includes(pin)) places = places.filter((j) => j === pin || j < pin === partner[j] < partner[pin]);
  }
  const ends = []; // ends[n]: the place with the smallest partner that ends a run of n + 1
  const previous = new Map();
  for (const j of places) {
    let n = ends.length;
    while (n > 0 && partner[ends[n - 1]] > partner[j]) n--;
    previous.set(j, ends[n - 1]);
    ends[n] = j;
  }
  const run = new Set();
  for (let j = ends.at(-1); j !== undefined; j = previous.get(j)) run.add(j);
  return run;
}

/** Pair what has no key and no partner yet, between two nodes that stay, by kind and order. */
function fillGaps(old, now, partner, stays, free) {
  let from = 0;
  let next = 0; // the first place at or after j that stays
  for (let j = 0; j < now.length; j++) {
    if (stays.has(j)) from = partner[j] + 1;
    if (partner[j] >= 0 || keyOf(now[j])) continue;
    for (next = Math.max(next, j); next < now.length && !stays.has(next); ) next++;
    const to = next < now.length ? partner[next] : old.length;
    for (let i = from; i < to; i++) {
      if (!free.has(i) || keyOf(old[i]) || kindOf(old[i]) !== kindOf(now[j])) continue;
      partner[j] = i;
      stays.add(j);
      free.delete(i);
      from = i + 1;
      break;
    }
  }
}

// -- live nodes --------------------------------------------------------------------------------------------------------

/** Copy live nodes up to `end` as the server said them: attributes, not what was typed; nested regions as holes. */
function copy(node, end, into) {
  for (; node && node !== end; node = node.nextSibling) {
    const isHole = marker(node)?.isEnd === false && endOf(node);
    const said = isHole ? inert.createComment(`live:${marker(node).id}`) : inert.importNode(bare(node), false);
    twins.set(said, node);
    into.append(said);
    if (isHole) node = isHole;
    else if (said instanceof HTMLTemplateElement) said.content.append(inert.importNode(node.content, true));
    else copy(node.firstChild, null, said);
  }
}

/** Return the node, or an element with the same attributes that nobody has typed into: clones take along what was. */
function bare(node) {
  if (!(node.localName in FIELDS || node.localName === "option")) return node;
  const said = inert.createElementNS(node.namespaceURI, node.localName);
  for (const attribute of node.attributes) said.setAttributeNode(attribute.cloneNode());
  return said;
}

function pair(said, live) {
  twins.set(said, live);
  let other = live.firstChild;
  for (const node of said.childNodes) {
    pair(node, other ?? document.importNode(node, true)); // none: a custom element changed what is in it
    other = other?.nextSibling;
  }
}

/** Return the live nodes that move together: a node, or a nested region with its markers. */
function unit(live) {
  const end = marker(live)?.isEnd === false && endOf(live);
  const nodes = [live];
  while (end && nodes.at(-1) !== end) nodes.push(nodes.at(-1).nextSibling);
  return nodes;
}

function put(live, parent, reference) {
  for (const node of unit(live)) {
    if (parent.moveBefore && parent.isConnected && node.isConnected) {
      parent.moveBefore(node, reference);
      continue;
    }
    const scrolled = [...(node.querySelectorAll?.("*") ?? []), node].filter((each) => each.scrollTop || each.scrollLeft);
    const places = scrolled.map((each) => [each, each.scrollLeft, each.scrollTop]);
    parent.insertBefore(node, reference);
    for (const [each, left, top] of places) each.scrollTo({ left, top, behavior: "instant" });
  }
}

/** Return what gives the focus and the selection back, should the moves of an older browser take them. */
function focused() {
  const active = document.activeElement;
  const [start, end, direction] = [active?.selectionStart, active?.selectionEnd, active?.selectionDirection];
  return () => {
    if (active === document.activeElement || !active?.isConnected) return;
    active.focus({ preventScroll: true });
    if (typeof start === "number") active.setSelectionRange(start, end, direction);
  };
}
