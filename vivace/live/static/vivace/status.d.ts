import type { SocketState } from "./socket.js";

/** The words that are shown; a page in another language puts its own here. */
export const words: { waiting: string; unsent: string; failed: string };
/** Show the state of the connection: "open" and "idle" are silent. */
export function showState(state: SocketState): void;
/** Say something that people must know, for twenty seconds; "" takes it away. */
export function say(text: string): void;
