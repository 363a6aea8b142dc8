/** What shows the answer to a form. */
export interface AdoptingPage {
  /** Show a page that was fetched: around its regions always; in them "all", those that are "unwatched", or "new" ones. */
  adopt(html: string, options?: { regions?: "all" | "unwatched" | "new" }): void;
  /** Go to another page. */
  leave(url: string | URL): void;
  /** Note that a form is under way; returns a function that ends it. */
  sending(): () => void;
}

/** Send the forms of this page without a reload; called once, by live.js. */
export function submits(page: AdoptingPage): void;
