/** What a command of `cim admin` is; the commands are in `commands/`. */

/** The words of a person cannot be carried out. Its message says what to write instead. */
export class UsageError extends Error {}

export interface Flag {
  /** What its value is called in the help; absent: it stands alone. */
  readonly value?: string;
  readonly doc: string;
}

/** A request to the admin API. */
export interface AdminRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Behind `/admin`, with its query. */
  readonly path: string;
  readonly body?: object;
}

/** What a person wrote behind the name of a command. */
export interface Given {
  /** One for each of the command's words. */
  readonly words: readonly string[];
  /** `true` for a flag that stands alone. */
  readonly flags: Readonly<Record<string, string | true | undefined>>;
}

/** A JSON object that the API answered. Old servers leave fields out, new ones may add some. */
export type Answer = Readonly<Record<string, unknown>>;

export interface Command {
  /** One or two words: `bans add`. */
  readonly name: string;
  /** Of the words that follow, in capitals. */
  readonly words: readonly string[];
  readonly flags: Readonly<Record<string, Flag>>;
  readonly about: string;
  /** @throws {UsageError} */
  readonly request: (given: Given) => AdminRequest;
  /** What a person is shown: lines, without the last line break. */
  readonly show: (answer: Answer, given: Given) => string;
}

/** A path with each part escaped; queries that are undefined are left out. */
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

/** @throws {UsageError} it is no whole number; the API says which numbers it takes */
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
