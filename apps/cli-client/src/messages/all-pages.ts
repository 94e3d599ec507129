/** Items of a page, and pages that are asked for at most. */
export const PAGE_ITEMS = 100;
const PAGES = 10;

/** All items of a list that comes in pages; the first 1,000. */
export async function allPages<T>(
  page: (of: {
    readonly after?: string;
  }) => Promise<{ readonly items: readonly T[]; readonly next?: string }>,
): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  for (let i = 0; i < PAGES; i++) {
    const { items, next } = await page(after === undefined ? {} : { after });
    all.push(...items);
    if (next === undefined) break;
    after = next;
  }
  return all;
}
