/** What shows the answer to a form. */
export interface AdoptingPage {
  /** Show a page that was fetched: around its regions always; in them "all", those that are "unwatched", or "new" ones. */
  adopt(html: string, options?: { regions?: "all" | "unwatched" | "new" }): void;
}

/** Send the forms of this page without a reload; called once, by live.js. */
export function submits(page: AdoptingPage): void;
