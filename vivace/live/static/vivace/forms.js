// Forms of live pages are sent without a reload: what was typed in other fields, scroll and focus stay.
//
// A form that is sent by POST to this site goes by fetch; with anything unusual (a target, another site, data-live-off)
// it stays the browser's. While it is under way it is aria-busy and cannot be sent again. Then, by the answer:
//
//   redirect to this page       the page is adopted; the form is reset, but for fields that were changed meanwhile
//   redirect to another page    the browser goes there
//   a page with this form       it is adopted: errors are shown, what was typed stays, the first wrong field gets the focus
//   204                         as a redirect to this page, with nothing new
//   another page, status < 400  it takes the place of this one
//   another status, no answer   is said; all that was typed stays
//   a file                      is downloaded
//
// Where it went well, what the form was in (a dialog, a popover) closes, and the form tells it by an event, vivace:sent.
// The server answers a request with `Vivace-Form` by 204 and `Vivace-Location` where it would redirect, so that what the
// next page shows once (messages) is not used up by a fetch that nobody sees.

import { FIELDS } from "./fields.js";
import { cutRegions, parsePage } from "./markup.js";
import { keep, Morph } from "./morph.js";
import { socket } from "./socket.js";
import { say, words } from "./status.js";

const FILE = "multipart/form-data";
const PLAIN = "application/x-www-form-urlencoded";
const busy = new WeakSet();
const shown = new WeakMap(); // form → takes its errors back, where they stand in a region
let number = 0; // of the form that was sent last
let adopted = 0; // of the one whose answer is shown

/** Send the forms of this page; `page.adopt(html)` shows an answer, `page.leave(url)` goes there, `page.sending()` begins a wait. */
export function submits(page) {
  document.addEventListener("submit", (event) => {
    const call = callOf(event);
    if (!call) return;
    event.preventDefault();
    if (!busy.has(call.form)) send(page, call);
  });
}

/** Return what a submission says, `{ form, submitter, url, enctype }`; null when it is the browser's business. */
function callOf({ target: form, submitter, defaultPrevented }) {
  const option = (name) => submitter?.getAttribute(`form${name}`) ?? said(form, name);
  const url = new URL(option("action") || location.href, document.baseURI);
  const enctype = option("enctype").toLowerCase() || PLAIN;
  const isPost = option("method").toLowerCase() === "post" && [PLAIN, FILE].includes(enctype);
  const isHere = url.origin === location.origin && ["", "_self"].includes(option("target"));
  if (defaultPrevented || !isPost || !isHere || form.closest("[data-live-off]")) return null;
  return { form, submitter, url, enctype };
}

async function send(page, { form, submitter, url, enctype }) {
  const sent = { form, before: values(form), mine: ++number };
  const data = new FormData(form, submitter);
  const body = enctype === FILE ? data : new URLSearchParams([...data].map(([name, value]) => [name, value.name ?? value]));
  const headers = { accept: "text/html, */*;q=0.5", "vivace-form": "1" };
  const done = [page.sending(), mark(form, submitter)];
  say("");
  try {
    await pause();
    const answer = await fetch(url, { method: "POST", body, headers }).catch(() => null);
    await pause();
    if (answer) await show(page, answer, sent);
    else say(words.unsent);
  } finally {
    for (const end of done) end();
  }
}

const pause = () => socket.latency && new Promise((done) => setTimeout(done, socket.latency / 2));

function mark(form, submitter) {
  busy.add(form);
  form.setAttribute("aria-busy", "true");
  submitter?.setAttribute("aria-disabled", "true");
  return () => {
    busy.delete(form);
    form.removeAttribute("aria-busy");
    submitter?.removeAttribute("aria-disabled");
  };
}

async function show(page, answer, sent) {
  const place = answer.headers.get("vivace-location");
  if (place) return follow(page, new URL(place, answer.url), sent);
  if (answer.redirected && !isHere(answer.url)) return page.leave(answer.url);
  if (answer.status === 204) return settle(sent);
  const type = answer.headers.get("content-type") ?? "";
  if (!type.startsWith("text/html")) return answer.ok ? save(answer) : complain(answer, "");
  const html = await answer.text().catch(() => null); // cut off
  if (html === null) return say(words.unsent);
  if (answer.redirected && answer.ok) return success(page, html, sent);
  const twin = counterpart(sent.form, parsePage(html));
  if (twin) return refuse(page, html, twin, sent);
  if (answer.status >= 400) return complain(answer, parsePage(html).title);
  page.adopt(html, { regions: "all" });
}

function isHere(url) {
  return url.split("#")[0] === location.href.split("#")[0];
}

async function follow(page, url, sent) {
  if (!isHere(url.href)) return page.leave(url);
  const answer = await fetch(url, { headers: { accept: "text/html" }, cache: "no-store" }).catch(() => null);
  if (answer?.redirected || answer?.ok === false) return page.leave(answer.url);
  const html = await answer?.text().catch(() => null);
  if (url.hash) location.hash = url.hash;
  if (html) success(page, html, sent);
  else settle(sent); // it was sent; what else is new comes with the next connection
}

function success(page, html, sent) {
  if (sent.mine > adopted) page.adopt(html);
  adopted = Math.max(adopted, sent.mine);
  settle(sent);
}

/** What a form was in closes as it does when the page is loaded anew. */
function close(form) {
  form.closest("dialog[open]")?.close();
  if (CSS.supports("selector(:popover-open)")) form.closest(":popover-open")?.hidePopover();
  form.dispatchEvent(new CustomEvent("vivace:sent", { bubbles: true }));
}

/** Reset what was sent and not changed since. */
function settle({ form, before }) {
  shown.get(form)?.();
  close(form);
  const sent = fields(form).filter((field) => !before.has(field) || before.get(field) === valueOf(field));
  if (sent.length === fields(form).length) return HTMLFormElement.prototype.reset.call(form); // form.reset may be a button
  for (const field of sent) {
    if (field.options) reselect(field);
    else if (CHECKED.has(field.type)) field.checked = field.defaultChecked;
    else field.value = field.type === "file" ? "" : field.defaultValue;
  }
}

function reselect(field) {
  for (const option of field.options) option.selected = option.defaultSelected;
  if (field.type === "select-one" && field.selectedIndex < 0) field.selectedIndex = 0;
}

const CHECKED = new Set(["checkbox", "radio"]);
const fields = (form) => [...form.elements].filter((field) => field.localName in FIELDS && field.type !== "hidden");
const values = (form) => new Map(fields(form).map((field) => [field, valueOf(field)]));

function valueOf(field) {
  if (field.options) return JSON.stringify([...field.options].map((option) => option.selected));
  return CHECKED.has(field.type) ? field.checked : field.value;
}

/** Show the form again with what is wrong in it. */
function refuse(page, html, twin, { form, before, mine }) {
  shown.get(form)?.();
  if (mine > adopted) page.adopt(html, { regions: "new" });
  adopted = Math.max(adopted, mine);
  if (twin.isInRegion) {
    const morph = new Morph(form); // the region itself does not know of errors: its page never had them
    const clean = morph.copy();
    morph.to(twin.nodes);
    const release = keep(form);
    shown.set(form, () => (shown.delete(form), release(), morph.to(clean)));
  }
  const isTyping = [...before].some(([field, value]) => valueOf(field) !== value);
  if (!isTyping) form.querySelector("[aria-invalid=true]")?.focus();
}

/** Return the same form in another version of the page; by its id, else by its place among those that go to one address. */
function counterpart(form, page) {
  const alike = (root) => {
    const isAlike = (each) => said(each, "id") === said(form, "id") && (said(form, "id") || said(each, "action") === said(form, "action"));
    return [...root.querySelectorAll("form")].filter(isAlike);
  };
  const found = alike(page)[Math.max(0, alike(document).indexOf(form))];
  if (!found) return null;
  cutRegions(page.body);
  const nodes = page.createDocumentFragment();
  const isInRegion = !page.contains(found);
  nodes.append(...found.childNodes);
  return { nodes, isInRegion };
}

const said = (form, name) => form.getAttribute(name) ?? ""; // form.id may be a field of that name

function complain(answer, title) {
  say(`${words.failed} (${answer.status}${title ? `: ${title}` : ""}).`);
}

/** Do with an answer that is no page as the browser does: keep it as a file, or show it. */
async function save(answer) {
  const how = answer.headers.get("content-disposition") ?? "";
  const [, coded = ""] = /filename\*=UTF-8''([^;]+)/i.exec(how) ?? [];
  const [, plain = ""] = /filename="?([^";]+)/i.exec(how) ?? [];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  if (how.startsWith("attachment")) link.download = coded ? decodeURIComponent(coded) : plain;
  link.click();
}
