/** What differs from the morph of other elements. */
export interface Difference {
  /** The name of an attribute that is left as it is. */
  skip?: string;
  /** Whether the children are left alone. */
  alone?: boolean;
  /** Whether something waits for the focus to leave. */
  held?: boolean;
  /** Runs when attributes and children have changed. */
  after?(): void;
}

/** By local name of a field: what to do when the server said `mine` of it and says `node` now. */
export const FIELDS: Record<
  "input" | "textarea" | "select",
  (mine: Element, node: Element, live: Element) => Difference | null
>;
/** Whether the focus is in an element. */
export function isActive(live: Element): boolean;
/** Whether somebody points at an element with data-live-calm, or has come into it by keys. */
export function isUsed(live: Node): boolean;
/** Whether the pointer has left such an element with this event. */
export function isLeft(event: MouseEvent): boolean;
