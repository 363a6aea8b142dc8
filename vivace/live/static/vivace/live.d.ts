/** Delay all that goes and comes by `milliseconds` (there and back), until it is set to 0; also on the next pages of this tab. */
export function latency(milliseconds: number): void;

/** Leave a live element alone in every update, until the function that is returned is called. */
export function keep(element: Element): () => void;

/** What the page says of its connection; a page in another language puts its own words here. */
export const words: {
  /** The connection has been lost for more than two seconds. */
  waiting: string;
  /** A form was not sent, because nobody answered. */
  unsent: string;
  /** A form was refused or failed; status and title of the answer are added. */
  failed: string;
};

/** Dispatched on the parent of a region, and bubbling, when the region shows a new version. */
export interface UpdateEvent extends CustomEvent<{ region: string }> {
  type: "vivace:update";
}

declare global {
  interface DocumentEventMap {
    "vivace:update": UpdateEvent;
  }
  interface HTMLElementEventMap {
    "vivace:update": UpdateEvent;
    /** Dispatched on a form, and bubbling, when it was sent and all went well. */
    "vivace:sent": CustomEvent<null>;
  }
}
