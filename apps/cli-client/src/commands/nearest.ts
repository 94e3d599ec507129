/** Changes of one letter that a word may be away from the one that was meant. */
const FAR = 2;
const LONGEST = 20;

/** The word that was meant, most likely; undefined when none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  if (word.length > LONGEST) return undefined;
  const ranked = words
    .map((one) => ({ one, away: distance(word, one) }))
    .filter(({ one, away }) => away <= FAR && away < one.length - 1)
    .sort((a, b) => a.away - b.away);
  return ranked[0]?.one;
}

/** Letters that are to be added, removed or replaced. */
function distance(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      row.push(Math.min((before[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (before[j - 1] ?? 0) + same));
    }
    before = row;
  }
  return before[b.length] ?? 0;
}
