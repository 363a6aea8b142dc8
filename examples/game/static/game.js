// Draws the field around the own light, and says where it wants to go.
import { channel } from "vivace/channels.js";

const [canvas, list, status, dialog] = ["canvas", "ol", "[role=status]", "dialog"].map((part) => document.querySelector(part));
const pen = canvas.getContext("2d");
const { name } = dialog.querySelector("form").elements;
const size = Number(document.body.dataset.size);
const KEYS = { ArrowLeft: [-1, 0], KeyA: [-1, 0], ArrowRight: [1, 0], KeyD: [1, 0], ArrowUp: [0, -1], KeyW: [0, -1], ArrowDown: [0, 1], KeyS: [0, 1] };
const lights = new Map(); // by key: where each is, its score, and where it is shown
const held = new Set();
let [field, sparks, me, last, camera, sent] = [null, [], null, 0, { x: size / 2, y: size / 2 }, ""];

dialog.showModal();
dialog.addEventListener("cancel", (event) => event.preventDefault());
dialog.addEventListener("close", () => {
  canvas.focus();
  field = channel("field", { data: name.value });
  field.on("tick", ([, shown, there]) => {
    const gone = new Set(lights.keys());
    sparks = there;
    for (const [key, x, y, score] of shown) {
      lights.set(key, { at: lights.get(key)?.at ?? { x, y }, x, y, score });
      gone.delete(key);
    }
    for (const key of gone) lights.delete(key);
    rank();
  });
  field.onstate((state) => (status.textContent = state === "joined" ? "" : "Connecting …"));
  field.onjoin(() => (sent = ""));
});

function rank() {
  const told = new Map([...field.members.values()].map((member) => [member.key, member]));
  for (const [key, light] of lights) Object.assign(light, told.get(key));
  me = field.members.get(field.me)?.key;
  const best = [...lights.values()].sort((one, other) => other.score - one.score).slice(0, 5);
  list.replaceChildren(...best.map(({ key, name, score }) => {
    const item = document.createElement("li");
    item.append(...[name, score].map((textContent) => Object.assign(document.createElement("span"), { textContent })));
    item.classList.toggle("me", key === me);
    return item;
  }));
}

function steer(x, y) {
  const wish = [x, y].map((part) => Math.round(part * 100) / 100);
  if (field && sent !== String(wish) && field.send("steer", wish, { volatile: true })) sent = String(wish);
}

for (const kind of ["keydown", "keyup"]) {
  addEventListener(kind, (event) => {
    if (!KEYS[event.code] || dialog.open) return;
    event.preventDefault();
    held[kind === "keydown" ? "add" : "delete"](event.code);
    const wishes = [...held].map((code) => KEYS[code]);
    steer(wishes.reduce((sum, [x]) => sum + x, 0), wishes.reduce((sum, [, y]) => sum + y, 0));
  });
}
for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
  canvas.addEventListener(kind, ({ clientX, clientY, buttons }) => {
    if (kind === "pointermove" && !buttons) return;
    const [x, y] = buttons ? [clientX - innerWidth / 2, clientY - innerHeight / 2] : [0, 0];
    const reach = Math.max(Math.min(innerWidth, innerHeight) / 4, Math.hypot(x, y));
    steer(x / reach, y / reach);
  });
}
addEventListener("blur", () => (held.clear(), steer(0, 0)));

function disc(x, y, radius, colour) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

function draw(now) {
  const blend = 1 - Math.exp((last - now) / 70); // ticks jump twenty times a second; what is shown glides after them
  const colour = (part) => getComputedStyle(document.documentElement).getPropertyValue(`--${part}`);
  const scale = devicePixelRatio * Math.min(1, Math.max(0.6, Math.min(innerWidth, innerHeight) / 700));
  last = now;
  [canvas.width, canvas.height] = [innerWidth * devicePixelRatio, innerHeight * devicePixelRatio];
  for (const { at, x, y } of lights.values()) [at.x, at.y] = [at.x + (x - at.x) * blend, at.y + (y - at.y) * blend];
  camera = lights.get(me)?.at ?? camera;
  pen.setTransform(scale, 0, 0, scale, canvas.width / 2 - camera.x * scale, canvas.height / 2 - camera.y * scale);
  pen.strokeStyle = colour("grid");
  for (let at = 0; at <= size; at += 80) pen.strokeRect(0, at, size, 0), pen.strokeRect(at, 0, 0, size);
  pen.strokeStyle = colour("edge");
  pen.strokeRect(0, 0, size, size);
  for (const [x, y] of sparks) disc(x, y, 5, colour("spark"));
  pen.textAlign = "center";
  pen.font = "600 14px system-ui, sans-serif";
  for (const { at, score, name = "", hue = 0 } of [...lights.values()].sort((one, other) => one.score - other.score)) {
    const radius = 14 + 2.5 * Math.sqrt(score);
    disc(at.x, at.y, radius + 6, `hsl(${hue} 80% ${colour("light")} / 25%)`);
    disc(at.x, at.y, radius, `hsl(${hue} 80% ${colour("light")})`);
    pen.fillStyle = colour("text");
    pen.fillText(name, at.x, at.y - radius - 10);
  }
  requestAnimationFrame(draw);
}
requestAnimationFrame(draw);
