/** Leave a live element alone in every morph, until the function that is returned is called. */
export function keep(element: Element): () => void;

export interface Report {
  /** Something waits for the focus to leave a field: morph to the same source again then. */
  held: boolean;
  /** Start markers of nested regions that are new on the page. */
  added: Comment[];
  /** Start markers of nested regions that went with what was around them. */
  removed: Comment[];
}

/** A part of the page that follows its source: the children of `parent`, or those between two markers in it. */
export class Morph {
  constructor(parent: ParentNode & Node, start?: Comment | null, end?: Comment | null);
  /** Show `next`, nodes that nothing else uses, as `parse` makes them; they are used up. */
  to(next: DocumentFragment | Element): Report;
  /** A copy of what is shown, fit for `to`. */
  copy(): DocumentFragment;
}
