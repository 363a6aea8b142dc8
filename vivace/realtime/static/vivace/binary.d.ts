export type BinaryVerb = "event" | "send" | "reply" | "ack";

/** Whether data travels as it is. */
export function isBinary(data: unknown): data is ArrayBuffer | ArrayBufferView;

/** Return the frame of a binary message. */
export function pack(verb: BinaryVerb, room: string, name: string, number: number, data: ArrayBuffer | ArrayBufferView): Uint8Array;

/** Return the parts of a frame, the payload as a view of it. */
export function unpack(frame: Uint8Array): {
  verb: BinaryVerb | undefined;
  room: string;
  name: string;
  number: number;
  data: Uint8Array;
};
