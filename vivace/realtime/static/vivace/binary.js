// Binary messages of channels, big endian: kind (1 byte), length of room (2) and room, length of name (2) and name,
// number (8), payload.

const KINDS = { event: 1, send: 2, reply: 3, ack: 4 };
const VERBS = Object.fromEntries(Object.entries(KINDS).map(([verb, kind]) => [kind, verb]));
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Return whether data travels as it is. */
export function isBinary(data) {
  return data instanceof ArrayBuffer || ArrayBuffer.isView(data);
}

/** Return a frame; `data` is an ArrayBuffer or a view of one. */
export function pack(verb, room, name, number, data) {
  const payload = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
  const texts = [encoder.encode(room), encoder.encode(name)];
  const frame = new Uint8Array(13 + texts[0].length + texts[1].length + payload.length);
  const view = new DataView(frame.buffer);
  let at = 1;
  view.setUint8(0, KINDS[verb]);
  for (const text of texts) {
    view.setUint16(at, text.length);
    frame.set(text, at + 2);
    at += 2 + text.length;
  }
  view.setBigUint64(at, BigInt(number));
  frame.set(payload, at + 8);
  return frame;
}

/** Return the parts of a frame, the payload as a view of it; the verb of a kind that is not known is undefined. */
export function unpack(frame) {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let at = 1;
  const texts = [];
  while (texts.length < 2) {
    const end = at + 2 + view.getUint16(at);
    texts.push(decoder.decode(frame.subarray(at + 2, end)));
    at = end;
  }
  const [room, name] = texts;
  const number = Number(view.getBigUint64(at));
  return { verb: VERBS[view.getUint8(0)], room, name, number, data: frame.subarray(at + 8) };
}
