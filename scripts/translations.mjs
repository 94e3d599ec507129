// Compares a page with its translation, section by section: the same headings, code blocks, code, and links, and under each heading
// of the translation the mark of the section that it was translated from, `<!-- README.md 0123abcd -->`.
import { createHash } from 'node:crypto';

const FENCE = /^```[^]*?^```$/gm;
const LINKS = /\]\(([^)\s]+)\)|<(https?:[^>\s]+)>/g;
const CODE = /`[^`\n]+`/g;

/** How far a translation has fallen behind, in lines for people. `names` are the files: both link to each other at their head. */
export function translationProblems(names, original, translation) {
  const [from, to] = names;
  const [sections, translated] = [original, translation].map(sectionsOf);
  const problems = [];
  const say = (problem) => problems.push(`${to}: ${problem}`);
  if (!original.includes(`](${to})`)) problems.push(`${from} has no link to ${to}`);
  if (!translation.includes(`](${from})`)) say(`no link to ${from}`);
  if (sections.length !== translated.length)
    say(`has ${translated.length} headings, ${from} has ${sections.length}`);
  for (const [i, section] of sections.entries()) {
    const other = translated[i];
    if (other === undefined) break;
    const at = `"${other.title}"`;
    if (section.level !== other.level) {
      say(`${at} has ${other.level} #, "${section.title}" has ${section.level}`);
      break;
    }
    for (const what of ['code blocks', 'code', 'links']) {
      const [missing, added] = differencesOf(section[what], other[what], names);
      if (missing.length > 0) say(`${at} lacks the ${what} ${missing.join(' ')}`);
      if (added.length > 0) say(`${at} has ${what} of its own: ${added.join(' ')}`);
    }
    const mark = `<!-- ${from} ${section.hash} -->`;
    if (!other.text.includes(mark))
      say(
        `${at} is not of the words that "${section.title}" has now: translate what has changed, then write ${mark}`,
      );
  }
  return problems;
}

function sectionsOf(page) {
  const text = page.replaceAll(FENCE, (block) => block.replaceAll(/^#/gm, '\0'));
  return text
    .split(/^(?=#{1,6} )/m)
    .filter((one) => one.startsWith('#'))
    .map((one) => {
      const section = one.replaceAll('\0', '#');
      const [, signs, title] = /^(#+) (.+)/.exec(section);
      const prose = section.replaceAll(FENCE, '');
      const words = section.replaceAll(/\s+/g, ' ').trim();
      return {
        level: signs.length,
        title,
        text: section,
        hash: createHash('sha256').update(words).digest('hex').slice(0, 8),
        'code blocks': section.match(FENCE) ?? [],
        code: prose.match(CODE) ?? [],
        links: [...prose.matchAll(LINKS)].map(([, target, address]) => target ?? address),
      };
    });
}

/** What each of two lists has more of; the links between the two pages do not count. */
function differencesOf(one, other, names) {
  const rest = other.filter((item) => !names.includes(item));
  const missing = one.filter((item) => {
    const at = rest.indexOf(item);
    if (at >= 0) rest.splice(at, 1);
    return at < 0 && !names.includes(item);
  });
  return [missing, rest];
}
