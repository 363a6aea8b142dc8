// Channels: rooms on the server that a page joins. `import { channel } from "vivace/channels.js"`.
//
//   const chat = channel("chat/lobby");
//   chat.on("said", ({ by, text }) => show(by, text));
//   await chat.ask("say", { text: "Hello" });
//
// A channel outlives its connection. Each event of a room has a number; on a new connection the channel joins with the
// last one it has seen and is given what came meanwhile, each event once and in order. Where the server's log no longer
// reaches back it says so (`onresync`), and the page loads afresh what it shows.
// What is sent while there is no connection waits, bounded, in its order. What was asked and not answered when a connection
// ended is asked again if the server says that it did not arrive; where nobody knows, `ask` fails with "unconfirmed", or
// asks again with `retry`.

import { socket as shared } from "./socket.js";
import { isBinary, pack, unpack } from "./binary.js";

const DEFAULTS = { buffer: 256, timeout: 10_000 };
const LATER = new Set([429, 500, 502, 503, 504]); // refusals that may be over soon
const BLAMED = new Set([1007, 1009]); // ends of a connection for which a message of ours is to blame
const LONGEST = 30_000; // milliseconds between attempts to join
const CLIENT = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join(""); // this page
const rooms = new WeakMap(); // of each socket: its channels by room

/** Why something did not come to pass: `code` says it to programs, `problem` is what the server told. */
export class ChannelError extends Error {
  name = "ChannelError";

  constructor(code, message, problem = null) {
    super(message);
    this.code = code;
    this.problem = problem;
  }
}

/** Return the channel of a room; it joins at once. A page has one channel for each room. */
export function channel(room, options = {}) {
  const socket = options.socket ?? shared;
  const known = channelsOf(socket);
  return known.get(room) ?? new Channel(room, { ...DEFAULTS, ...options, socket }, known);
}

/** Return data that no later change reaches; throws for what JSON does not know. */
function asItIsNow(data) {
  if (!isBinary(data)) return JSON.parse(JSON.stringify(data) ?? "null");
  const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(data) ? data : new Uint8Array(data);
  return buffer.slice(byteOffset, byteOffset + byteLength);
}

/** Return the channels of a socket by room, and listen for them all when it is asked for the first time. */
function channelsOf(socket) {
  if (rooms.has(socket)) return rooms.get(socket);
  const known = new Map();
  rooms.set(socket, known);
  const verbs = ["joined", "refused", "left", "event", "ask", "reply", "failed", "presence", "dropped"];
  for (const verb of verbs) socket.on(verb, (room, ...rest) => known.get(room)?.receive(verb, ...rest));
  socket.onbinary((frame) => {
    const { verb, room, name, number, data } = unpack(frame);
    if (verb === "event") known.get(room)?.receive(verb, name, data, number);
    else if (verb === "reply") known.get(room)?.receive(verb, number, data);
  });
  return known;
}

export class Channel {
  #options;
  #socket;
  #known;
  #release;
  #ends;
  #state = "joining";
  #position = null; // [epoch, number] of the last event that was seen
  #members = new Map();
  #me = null;
  #hooks = new Map();
  #answers = new Map();
  #messages = new Map(); // that are not sent or not answered, by their number
  #number = 0;
  #refusals = 0;
  #timer = 0;

  constructor(room, options, known) {
    this.room = room;
    this.#options = options;
    this.#socket = options.socket;
    this.#known = known;
    this.#enter();
  }

  /** "joining", "joined", "waiting" (for a connection), "refused" or "left". */
  get state() {
    return this.#state;
  }

  /** Who is present: what each told of itself, by the number of its presence. */
  get members() {
    return this.#members;
  }

  /** The key of this page among the members; null before it has joined. */
  get me() {
    return this.#me;
  }

  // -- what comes -------------------------------------------------------------------------------------------------

  /** Call `hook` with the data of each event of that name; returns what ends that. */
  on(name, hook) {
    return this.#hook(`event ${name}`, hook);
  }

  /** Call `hook` with name and data of every event. */
  onany(hook) {
    return this.#hook("any", hook);
  }

  /** Answer what the server asks under that name with what `hook` returns; an error of it fails the question. */
  answer(name, hook) {
    this.#answers.set(name, hook);
    return () => void (this.#answers.get(name) === hook && this.#answers.delete(name));
  }

  /** Call `hook` whenever the channel was joined, also again; with whether events may be missing. */
  onjoin(hook) {
    return this.#hook("join", hook);
  }

  /** Call `hook` when events are missing: load afresh what is shown. */
  onresync(hook) {
    return this.#hook("resync", hook);
  }

  /** Call `hook` with how many events the server left out because this page reads too slowly. */
  ondropped(hook) {
    return this.#hook("dropped", hook);
  }

  /** Call `hook` with members, and with the keys of who came and who went. */
  onpresence(hook) {
    return this.#hook("presence", hook);
  }

  /** Call `hook` with the state, and with why it is left or refused, whenever it changes. */
  onstate(hook) {
    return this.#hook("state", hook);
  }

  /** Resolve when the channel is joined; fail when it is refused or left. */
  joined() {
    return new Promise((resolve, reject) => {
      if (this.#state === "joined") return resolve(this);
      if (this.#isOver) return reject(this.#over());
      const end = this.onstate((state, problem) => {
        if (state === "joined") resolve(this);
        else if (this.#isOver) reject(this.#over(problem));
        else return;
        end();
      });
    });
  }

  // -- what goes --------------------------------------------------------------------------------------------------

  /**
   * Send an event and want no answer; returns whether it was sent or is kept until it can be. A `volatile` one is not kept.
   */
  send(name, data = null, { volatile = false } = {}) {
    if (this.#state === "joined" && this.#put("send", name, data, 0)) return true;
    if (volatile || this.#isOver || this.#messages.size >= this.#options.buffer) return false;
    this.#messages.set(++this.#number, { name, data: asItIsNow(data), sent: false, settle: null });
    return true;
  }

  /** Send an event and return its answer; fails with a ChannelError. With `retry`, asks again on a new connection. */
  ask(name, data = null, { timeout = this.#options.timeout, retry = false } = {}) {
    return new Promise((resolve, reject) => {
      if (this.#isOver) return reject(this.#over());
      if (this.#messages.size >= this.#options.buffer) {
        return reject(new ChannelError("buffer-full", `${this.#messages.size} messages to ${this.room} wait already.`));
      }
      const message = { name, data: asItIsNow(data), sent: false, retry, settle: null };
      const number = ++this.#number;
      const timer = setTimeout(() => this.#settle(number, this.#late(message, timeout)), timeout);
      message.settle = (error, answer) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(answer);
      };
      this.#messages.set(number, message);
      if (this.#state === "joined") message.sent = this.#put("send", name, data, number);
    });
  }

  /** Leave; nothing comes any more, and what was not answered fails. */
  leave() {
    if (this.#isOver) return;
    this.#socket.send(["leave", this.room]);
    this.#finish("left", null);
  }

  /** Try again after a refusal or an end. */
  join() {
    if (!this.#isOver) return;
    this.#position = null;
    this.#state = "joining";
    this.#enter();
  }

  // -- joining ----------------------------------------------------------------------------------------------------

  #enter() {
    const before = this.#known.get(this.room);
    if (before && before !== this) throw new ChannelError("joined-twice", `The page has a channel of ${this.room} already.`);
    this.#known.set(this.room, this);
    this.#ends = [this.#socket.onopen(() => this.#join()), this.#socket.onclose((code) => this.#pause(code))];
    this.#release = this.#socket.hold();
  }

  #join() {
    this.#become("joining");
    const { data = null } = this.#options;
    this.#socket.send(["join", this.room, { since: this.#position, data, client: CLIENT }]);
  }

  #pause(code) {
    clearTimeout(this.#timer);
    for (const [number, { sent }] of BLAMED.has(code) ? [...this.#messages] : []) {
      const said = "The server ended the connection: a message was too large, or none of its.";
      if (sent) this.#settle(number, new ChannelError("unconfirmed", said)); // not again: it would end the next one, too
    }
    this.#become("waiting");
  }

  get #isOver() {
    return this.#state === "left" || this.#state === "refused";
  }

  #over(problem = null) {
    const said = problem?.detail ?? problem?.title ?? "";
    return new ChannelError(this.#state, `The channel ${this.room} is ${this.#state}. ${said}`.trim(), problem);
  }

  #finish(state, problem) {
    clearTimeout(this.#timer);
    this.#known.delete(this.room);
    for (const end of this.#ends) end();
    this.#become(state, problem);
    for (const number of [...this.#messages.keys()]) this.#settle(number, this.#over(problem));
    this.#changePresence(new Map());
    this.#release();
  }

  #become(state, problem = null) {
    if (this.#state === state) return;
    this.#state = state;
    this.#call("state", state, problem);
  }

  // -- frames -----------------------------------------------------------------------------------------------------

  /** Take what came for this room. @internal */
  receive(verb, ...rest) {
    this[`_${verb}`](...rest);
  }

  _joined(position, { resync = false, members = {}, me = null, received = null }) {
    this.#refusals = 0;
    this.#me = me;
    if (resync || !this.#position) this.#position = position;
    // Before anybody hears of it and sends more; on the same connection (the log was lost) what is under way still is.
    if (this.#state !== "joined") this.#resume(received);
    this.#become("joined");
    this.#changePresence(new Map(Object.entries(members ?? {})));
    this.#call("join", { resync });
    if (resync) this.#call("resync");
  }

  _refused(problem) {
    if (!LATER.has(problem?.status)) return this.#finish("refused", problem);
    const wait = Math.min(LONGEST, 1000 * 2 ** this.#refusals++) * (0.5 + Math.random());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#join(), wait);
  }

  _left(reason) {
    if (this.#state === "joining") return; // who left and joins again at once may still hear of the first time
    this.#finish("left", typeof reason === "string" ? { detail: reason } : reason);
  }

  _event(name, data, number) {
    if (number && this.#position) {
      if (number <= this.#position[1]) return; // it came before: a replay and the event itself may meet
      this.#position = [this.#position[0], number];
    }
    this.#call(`event ${name}`, data);
    this.#call("any", name, data);
  }

  async _ask(name, data, number) {
    try {
      const hook = this.#answers.get(name);
      if (!hook) throw new ChannelError("no-answer", `Nobody answers ${name}.`);
      this.#put("ack", "", (await hook(data)) ?? null, number);
    } catch (error) {
      this.#socket.send(["nack", this.room, number, String(error?.message ?? error)]);
    }
  }

  _reply(number, data) {
    this.#settle(number, null, data);
  }

  _failed(number, problem) {
    const said = problem?.detail ?? problem?.title ?? "The server refused it.";
    this.#settle(number, new ChannelError("failed", said, problem));
  }

  _presence(joined, left) {
    const members = new Map(this.#members);
    for (const key of left) members.delete(key);
    for (const [key, info] of Object.entries(joined)) members.set(key, info);
    this.#changePresence(members, Object.keys(joined), left);
  }

  _dropped(count) {
    this.#call("dropped", count);
  }

  #changePresence(members, joined = null, left = null) {
    const before = this.#members;
    this.#members = members;
    joined ??= [...members.keys()].filter((key) => !before.has(key));
    left ??= [...before.keys()].filter((key) => !members.has(key));
    if (joined.length || left.length) this.#call("presence", members, joined, left);
  }

  // -- small parts ------------------------------------------------------------------------------------------------

  #put(verb, name, data, number) {
    const { room } = this;
    if (isBinary(data)) return this.#socket.send(pack(verb, room, name, number, data));
    return this.#socket.send(verb === "ack" ? [verb, room, number, data] : [verb, room, name, data, number]);
  }

  /**
   * Send what waits, in its order, and again what did not arrive: all beyond the number that the server had `received` from
   * this page. Where it does not know that (null: another process, or too long ago), only what wants to be sent twice.
   */
  #resume(received) {
    for (const [number, message] of [...this.#messages]) {
      const arrived = message.sent && received !== null && number <= received;
      if (arrived || (message.sent && received === null && !message.retry)) {
        this.#settle(number, new ChannelError("unconfirmed", "The connection ended before the answer came."));
        continue;
      }
      message.sent = this.#put("send", message.name, message.data, message.settle ? number : 0);
      if (message.sent && !message.settle) this.#messages.delete(number);
    }
  }

  #settle(number, error, answer) {
    const message = this.#messages.get(number);
    this.#messages.delete(number);
    message?.settle?.(error, answer);
  }

  #late(message, timeout) {
    const where = message.sent ? "and no answer came" : "and it could not be sent";
    return new ChannelError(message.sent ? "timeout" : "unsent", `${timeout} ms are over ${where}.`);
  }

  #hook(what, hook) {
    if (!this.#hooks.has(what)) this.#hooks.set(what, new Set());
    const own = (...values) => hook(...values);
    this.#hooks.get(what).add(own);
    return () => void this.#hooks.get(what).delete(own);
  }

  #call(what, ...values) {
    for (const hook of [...(this.#hooks.get(what) ?? [])]) {
      try {
        hook(...values);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
