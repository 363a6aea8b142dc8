/** A message to or from the server: a verb and what belongs to it; or binary. */
export type Frame = readonly [verb: string, ...rest: unknown[]] | Uint8Array;

/**
 * `idle`: nobody holds it, or the page is hidden in the browser's history; `connecting`; `open`;
 * `waiting`: it was lost, the next attempt comes by itself.
 */
export type SocketState = "idle" | "connecting" | "open" | "waiting";

/** Times are milliseconds. */
export interface SocketOptions {
  /** Silence before the server is asked whether it is there. Default 20,000. */
  ping?: number;
  /** Until an answer must have come, also to opening. Default 10,000. */
  patience?: number;
  /** The longest wait before the first new attempt; doubled for each next. Default 1,000. */
  first?: number;
  /** The longest of all waits. Default 30,000. */
  longest?: number;
  /** A connection that held so long starts the waits anew. Default 5,000. */
  steady?: number;
  /** WebSockets that fail while HTTP gets through, until the event stream is used. Default 2. */
  blocked?: number;
  /** Until a WebSocket is tried again beside an event stream; doubled each time. Default 60,000. */
  probe?: number;
  /** Whether an event stream with POSTs takes the place of WebSockets that do not get through. Default true. */
  fallback?: boolean;
  /** Where the server answers. Default: `<meta name="vivace-realtime" content="…">`, else `/_vivace`. */
  base?: string;
}

/** Ends what it was returned for. */
export type End = () => void;

export class Socket {
  constructor(options?: SocketOptions);
  readonly state: SocketState;
  /** What carries the connection. */
  readonly transport: "websocket" | "events" | "";
  /** Milliseconds by which all that goes and comes is delayed, half each way: how a page feels on a slow line. */
  latency: number;
  /** Keep the connection open until the returned function is called. */
  hold(): End;
  /** Send a frame; returns whether there was a connection for it. Nothing is kept for later. */
  send(frame: Frame): boolean;
  /** Call `hook` with what follows the verb in each such frame. */
  on(verb: string, hook: (...rest: any[]) => void): End;
  /** Call `hook` with each binary frame. */
  onbinary(hook: (frame: Uint8Array) => void): End;
  /** Call `hook` on each new connection; at once if there is one. */
  onopen(hook: () => void): End;
  /** Call `hook` with code and reason whenever an open connection has ended. */
  onclose(hook: (code: number, reason: string) => void): End;
  /** Call `hook` with the state whenever it changes, and at once. */
  onstate(hook: (state: SocketState) => void): End;
  /** Try now if the next attempt is still waited for; ask an open connection whether it is alive. */
  reconnect(): void;
}

/** The connection of this page, shared by channels and live regions. */
export const socket: Socket;
