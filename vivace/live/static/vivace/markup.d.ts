/** A document in which nothing loads, runs or is upgraded. */
export const inert: Document;
/** Return a source as inert nodes, read as content of the element `parent`. Scripts in it never run. */
export function parse(html: string, parent: Element): DocumentFragment | Element;
/** Return the source of a page as an inert document. */
export function parsePage(html: string): Document;

export interface Marker {
  isEnd: boolean;
  id: string;
  hash: string;
  token: string;
}

/** Return what a comment says as a marker, or null. */
export function marker(node: Node): Marker | null;
/** Return the start markers in a node, itself among them, in document order. */
export function starts(root: Node): Comment[];
/** Return the marker that ends the region of a start marker; null when it does not stand beside it. */
export function endOf(start: Comment): Comment | null;
/** Empty the regions in inert nodes; outer ones come first. */
export function cutRegions(root: Node): [id: string, region: { hash: string; token: string; nodes: DocumentFragment }][];
