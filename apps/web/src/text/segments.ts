/** A part of a text, as it is drawn. */
export type Segment =
  | { readonly kind: 'plain' | 'code' | 'block'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly href: string };

/** Punctuation that follows a link in a sentence, and is no part of it. */
const AFTER_LINK = new Set('.,;:!?\'")]}>。，；：！？”’）》】');
/** A longer word is drawn as it is: nobody follows it by hand. */
const LINK_CHARACTERS = 2_048;

/**
 * Splits a text into plain text, links, `code` and blocks between lines of three backticks or more. Each character is visited a bounded
 * number of times, whatever the text is.
 */
export function segmentsOf(text: string): Segment[] {
  const segments: Segment[] = [];
  let plain: string[] = [];
  let block: string[] | undefined;
  let fence = '';
  const endPlain = (): void => {
    if (plain.length > 0) inline(plain.join('\n'), segments);
    plain = [];
  };
  for (const line of text.split('\n')) {
    const next = fenceAfter(line, fence);
    if (next === fence) (block ?? plain).push(line);
    else if (block === undefined) {
      endPlain();
      block = [];
    } else {
      segments.push({ kind: 'block', text: block.join('\n') });
      block = undefined;
    }
    fence = next;
  }
  // A block that is not closed ends with the text.
  if (block !== undefined) segments.push({ kind: 'block', text: block.join('\n') });
  endPlain();
  return segments;
}

/**
 * The fence that is open behind a line; '' for none. A line of as many backticks, or more, closes it: a block may hold shorter ones.
 * @param fence open before the line
 */
export function fenceAfter(line: string, fence: string): string {
  const ticks = /^`{3,}/.exec(line)?.[0];
  if (ticks === undefined) return fence;
  const behind = line.slice(ticks.length).trim();
  // Behind an opening fence stands the language of the code.
  if (fence === '') return behind.includes('`') ? '' : ticks;
  return behind === '' && ticks.length >= fence.length ? '' : fence;
}

function inline(text: string, segments: Segment[]): void {
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf('`', at);
    const end = open < 0 ? -1 : endOfCode(text, open + 1);
    if (end < 0) {
      links(text.slice(at), segments);
      return;
    }
    if (open > at) links(text.slice(at, open), segments);
    segments.push({ kind: 'code', text: text.slice(open + 1, end) });
    at = end + 1;
  }
}

/** Where the code that begins here ends; -1: it does not, or is empty. Code does not go over the end of its line. */
function endOfCode(text: string, from: number): number {
  for (let at = from; at < text.length && text[at] !== '\n'; at++)
    if (text[at] === '`') return at > from ? at : -1;
  return -1;
}

function links(text: string, segments: Segment[]): void {
  let plain = '';
  for (const word of text.split(/(\s)/)) {
    const link = linkOf(word);
    if (link === undefined) {
      plain += word;
      continue;
    }
    plain += link.before;
    if (plain !== '') segments.push({ kind: 'plain', text: plain });
    segments.push({ kind: 'link', text: link.text, href: link.href });
    plain = link.after;
  }
  if (plain !== '') segments.push({ kind: 'plain', text: plain });
}

interface Link {
  readonly before: string;
  readonly text: string;
  readonly href: string;
  readonly after: string;
}

/** A link in a word: `(https://example.com/a).` has one. Only http and https: no other scheme is followed. */
function linkOf(word: string): Link | undefined {
  if (word.length > LINK_CHARACTERS) return undefined;
  const at = firstOf(word.indexOf('https://'), word.indexOf('http://'));
  if (at < 0) return undefined;
  let end = word.length;
  while (end > at && AFTER_LINK.has(word[end - 1] ?? '')) end--;
  const text = word.slice(at, end);
  if (!URL.canParse(text)) return undefined;
  const { href, protocol, username, password } = new URL(text);
  // A name before an @ makes one host look like another.
  if ((protocol !== 'https:' && protocol !== 'http:') || username !== '' || password !== '') return undefined;
  return { before: word.slice(0, at), text, href, after: word.slice(end) };
}

const firstOf = (a: number, b: number): number => (a < 0 ? b : b < 0 ? a : Math.min(a, b));
