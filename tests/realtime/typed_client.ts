// A program that uses the types of the client; test_client_types.py lets tsc read it. Lines marked must be refused.
import { type Channel, ChannelError, channel } from "vivace/channels.js";
import { Socket, socket } from "vivace/socket.js";

interface Received {
  said: { by: string; text: string };
  picture: Uint8Array;
}

interface Sent {
  say: { text: string };
  typing: boolean;
}

const chat: Channel<Received, Sent, { user: number }> = channel<Received, Sent, { user: number }>("chat/lobby", {
  data: { since: 1 },
  buffer: 10,
});
const end: () => void = chat.on("said", ({ by, text }) => console.log(by.length + text.length));
chat.on("picture", (bytes) => console.log(bytes.byteLength));
chat.onpresence((members, joined, left) => console.log(members.get(joined[0] ?? left[0] ?? "")?.user.toFixed()));
chat.onstate((state, problem) => console.log(state === "refused" ? problem?.detail : ""));
const sent: boolean = chat.send("typing", true, { volatile: true });
const answer: Promise<{ number: number }> = chat.ask<{ number: number }>("say", { text: "hello" }, { timeout: 1_000, retry: true });
answer.catch((error: unknown) => error instanceof ChannelError && error.code === "unconfirmed");
chat.joined().then((joined) => joined.leave());

const anything = channel("lab/one");
anything.on("whatever", (data) => console.log(data.x.y));
anything.send("free", [1, 2]);

const other = new Socket({ ping: 1_000, base: "/app/_vivace" });
const release: () => void = other.hold();
socket.onopen(() => socket.send(["watch", "page", "token", []]));
socket.on("live", (page: string, region: string) => console.log(page, region));
console.log(end, sent, release, socket.state === "open", socket.transport);

// @ts-expect-error an event that the server does not send
chat.on("sad", () => {});
// @ts-expect-error data of another event
chat.send("typing", { text: "x" });
// @ts-expect-error data of another shape
chat.ask("say", { words: "x" });
// @ts-expect-error no such state
console.log(socket.state === "opened");
// @ts-expect-error no such option
channel("chat/lobby", { retries: 1 });
// @ts-expect-error channels are made by channel()
new (Object.getPrototypeOf(chat).constructor as typeof Channel)();
