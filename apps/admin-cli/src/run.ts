/**
 * `cim admin`: finds the command that the words name, calls the admin API, and shows the answer. Exit codes:
 * 0 done, 1 refused or failed, 2 the words are wrong, 3 no admin API can be reached. Every failure is one
 * line on stderr.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { askAdmin, NotReachable } from './admin-api.ts';
import { type Answer, type ApiCommand, type Command, type Given, UsageError } from './command.ts';
import { COMMANDS } from './commands/commands.ts';
import { adminConfig } from './config.ts';
import { FLAGS_OF_ALL, helpOf } from './help.ts';
import { cleaned } from './table.ts';

/** Time between two questions about an act that is under way [ms]. */
const AGAIN_MS = 500;

export interface Output {
  readonly out: (text: string) => void;
  readonly err: (line: string) => void;
}

const standard: Output = {
  out: (text) => void process.stdout.write(text),
  err: (line) => console.error(line),
};

/** Runs a command, and sets the exit code of the process. */
export async function runAdmin(argv: readonly string[], output: Output = standard): Promise<void> {
  try {
    const { words, flags } = parsed(argv);
    if (flags['help'] === true) return output.out(helpOf(words));
    if (words.length === 0) throw new UsageError('name a command; cim admin --help lists them');
    const { command, given } = commandOf(words, flags);
    const body =
      'local' in command ? JSON.stringify(await command.local(given)) : await asked(command, given);
    const answer = body === '' ? {} : (JSON.parse(body) as Answer);
    if (flags['json'] === true) output.out(body === '' ? '' : `${body}\n`);
    else output.out(`${command.show(answer, given)}\n`);
    if (command.failed?.(answer) === true) process.exitCode = 1;
  } catch (error) {
    const line = error instanceof Error ? error.message : String(error);
    output.err(cleaned(`cim admin: ${line}`));
    process.exitCode = error instanceof UsageError ? 2 : error instanceof NotReachable ? 3 : 1;
  }
}

/** Sends the request of a command. Answers the body of the last answer. */
async function asked(command: ApiCommand, given: Given): Promise<string> {
  const config = adminConfig(given.flags as Readonly<Record<string, string | undefined>>);
  let body = await askAdmin(config, command.request(given));
  while (command.again !== undefined) {
    const next = command.again(JSON.parse(body) as Answer);
    if (next === undefined) break;
    await sleep(AGAIN_MS);
    body = await askAdmin(config, next);
  }
  return body;
}

/** An id that begins with "-", as one of 64 random ids does. No flag has an upper-case letter, a digit or "_". */
const DASHED_ID = /^-(?=.*[A-Z0-9_])[\w-]{11,}$/;
/** Stands before such an id while the line is parsed. No argument of a program has it. */
const MARK = '\0';
const unmarked = (text: string): string => (text.startsWith(MARK) ? text.slice(MARK.length) : text);

/** Parses the words and flags of any command. */
function parsed(argv: readonly string[]): Given {
  const all = Object.assign({}, FLAGS_OF_ALL, ...COMMANDS.map(({ flags }) => flags)) as typeof FLAGS_OF_ALL;
  const options = Object.fromEntries(
    Object.entries(all).map(([name, { value }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  try {
    const args = argv.map((word) => (DASHED_ID.test(word) ? MARK + word : word));
    const { positionals, values } = parseArgs({ args, options, allowPositionals: true });
    const flags = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        typeof value === 'string' ? unmarked(value) : value,
      ]),
    );
    return { words: positionals.map(unmarked), flags: flags as Given['flags'] };
  } catch (error) {
    throw new UsageError(`${((error as Error).message.split('. ')[0] ?? '').trim()}; --help lists the flags`);
  }
}

function commandOf(words: readonly string[], flags: Given['flags']): { command: Command; given: Given } {
  const command = COMMANDS.find(({ name }) => words.slice(0, name.split(' ').length).join(' ') === name);
  if (command === undefined)
    throw new UsageError(`there is no command "${words.slice(0, 2).join(' ')}"; cim admin --help lists them`);
  const rest = words.slice(command.name.split(' ').length);
  if (rest.length !== command.words.length)
    throw new UsageError(
      `give "${[command.name, ...command.words].join(' ')}"; cim admin ${command.name} --help tells more`,
    );
  for (const flag of Object.keys(flags))
    if (!(flag in FLAGS_OF_ALL) && !(flag in command.flags))
      throw new UsageError(
        `${command.name} has no flag --${flag}; cim admin ${command.name} --help lists them`,
      );
  return { command, given: { words: rest, flags } };
}
