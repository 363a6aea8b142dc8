// The one connection of a page to its server, shared by channels and live regions: `import { socket } from "vivace/socket.js"`.
//
//   idle ──hold()──► connecting ──► open ──lost──► waiting ──time, online, page shown──► connecting …
//
// It keeps nothing that was to be sent: `send` says whether a frame went out, and whoever must say something on each new
// connection (join, watch) says it in `onopen`. Frames are arrays whose first item is a verb, or a Uint8Array.
//
// When a connection is lost the next attempt comes after a random part of 1, 2, 4 … 30 seconds, so that the clients of a
// restarted server do not come all at once; at once when the network comes back or the page is looked at again.
// A connection on which nothing came, or nothing went, for `ping` milliseconds is asked; whatever comes is an answer, so
// that a busy connection is never taken for a dead one. A WebSocket that fails twice while plain HTTP gets through is blocked by
// something in between: then an event stream with POSTs takes its place, and WebSockets are tried again from time to time.

import { EventTransport, WebSocketTransport, isReachable } from "./transports.js";

const DEFAULTS = {
  ping: 20_000, // milliseconds of silence before the server is asked: proxies cut silent connections after 30 to 60 s
  patience: 10_000, // until an answer must have come, also to opening
  first: 1_000, // the longest wait before the first new attempt; doubled for each next
  longest: 30_000,
  steady: 5_000, // a connection that held so long starts the waits anew
  blocked: 2, // WebSockets that fail while HTTP gets through, until the event stream is used
  probe: 60_000, // until a WebSocket is tried again; doubled each time
  fallback: true,
};

/** Functions that are called together; an error in one of them is reported and stops no other. */
class Hooks {
  #functions = new Set();

  add(hook) {
    const own = (...values) => hook(...values); // the same function may be added twice
    this.#functions.add(own);
    return () => void this.#functions.delete(own);
  }

  call(...values) {
    for (const hook of [...this.#functions]) {
      try {
        hook(...values);
      } catch (error) {
        reportError(error);
      }
    }
  }
}

export class Socket {
  /** Milliseconds by which all that goes and comes is delayed, half each way: how a page feels on a slow line. */
  latency = 0;
  #options;
  #holds = 0;
  #state = "idle";
  #transport = null;
  #attempt = 0;
  #blocked = 0;
  #heard = 0; // when the last frame came
  #frames = 0; // how many came
  #went = 0; // when the last frame went
  #spoke = 0; // when the last one that was no ping went
  #opened = 0;
  #proven = false; // whether anything came over this connection
  #timer = 0; // of the state: until a connection must be open, until the next ping, until the next attempt
  #probe = 0;
  #probes = 0;
  #verbs = new Map();
  #opening = new Hooks();
  #closing = new Hooks();
  #changing = new Hooks();
  #binary = new Hooks();

  constructor(options = {}) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /** "idle", "connecting", "open" or "waiting". */
  get state() {
    return this.#state;
  }

  /** What carries the connection: "websocket", "events" or "". */
  get transport() {
    return this.#transport?.kind ?? "";
  }

  /** Keep the connection open until the returned function is called. */
  hold() {
    let held = true;
    if (this.#holds++ === 0) this.#start();
    return () => {
      if (held && --this.#holds === 0) this.#stop();
      held = false;
    };
  }

  /** Send a frame; returns whether there was a connection for it. */
  send(frame) {
    if (this.#state !== "open") return false;
    this.#spoke = Date.now();
    this.#put(frame);
    return true;
  }

  /** Call `hook` with what follows the verb in each such frame; returns what ends that. */
  on(verb, hook) {
    if (!this.#verbs.has(verb)) this.#verbs.set(verb, new Hooks());
    return this.#verbs.get(verb).add(hook);
  }

  /** Call `hook` with each binary frame. */
  onbinary(hook) {
    return this.#binary.add(hook);
  }

  /** Call `hook` on each new connection; at once if there is one. */
  onopen(hook) {
    const end = this.#opening.add(hook);
    if (this.#state === "open") hook();
    return end;
  }

  /** Call `hook` with code and reason whenever an open connection has ended. */
  onclose(hook) {
    return this.#closing.add(hook);
  }

  /** Call `hook` with the state whenever it changes, and at once. */
  onstate(hook) {
    const end = this.#changing.add(hook);
    hook(this.#state);
    return end;
  }

  /** Try now if the next attempt is still waited for; ask an open connection whether it is alive. */
  reconnect() {
    if (this.#state === "waiting") this.#connect();
    else if (this.#state === "open") this.#check();
  }

  // -- the page ---------------------------------------------------------------------------------------------------

  #start() {
    addEventListener("online", this.#online);
    addEventListener("offline", this.#offline);
    addEventListener("pagehide", this.#hide);
    addEventListener("pageshow", this.#show);
    document.addEventListener("visibilitychange", this.#look);
    document.addEventListener("resume", this.#look);
    this.#connect();
  }

  #stop() {
    removeEventListener("online", this.#online);
    removeEventListener("offline", this.#offline);
    removeEventListener("pagehide", this.#hide);
    removeEventListener("pageshow", this.#show);
    document.removeEventListener("visibilitychange", this.#look);
    document.removeEventListener("resume", this.#look);
    this.#leave("left");
  }

  /** The line may be cut or may only seem to be: ask. */
  #offline = () => {
    if (this.#state === "open") this.#check();
  };

  #online = () => {
    this.#blocked = 0; // another network may let WebSockets through
    this.#attempt = 0;
    this.reconnect();
  };

  /** A sleeping machine or a cut line tells nobody: when the page is looked at again, ask. */
  #look = () => {
    if (document.visibilityState === "visible") this.reconnect();
  };

  /** A page with an open connection would not be kept for the way back. */
  #hide = () => this.#leave("page hidden");

  #show = () => {
    if (this.#state === "idle" && this.#holds) this.#connect();
  };

  #leave(reason) {
    const wasOpen = this.#state === "open";
    this.#drop();
    this.#become("idle");
    if (wasOpen) this.#closing.call(1000, reason);
  }

  // -- one connection ---------------------------------------------------------------------------------------------

  get #base() {
    const meta = document.querySelector('meta[name="vivace-realtime"]');
    return this.#options.base ?? meta?.content ?? "/_vivace";
  }

  #connect() {
    this.#drop();
    this.#become("connecting");
    const usesEvents = this.#options.fallback && this.#blocked >= this.#options.blocked;
    const transport = this.#made(usesEvents ? EventTransport : WebSocketTransport, () => this.#isOpen());
    this.#transport = transport;
    this.#timer = setTimeout(() => transport.fail("it did not open"), this.#options.patience);
  }

  /** Return a transport that is listened to as long as it is ours. */
  #made(Transport, open) {
    const ours = (act) => (...values) => void (this.#transport === transport && act(...values));
    const receive = ours((frame) => this.#receive(frame));
    const transport = new Transport(this.#base, {
      open: ours(open),
      frame: (frame) => (this.latency ? setTimeout(receive, this.latency / 2, frame) : receive(frame)),
      gone: ours((code, reason) => this.#lost(code, reason)),
    });
    return transport;
  }

  #isOpen() {
    this.#opened = this.#heard = Date.now();
    this.#proven = false;
    this.#become("open");
    this.#check(); // a proxy that lets a WebSocket open and nothing through it is found out here
    if (this.transport === "events") this.#probeLater();
    this.#opening.call();
  }

  #put(frame) {
    const transport = this.#transport;
    this.#went = Date.now();
    if (this.latency) setTimeout(() => transport.send(frame), this.latency / 2);
    else transport.send(frame);
  }

  #receive(frame) {
    this.#heard = Date.now();
    this.#frames++;
    if (!this.#proven) {
      this.#proven = true;
      if (this.transport === "websocket") this.#blocked = this.#probes = 0;
    }
    if (frame instanceof Uint8Array) this.#binary.call(frame);
    else this.#verbs.get(frame[0])?.call(...frame.slice(1));
  }

  #lost(code, reason) {
    const { transport } = this;
    const wasOpen = this.#state === "open";
    if (this.#proven && Date.now() - this.#opened >= this.#options.steady) this.#attempt = 0;
    const suspect = transport === "websocket" && !this.#proven;
    if (transport === "events" && !this.#proven) this.#blocked = 0;
    this.#drop();
    this.#wait();
    if (suspect) this.#suspect();
    if (wasOpen) this.#closing.call(code, reason);
  }

  /** Count a WebSocket as blocked if HTTP gets through where it did not. */
  async #suspect() {
    if (!this.#options.fallback || !(await isReachable(this.#base))) return;
    this.#blocked++;
    if (this.#blocked >= this.#options.blocked && this.#state === "waiting") this.#connect();
  }

  #wait() {
    const longest = Math.min(this.#options.longest, this.#options.first * 2 ** this.#attempt++);
    this.#become("waiting");
    this.#timer = setTimeout(() => this.#connect(), longest * (0.1 + 0.9 * Math.random()));
  }

  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#probe);
    const transport = this.#transport;
    this.#transport = null;
    transport?.close();
    this.#proven = false;
  }

  #become(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#changing.call(state);
  }

  // -- is it alive? -----------------------------------------------------------------------------------------------

  /** Ask after a time of silence. */
  #listen() {
    clearTimeout(this.#timer);
    const left = Math.min(this.#heard, this.#went) + this.#options.ping - Date.now();
    if (left > 0) this.#timer = setTimeout(() => this.#listen(), left);
    else this.#check();
  }

  #check() {
    clearTimeout(this.#timer);
    const { patience } = this.#options;
    const transport = this.#transport;
    const asked = Date.now();
    const { backlog } = transport;
    const frames = this.#frames;
    this.#put(["ping"]);
    this.#timer = setTimeout(() => {
      const slept = Date.now() - asked > 2 * patience; // timers stood still, and so did the network
      const moves = transport.backlog > 0 && transport.backlog < backlog; // a large message is still on its way
      if (this.#frames > frames) this.#listen();
      else if (slept || moves) this.#check();
      else transport.fail("the server does not answer");
    }, patience);
  }

  // -- from the event stream back to a WebSocket --------------------------------------------------------------------

  #probeLater() {
    clearTimeout(this.#probe);
    const wait = Math.min(this.#options.probe * 2 ** this.#probes++, 64 * this.#options.probe);
    this.#probe = setTimeout(() => this.#tryWebSocket(), wait);
  }

  /** Change over when a WebSocket opens and answers, unless somebody waits for an answer to what was just sent. */
  #tryWebSocket() {
    const probe = new WebSocketTransport(this.#base, {
      open: () => probe.send(["ping"]),
      frame: () => {
        clearTimeout(patience);
        probe.close();
        const quiet = this.#transport?.backlog === 0 && Date.now() - this.#spoke > this.#options.patience;
        if (this.transport !== "events") return;
        if (!quiet) return this.#probeLater();
        this.#blocked = 0;
        this.#drop();
        this.#become("connecting");
        this.#closing.call(1000, "a WebSocket gets through again");
        if (this.#state === "connecting") this.#connect();
      },
      gone: () => {
        clearTimeout(patience);
        if (this.transport === "events") this.#probeLater();
      },
    });
    const patience = setTimeout(() => probe.fail("it did not answer"), this.#options.patience);
  }
}

/** The connection of this page. */
export const socket = new Socket();
