// The browser's side of the tour: fetch, a stream reader, EventSource and WebSocket, as every browser has them.

const card = (id) => document.getElementById(id);

// Typed parameters
{
  const form = card("hello").querySelector("form");
  const result = card("hello").querySelector(".result");
  const ask = async () => {
    const { name, times } = Object.fromEntries(new FormData(form));
    const url = `/hello/${encodeURIComponent(name || "World")}?times=${encodeURIComponent(times)}`;
    const answer = await fetch(url, { headers: { accept: "application/json" } });
    result.classList.toggle("wrong", !answer.ok);
    result.textContent = `${answer.status} ${url}\n${JSON.stringify(await answer.json(), null, 2)}`;
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  ask();
}

// Streaming
{
  const form = card("count").querySelector("form");
  const stop = form.querySelector(".stop");
  const result = card("count").querySelector(".result");
  let controller = null;
  stop.addEventListener("click", () => controller?.abort());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    controller?.abort();
    const own = (controller = new AbortController());
    result.textContent = "";
    stop.disabled = false;
    try {
      const answer = await fetch("/count", { signal: own.signal });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        result.textContent += part.value.replaceAll("\n", " ");
      }
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      if (own === controller) result.textContent += "… and the generator on the server was closed.";
    } finally {
      if (own === controller) stop.disabled = true;
    }
  });
}

// Server-sent events
new EventSource("/clock").addEventListener("message", (event) => {
  card("clock").querySelector(".result").textContent = event.data;
});

// WebSocket: strokes are lists of four numbers between 0 and 1 and a hue
{
  const canvas = card("board").querySelector("canvas");
  const status = card("board").querySelector(".status");
  const context = canvas.getContext("2d");
  const hue = Math.floor(Math.random() * 360);
  let socket = null;
  let wait = 250;
  let last = null;

  const draw = ([x0, y0, x1, y1, colour]) => {
    context.strokeStyle = `hsl(${Number(colour)} 75% 50%)`;
    context.lineWidth = 4;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(x0 * canvas.width, y0 * canvas.height);
    context.lineTo(x1 * canvas.width, y1 * canvas.height);
    context.stroke();
  };
  const connect = () => {
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/board`);
    socket.addEventListener("open", () => { wait = 250; status.textContent = "connected"; });
    socket.addEventListener("message", (event) => draw(JSON.parse(event.data)));
    socket.addEventListener("close", () => {
      status.textContent = "the server went away; trying again";
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, 8000);
    });
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); last = place(event); });
  canvas.addEventListener("pointerup", () => { last = null; });
  canvas.addEventListener("pointercancel", () => { last = null; });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = place(event);
    const stroke = [...last, ...next, hue].map((number) => Math.round(number * 1e4) / 1e4);
    draw(stroke);
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(stroke));
    last = next;
  });
  connect();
}
