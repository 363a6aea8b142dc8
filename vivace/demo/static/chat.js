// The chat of a room: joins its channel, shows what is said and who is here, sends what is written.
import { channel } from "vivace/channels.js";

const place = document.querySelector("[data-room]");
const [log, here, state, form, template] = ["log", "members", "state", "say", "line"].map((id) => document.getElementById(id));
const room = channel(`chat/${place.dataset.room}`);
const time = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const words = { joining: "Connecting …", waiting: "Offline. What you send goes out when the connection is back.", left: "The room is closed." };

const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 60;
const toEnd = () => (log.scrollTop = log.scrollHeight);

for (const each of log.querySelectorAll("time")) each.textContent = time.format(new Date(each.dateTime));
toEnd();

room.on("said", ({ name, initials, hue, text, at }) => {
  const line = template.content.cloneNode(true);
  const [portrait, who, when, said] = ["span", "b", "time", "p:last-child"].map((part) => line.querySelector(part));
  portrait.classList.add(`hue-${hue}`);
  portrait.textContent = initials;
  who.textContent = name;
  when.dateTime = at;
  when.textContent = time.format(new Date(at));
  said.textContent = text;
  const follow = isAtEnd();
  log.firstElementChild.append(line);
  if (follow) toEnd();
});

room.onpresence((members) => {
  const people = new Map([...members.values()].map((member) => [member.handle, member])); // one may have several windows
  here.replaceChildren(...[...people.values()].map(({ name, initials, hue }) => {
    const item = document.createElement("li");
    const portrait = document.createElement("span");
    portrait.className = `portrait hue-${hue}`;
    portrait.ariaHidden = "true";
    portrait.textContent = initials;
    item.append(portrait, name);
    return item;
  }));
  state.textContent = `${people.size} here`;
  place.dataset.state = "joined";
});

room.onstate((now, problem) => {
  if (now === "joined") return;
  place.dataset.state = now;
  state.textContent = problem?.detail ?? words[now] ?? "";
});
room.onresync(() => location.reload());

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { text } = form.elements;
  const said = text.value;
  if (!said.trim()) return;
  text.value = "";
  toEnd();
  try {
    await room.ask("say", { text: said });
  } catch (error) {
    state.textContent = error.message;
    text.value ||= said;
  }
});
