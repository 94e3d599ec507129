/**
 * `cim send`, `cim online`, `cim history` and `cim tail`: for scripts. Only data is on stdout, and what goes wrong is one line on
 * stderr. Exit codes: 0 done, 1 refused or failed, 2 the words are wrong, 3 no route can be reached.
 */
import { randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { foldName, parseUserName } from '@cim/protocol';
import { readConfig, settingNames } from '@cim/runtime';
import { cleanLine } from '@cim/terminal-text';
import { chatSettings, environment } from '../config.ts';
import { stateName } from '../files/state-name.ts';
import { type Json, NotReachable, Refused, ScriptApi, UsageError } from './script-api.ts';
import { tail } from './tail.ts';

const MOST = 100_000;

export interface ScriptStreams {
  readonly out: (text: string) => void;
  readonly err: (line: string) => void;
  /** All of stdin; undefined when it is a terminal: nothing is asked. */
  readonly input: () => Promise<string> | undefined;
}

const FLAGS = {
  to: { type: 'string' },
  with: { type: 'string' },
  limit: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;
/** Flags of the chat that scripts take too. */
const CHAT_FLAGS = ['name', 'route', 'password-file', 'token-file', 'state-dir', 'device', 'tls-ca'] as const;

const USAGE: Readonly<Record<ScriptName, string>> = {
  send: 'cim send --to bob|#team|everybody [TEXT]     says the text, or what comes from stdin\n',
  online: 'cim online                                  lists who is online\n',
  history: 'cim history --with bob|#team|everybody [--limit 50]   shows the newest messages of both sides\n',
  tail: 'cim tail                                    shows messages as they come, until it is stopped\n',
};
const COMMON = `
  --json              one JSON object a line
  --name NAME         user name (CIM_NAME)
  --route URL         route of the servers (CIM_ROUTE)
  --password-file F   file with the password (or CIM_PASSWORD)
  --token-file F      file with a token or an API key (or CIM_TOKEN)
  --state-dir DIR     folder of the terminal client's files (CIM_STATE_DIR)

Exit codes: 0 done, 1 refused or failed, 2 the words are wrong, 3 no route can be reached.
`;

export type ScriptName = 'send' | 'online' | 'history' | 'tail';

/** @returns the exit code */
export async function runScript(
  script: ScriptName,
  argv: readonly string[],
  streams: ScriptStreams,
): Promise<number> {
  try {
    const { values, positionals, config } = read(argv);
    if (values.help === true) {
      streams.out(`usage: ${USAGE[script]}${COMMON}`);
      return 0;
    }
    if (script !== 'send' && positionals.length > 0)
      throw new UsageError(`cim ${script} takes no "${positionals[0] ?? ''}"; --help tells more`);
    if (config.token === '' && !parseUserName(config.name).ok)
      throw new UsageError('who are you? give a name: --name alice');
    const json = values.json === true;
    const show = (row: Json, line: string): void =>
      streams.out(json ? `${JSON.stringify(row)}\n` : `${cleanLine(line)}\n`);
    if (script === 'tail') return await tail(config, show);
    const api = new ScriptApi({
      ...config,
      route: config.route.replace(/\/$/, ''),
      chatState: join(config.stateDir, `${stateName(config.route, config.name, config.device)}.json`),
    });
    try {
      if (script === 'send') await send(api, values.to, positionals, streams, json ? show : undefined);
      else if (script === 'online') await online(api, show);
      else await history(api, values.with, values.limit, show);
    } finally {
      await api.end();
    }
    return 0;
  } catch (error) {
    streams.err(cleanLine(`cim ${script}: ${error instanceof Error ? error.message : String(error)}`));
    return error instanceof UsageError ? 2 : error instanceof NotReachable ? 3 : 1;
  }
}

function read(argv: readonly string[]) {
  const chat = Object.fromEntries(CHAT_FLAGS.map((flag) => [flag, { type: 'string' as const }]));
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], options: { ...chat, ...FLAGS }, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ')[0] ?? ''}; --help lists the flags`);
  }
  const given = parsed.values as Readonly<Record<string, string | boolean | undefined>>;
  const flags = CHAT_FLAGS.flatMap((flag) =>
    typeof given[flag] === 'string' ? [`--${flag}`, given[flag]] : [],
  );
  const config = readConfig('cim', chatSettings, flags, environment, settingNames);
  if (config.kind !== 'values')
    throw new UsageError(config.kind === 'help' ? '' : config.problems.join('; '));
  const { stateDir } = config.values;
  return {
    values: {
      to: textOf(given['to']),
      with: textOf(given['with']),
      limit: textOf(given['limit']),
      json: given['json'],
      help: given['help'],
    },
    positionals: parsed.positionals,
    config: { ...config.values, stateDir: stateDir === '' ? join(homedir(), '.cim') : stateDir },
  };
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

async function send(
  api: ScriptApi,
  to: string | undefined,
  words: readonly string[],
  streams: ScriptStreams,
  show: ((row: Json, line: string) => void) | undefined,
): Promise<void> {
  if (to === undefined) throw new UsageError('to whom? give --to bob, --to "#team" or --to everybody');
  const text = words.length > 0 ? words.join(' ') : ((await streams.input()) ?? '').replace(/\n$/, '');
  if (text === '') throw new UsageError('what is to be said? give a text, or pipe it in');
  const { user, group } = await conversationOf(api, to);
  const body = { to: group === undefined ? { user } : { group }, texts: [text] };
  // The key makes a repeated call the same message.
  const { id, seq, storedAt } = await api.ask('POST', '/messages', body, randomUUID());
  show?.({ id, seq, storedAt }, '');
}

async function online(api: ScriptApi, show: (row: Json, line: string) => void): Promise<void> {
  for (const { id, name } of await api.list('/online', MOST)) show({ id, name }, String(name));
}

async function history(
  api: ScriptApi,
  whom: string | undefined,
  limit = '50',
  show: (row: Json, line: string) => void,
): Promise<void> {
  if (whom === undefined)
    throw new UsageError('with whom? give --with bob, --with "#team" or --with everybody');
  const most = Number(limit);
  if (!Number.isInteger(most) || most < 1 || most > MOST)
    throw new UsageError(`--limit takes a number from 1 to ${MOST}`);
  const { user, group } = await conversationOf(api, whom);
  const path = `/conversations/${group === undefined ? `u${user ?? ''}` : `g${group}`}/messages`;
  const pages: Json[][] = [];
  let before = '';
  for (let left = most; left > 0; ) {
    const page = await api.ask('GET', `${path}?limit=${Math.min(left, 100)}${before}`);
    const items = Array.isArray(page['items']) ? (page['items'] as Json[]) : [];
    pages.unshift(items);
    left -= items.length;
    if (typeof page['before'] !== 'string' || items.length === 0) break;
    before = `&before=${encodeURIComponent(page['before'])}`;
  }
  for (const message of pages.flat()) show(message, lineOf(message));
}

function lineOf({ from, texts, type, storedAt, recalled }: Json): string {
  const name = (from as { name?: unknown } | undefined)?.name;
  const text = Array.isArray(texts) && texts.length > 0 ? texts.join('\n') : `[${textOf(type) ?? ''}]`;
  return `${textOf(storedAt) ?? ''} ${textOf(name) ?? ''}: ${recalled === true ? '(taken back)' : text}`;
}

/** Whom `bob`, `1001`, `#team`, `#17` or `everybody` names. @throws {UsageError | Refused} */
async function conversationOf(api: ScriptApi, whom: string): Promise<{ user?: string; group?: string }> {
  if (whom === 'everybody') return { group: 'lobby' };
  if (/^\d+$/.test(whom)) return { user: whom };
  if (whom.startsWith('#')) {
    const wanted = foldName(whom.slice(1));
    const groups = await api.list('/groups', 1_000);
    const fits = groups.filter(({ id, name }) => id === wanted || foldName(String(name)) === wanted);
    const [one, other] = fits.map(({ id }) => String(id));
    if (one === undefined) throw new Error(`you are in no group "${whom}"`);
    if (other !== undefined)
      throw new Error(`${fits.length} of your groups are called "${whom}"; name one by its id`);
    return { group: one };
  }
  if (!parseUserName(whom).ok) throw new UsageError(`"${whom}" is no name`);
  try {
    const { id } = await api.ask('GET', `/users?name=${encodeURIComponent(whom)}`);
    return { user: String(id) };
  } catch (error) {
    if (error instanceof Refused && error.status === 404) throw new Error(`nobody is called "${whom}"`);
    throw error;
  }
}
