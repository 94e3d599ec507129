const DEFAULT = 'I see.';
const QUESTION_MARKS = '?？';
const QUESTION_WORDS = '吗嘛么';

/** The answer of `:ai`: as CIM's does, it takes a question and gives it back as a statement. */
export function answerTo(line: string): string {
  const trimmed = line.trim();
  const asked = cutEnd(trimmed, QUESTION_MARKS).trimEnd();
  if (asked.length === trimmed.length) return cutEnd(trimmed, '吗', 1) || DEFAULT;
  const statement = cutEnd(asked, QUESTION_WORDS, 1);
  return statement === '' ? DEFAULT : `${statement}!`;
}

/** Without the characters of `set` at its end, of which at most `atMost` go. */
function cutEnd(text: string, set: string, atMost = text.length): string {
  let end = text.length;
  while (end > 0 && text.length - end < atMost && set.includes(text[end - 1] ?? ' ')) end--;
  return text.slice(0, end);
}
