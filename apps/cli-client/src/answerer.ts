const DEFAULT = 'I see.';

/** The answer of `:ai`: as CIM's does, it takes a question and gives it back as a statement. */
export function answerTo(line: string): string {
  const answer = line
    .trim()
    .replace(/[吗嘛么]?\s*[?？]+$/u, '!')
    .replace(/吗$/u, '');
  return answer === '' || answer === '!' ? DEFAULT : answer;
}
