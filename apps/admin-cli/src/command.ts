/** The shape of a command of `cim admin`. The commands themselves are in `commands/`. */

/** The command line is wrong. The message says what to write instead. */
export class UsageError extends Error {}

export interface Flag {
  /** The name of the flag's value in the help. A flag without a value has none. */
  readonly value?: string;
  readonly doc: string;
}

/** A request to the admin API. */
export interface AdminRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path after `/admin`, with its query. */
  readonly path: string;
  readonly body?: object;
}

/** The words and flags after the name of a command. */
export interface Given {
  /** One word for each name in `Command.words`. */
  readonly words: readonly string[];
  /** A flag without a value is `true`. */
  readonly flags: Readonly<Record<string, string | true | undefined>>;
}

/** A JSON object of the API's answer. Old servers leave fields out, new ones may add some. */
export type Answer = Readonly<Record<string, unknown>>;

interface Shown {
  /** One or two words: `bans add`. */
  readonly name: string;
  /** The names of the words that follow, in capitals: `SERVER`. */
  readonly words: readonly string[];
  readonly flags: Readonly<Record<string, Flag>>;
  readonly about: string;
  /** The answer as lines for a person, without the last line break. */
  readonly show: (answer: Answer, given: Given) => string;
  /** Whether the answer says that the act failed: the exit code is then 1. */
  readonly failed?: (answer: Answer) => boolean;
}

/** A command that calls the admin API. */
export interface ApiCommand extends Shown {
  /** @throws {UsageError} */
  readonly request: (given: Given) => AdminRequest;
  /** The request that is repeated every half second while the act is under way; undefined when it has ended. */
  readonly again?: (answer: Answer) => AdminRequest | undefined;
}

/** A command that works on this machine and makes no request. */
export interface LocalCommand extends Shown {
  /** @throws {Error} one line */
  readonly local: (given: Given) => Promise<object>;
}

export type Command = ApiCommand | LocalCommand;

/** Makes a path from escaped parts; undefined queries are left out. */
export function pathOf(
  parts: readonly string[],
  query: Readonly<Record<string, string | number | undefined>> = {},
): string {
  const path = parts.map((part) => `/${encodeURIComponent(part)}`).join('');
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(String(value))}`],
  );
  return given.length === 0 ? path : `${path}?${given.join('&')}`;
}

/**
 * The number in a flag. @throws {UsageError} it is not a whole number; the API says which numbers it accepts
 */
export function numberOf({ flags }: Given, name: string): number | undefined {
  const text = flags[name];
  if (text === undefined) return undefined;
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} must be a whole number`);
}

export function textOf({ flags }: Given, name: string): string | undefined {
  const text = flags[name];
  return typeof text === 'string' ? text : undefined;
}

export const itemsOf = (answer: Answer): readonly Answer[] =>
  Array.isArray(answer['items']) ? (answer['items'] as readonly Answer[]) : [];
