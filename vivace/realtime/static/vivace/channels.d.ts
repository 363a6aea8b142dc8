import type { End, Socket } from "./socket.js";

/** Data by the name of its event: `{ said: { by: string; text: string } }`. */
export type Events = Record<string, any>;

/** `waiting`: for a connection; what is sent meanwhile is kept, bounded. `refused`, `left`: over, until `join()`. */
export type ChannelState = "joining" | "joined" | "waiting" | "refused" | "left";

/** Where a room's log stands. */
export type Position = readonly [epoch: number, number: number];

/** What the server said was wrong (RFC 9457). */
export interface Problem {
  readonly status?: number;
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly [member: string]: unknown;
}

/**
 * `timeout`: sent, and no answer came in time; `unsent`: there was no connection in time, so it was not sent; `unconfirmed`:
 * the connection ended before the answer, so it may have arrived; `failed`: the server refused it; `buffer-full`: too much
 * waits already; `refused`, `left`: the channel is over; `joined-twice`: the page has another channel of that room;
 * `no-answer`: the server asked what nobody answers.
 */
export type ChannelErrorCode =
  | "timeout"
  | "unsent"
  | "unconfirmed"
  | "failed"
  | "buffer-full"
  | "refused"
  | "left"
  | "joined-twice"
  | "no-answer";

export class ChannelError extends Error {
  constructor(code: ChannelErrorCode, message: string, problem?: Problem | null);
  readonly code: ChannelErrorCode;
  readonly problem: Problem | null;
}

export interface ChannelOptions {
  /** What the server's handler is told at each join. */
  data?: unknown;
  /** Messages that may wait for a connection or an answer. Default 256. */
  buffer?: number;
  /** Milliseconds until `ask` gives up. Default 10,000. */
  timeout?: number;
  /** Another connection than the page's. */
  socket?: Socket;
}

export interface AskOptions {
  /** Milliseconds, with the time that it waits for a connection. */
  timeout?: number;
  /** Ask again on a new connection: the server may get it twice. */
  retry?: boolean;
}

export interface SendOptions {
  /** Do not keep it where it cannot be sent now: positions, cursors. */
  volatile?: boolean;
}

export class Channel<Received extends object = Events, Sent extends object = Events, Info = any> {
  private constructor();
  readonly room: string;
  readonly state: ChannelState;
  /** Who is present: what each told of itself, by the key of its presence. */
  readonly members: ReadonlyMap<string, Info>;
  /** The key of this page among the members; null before it has joined. */
  readonly me: string | null;

  /** Call `hook` with the data of each event of that name; binary data is a Uint8Array. */
  on<Name extends keyof Received & string>(name: Name, hook: (data: Received[Name]) => void): End;
  /** Call `hook` with name and data of every event. */
  onany(hook: (name: string, data: any) => void): End;
  /** Answer what the server asks under that name; an error fails the question. */
  answer(name: string, hook: (data: any) => unknown): End;
  /** Call `hook` whenever the channel was joined, also again. */
  onjoin(hook: (joined: { resync: boolean }) => void): End;
  /** Call `hook` when events are missing: load afresh what is shown. */
  onresync(hook: () => void): End;
  /** Call `hook` with members, and with the keys of who came (or tells other things of itself now) and who went. */
  onpresence(hook: (members: ReadonlyMap<string, Info>, joined: string[], left: string[]) => void): End;
  /** Call `hook` with how many events the server left out because this page reads too slowly. */
  ondropped(hook: (count: number) => void): End;
  /** Call `hook` whenever the state changes; with the problem where the server ended it. */
  onstate(hook: (state: ChannelState, problem: Problem | null) => void): End;
  /** Resolves when the channel is joined; fails with a ChannelError when it is refused or left. */
  joined(): Promise<this>;

  /** Send and want no answer; returns whether it was sent or is kept until it can be. */
  send<Name extends keyof Sent & string>(name: Name, data?: Sent[Name], options?: SendOptions): boolean;
  /** Send and return the answer; fails with a ChannelError. */
  ask<Answer = any, Name extends keyof Sent & string = keyof Sent & string>(
    name: Name,
    data?: Sent[Name],
    options?: AskOptions,
  ): Promise<Answer>;
  /** Leave; nothing comes any more, and what was not answered fails. */
  leave(): void;
  /** Try again after a refusal or an end. */
  join(): void;
}

/** Return the channel of a room, which joins at once. A page has one channel for each room. */
export function channel<Received extends object = Events, Sent extends object = Events, Info = any>(
  room: string,
  options?: ChannelOptions,
): Channel<Received, Sent, Info>;
