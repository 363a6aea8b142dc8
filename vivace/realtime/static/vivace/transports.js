// The two ways to a server: a WebSocket, or an event stream with POSTs where something in between blocks WebSockets.
//
// Both have `kind`, `backlog` (what is not sent yet), `send(frame)` and `close()`, and report to the object they were made
// with: `open()` once, `frame(array or Uint8Array)`, and `gone(code, reason)` once, whoever ended it, unless `close()` did.

const RETRIES = 4; // of one POST, before the connection counts as lost
const AGAIN = new Set([408, 425, 429, 502, 503, 504]); // the same POST may be taken later
const CODES = { 400: 1007, 413: 1009, 422: 1007 }; // what a WebSocket would be closed with
const POST_CHARACTERS = 65536;
const POST_SECONDS = 20;

/** Send and receive over a WebSocket. */
export class WebSocketTransport {
  kind = "websocket";
  #socket;
  #report;

  constructor(base, report) {
    this.#report = report;
    const url = new URL(`${base}/socket`, document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.#socket = new WebSocket(url);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#report?.open();
    this.#socket.onmessage = ({ data }) =>
      this.#report?.frame(typeof data === "string" ? JSON.parse(data) : new Uint8Array(data));
    this.#socket.onclose = ({ code, reason }) => this.#ended(code, reason);
  }

  get backlog() {
    return this.#socket.bufferedAmount;
  }

  send(frame) {
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.send(frame instanceof Uint8Array ? frame : JSON.stringify(frame));
    }
  }

  /** End it without a report. */
  close() {
    this.#report = null;
    this.#socket.close(1000);
  }

  /** End it as one that was lost: a dead connection may take minutes to answer a close. */
  fail(reason) {
    this.#socket.close(4000, reason);
    this.#ended(1006, reason);
  }

  #ended(code, reason) {
    const report = this.#report;
    this.#report = null;
    report?.gone(code, reason);
  }
}

/** Receive server-sent events, send by POSTs: one at a time, so that their order is kept. */
export class EventTransport {
  kind = "events";
  #base;
  #source;
  #report;
  #connection = "";
  #queue = [];
  #number = 0;
  #posting = false;

  constructor(base, report) {
    this.#base = base;
    this.#report = report;
    this.#source = new EventSource(`${base}/events`);
    this.#source.addEventListener("hello", ({ data }) => {
      this.#connection = JSON.parse(data);
      this.#report?.open();
    });
    this.#source.addEventListener("binary", ({ data }) =>
      this.#report?.frame(Uint8Array.from(atob(data), (character) => character.charCodeAt(0))),
    );
    this.#source.onmessage = ({ data }) => this.#report?.frame(JSON.parse(data));
    this.#source.onerror = () => this.fail("the event stream ended"); // the socket decides when to come back
  }

  get backlog() {
    return this.#queue.length + Number(this.#posting);
  }

  send(frame) {
    this.#queue.push(frame instanceof Uint8Array ? frame : JSON.stringify(frame));
    this.#pump();
  }

  close() {
    this.#report = null;
    this.#source.close();
  }

  fail(reason, code = 1006) {
    const report = this.#report;
    this.close();
    report?.gone(code, reason);
  }

  async #pump() {
    if (this.#posting) return;
    this.#posting = true;
    while (this.#queue.length && this.#report) {
      const status = await this.#post(this.#taken(), ++this.#number);
      if (status >= 400) this.fail("a message was not taken", CODES[status]);
    }
    this.#posting = false;
  }

  /** Take what goes in one POST: a binary frame alone, or text frames up to the next binary one. */
  #taken() {
    if (typeof this.#queue[0] !== "string") return this.#queue.shift();
    const texts = [];
    for (let size = 0; typeof this.#queue[0] === "string" && size < POST_CHARACTERS; ) {
      size += this.#queue[0].length;
      texts.push(this.#queue.shift());
    }
    return `[${texts.join()}]`;
  }

  /** Return the status of a POST, 599 without one; the server knows one that comes again by its number. */
  async #post(body, number) {
    const type = typeof body === "string" ? "application/json" : "application/octet-stream";
    const query = new URLSearchParams({ connection: this.#connection, n: number });
    for (let attempt = 0; attempt < RETRIES && this.#report; attempt++) {
      if (attempt) await new Promise((done) => setTimeout(done, (250 << attempt) * (1 + Math.random())));
      try {
        const response = await fetch(`${this.#base}/send?${query}`, {
          method: "POST",
          headers: { "content-type": type },
          body,
          signal: AbortSignal.timeout(POST_SECONDS * 1000),
        });
        if (!AGAIN.has(response.status)) return response.status;
      } catch {
        continue; // the network: once more, until the attempts are used up
      }
    }
    return 599;
  }
}

/** Return whether plain HTTP reaches the server: then it is not down when a WebSocket fails. */
export async function isReachable(base) {
  try {
    const response = await fetch(`${base}/send?connection=&n=0`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "[]",
      cache: "no-store",
      signal: AbortSignal.timeout(10_000),
    });
    return response.status < 500;
  } catch {
    return false;
  }
}
