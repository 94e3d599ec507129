import type { Command, Flag } from './command.ts';
import { COMMANDS } from './commands/commands.ts';
import { SETTING_FLAGS } from './config.ts';

export const FLAGS_OF_ALL: Readonly<Record<string, Flag>> = {
  ...SETTING_FLAGS,
  json: { doc: 'Prints what the admin API answers, as it is' },
  help: { doc: 'This; behind a command, more of that command' },
};

/**
 * The help of commands. @param words those of a command, or the first words of several; none for all commands
 */
export function helpOf(words: readonly string[]): string {
  const begins = (command: Command): boolean =>
    `${words.join(' ')} `.startsWith(`${command.name} `) ||
    `${command.name} `.startsWith(`${words.join(' ')} `.trimStart());
  // `drain` is a command, and also the begin of `drain end`.
  const exact = COMMANDS.filter(({ name }) => name === words.join(' '));
  const found = exact.length > 0 ? exact : COMMANDS.filter(begins);
  const [only] = found;
  if (only !== undefined && found.length === 1) return helpOfOne(only);
  const rows = (found.length === 0 ? COMMANDS : found).map(
    ({ name, words: further, about }): [string, string] => [[name, ...further].join(' '), about],
  );
  return [
    'usage: cim admin COMMAND [WORD ...] [--flag value ...]',
    aligned(rows),
    flagRows(FLAGS_OF_ALL),
    'Exit codes: 0 done, 1 refused or failed, 2 the words are wrong, 3 no admin API\ncan be reached.\n',
  ].join('\n\n');
}

function helpOfOne({ name, words, about, flags }: Command): string {
  const usage = [
    'usage: cim admin',
    name,
    ...words,
    ...(Object.keys(flags).length > 0 ? ['[--flag ...]'] : []),
  ];
  return [
    usage.join(' '),
    broken(about, COLUMNS).join('\n'),
    ...(Object.keys(flags).length > 0 ? [flagRows(flags)] : []),
    flagRows(FLAGS_OF_ALL),
  ]
    .join('\n\n')
    .concat('\n');
}

const flagRows = (flags: Readonly<Record<string, Flag>>): string =>
  aligned(
    Object.entries(flags).map(([name, { value, doc }]) => [
      `--${name}${value === undefined ? '' : ` ${value}`}`,
      doc,
    ]),
  );

const COLUMNS = 80;

/** Formats two columns; the second is broken between words. */
function aligned(rows: readonly (readonly [string, string])[]): string {
  const left = Math.max(...rows.map(([name]) => name.length)) + 4;
  return rows
    .flatMap(([name, doc]) =>
      broken(doc, COLUMNS - left).map((line, at) => `${(at === 0 ? `  ${name}` : '').padEnd(left)}${line}`),
    )
    .join('\n');
}

/** Breaks a text into lines. */
function broken(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line];
}
