import type { Frame } from "./socket.js";

export interface Report {
  open(): void;
  frame(frame: Frame): void;
  gone(code: number, reason: string): void;
}

export interface Transport {
  readonly kind: "websocket" | "events";
  /** What is not sent yet: bytes, or messages. */
  readonly backlog: number;
  send(frame: Frame): void;
  /** End it without a report. */
  close(): void;
  /** End it as one that was lost. */
  fail(reason: string): void;
}

export class WebSocketTransport implements Transport {
  constructor(base: string, report: Report);
  readonly kind: "websocket";
  readonly backlog: number;
  send(frame: Frame): void;
  close(): void;
  fail(reason: string): void;
}

export class EventTransport implements Transport {
  constructor(base: string, report: Report);
  readonly kind: "events";
  readonly backlog: number;
  send(frame: Frame): void;
  close(): void;
  fail(reason: string, code?: number): void;
}

/** Whether plain HTTP reaches the server at `base`. */
export function isReachable(base: string): Promise<boolean>;
