// What a page says of its connection: nothing while all is well; a dot and a few words at the edge when it has been
// lost for a while, or when something was not sent. Its look is in a shadow tree, with a sheet made by script: the page's
// content security policy has nothing to forbid, and the page's own styles do not reach it (but its custom properties do).

const LOOKS = `
  :host { position: fixed; inset: auto 0 0 auto; z-index: 2147483647; margin: 0.75rem; pointer-events: none;
    font: 0.875rem/1.4 var(--vv-font, system-ui, sans-serif) }
  p { display: flex; align-items: center; gap: 0.5em; margin: 0.5rem 0 0 auto; padding: 0.35em 0.8em; width: fit-content;
    max-width: min(30rem, calc(100vw - 3.5rem)); border-radius: 1.2em; color: #f4f4f7; background: #23252d;
    box-shadow: 0 2px 10px rgb(0 0 0 / 30%) }
  p:empty { display: none }
  p:first-of-type::before { content: ""; flex: none; width: 0.6em; height: 0.6em; border-radius: 50%; background: #f0b04a }
  p:last-of-type { border-radius: 0.5em; background: #7d1f18; color: #fff }
  @media (prefers-reduced-motion: no-preference) { p:first-of-type::before { animation: wait 1.6s infinite alternate } }
  @keyframes wait { to { opacity: 0.3 } }
`;

/** The words that are shown; a page in another language puts its own here. */
export const words = {
  waiting: "Reconnecting …",
  unsent: "The server did not answer: this may not have been sent. What you typed is still here.",
  failed: "The server could not do this",
};

const PATIENCE = 2_000; // a connection that is back sooner was never missed: no flicker at each restart of the server
let lines = null;
let timer = 0;
let notice = 0;

/** Show the state of the connection: "open" and "idle" are silent. */
export function showState(state) {
  document.documentElement.dataset.liveState = state;
  clearTimeout(timer);
  if (state === "open" || state === "idle") write(0, "");
  else timer = setTimeout(() => write(0, words.waiting), PATIENCE);
}

/** Say something that people must know, for a while; "" takes it away. */
export function say(text) {
  clearTimeout(notice);
  write(1, text);
  if (text) notice = setTimeout(() => write(1, ""), 20_000);
}

function write(line, text) {
  if (!lines && !text) return;
  if (!lines?.[0].isConnected) lines = make();
  if (lines[line].textContent !== text) lines[line].textContent = text;
}

/** Return two lines on the page, for a state and for what must be heard at once. */
function make() {
  const host = document.createElement("vivace-status");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(LOOKS);
  root.adoptedStyleSheets = [sheet];
  for (const role of ["status", "alert"]) {
    const line = document.createElement("p");
    line.setAttribute("role", role);
    root.append(line);
  }
  document.body.append(host);
  return [...root.children];
}
