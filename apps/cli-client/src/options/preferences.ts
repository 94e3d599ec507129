import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { OPTION_NAMES, OPTIONS, type Preferences } from './options.ts';

const DEFAULTS = Object.fromEntries(
  OPTION_NAMES.map((name) => [name, OPTIONS[name].fallback]),
) as unknown as Preferences;

/** `$XDG_CONFIG_HOME/cim`, or `~/.config/cim`. */
export const configFolder = (env: Readonly<Record<string, string | undefined>>): string =>
  join(xdg(env, 'XDG_CONFIG_HOME', '.config'), 'cim');

/** `$XDG_STATE_HOME/cim`, or `~/.local/state/cim`. */
export const stateFolder = (env: Readonly<Record<string, string | undefined>>): string =>
  join(xdg(env, 'XDG_STATE_HOME', join('.local', 'state')), 'cim');

/** A path that is not absolute does not count, as the XDG specification wants. */
function xdg(env: Readonly<Record<string, string | undefined>>, name: string, fallback: string): string {
  const given = env[name] ?? '';
  return given.startsWith('/') ? given : join(homedir(), fallback);
}

/**
 * The file `config.json` with a person's choices. Fields that this version does not know stay in it. A file that is no JSON
 * is left alone, and nothing is written over it.
 */
export class PreferencesFile {
  readonly path: string;
  values: Preferences = DEFAULTS;

  /** @param note is told in one line what is wrong with the file */
  constructor(folder: string, note: (line: string) => void) {
    this.path = join(folder, 'config.json');
    const raw = read(this.path);
    if (typeof raw === 'string') note(`${raw}; it is left alone, and the defaults count`);
    else this.values = { ...DEFAULTS, ...this.#known(raw, note) };
  }

  /** Another terminal may have written the file meanwhile. @throws {Error} why it cannot be written, in one line */
  set(change: Partial<Preferences>): void {
    this.values = { ...this.values, ...change };
    const raw = read(this.path);
    if (typeof raw === 'string') throw new Error(`${raw}; so it is not written either`);
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const next = `${this.path}.${process.pid}`;
    writeFileSync(next, `${JSON.stringify({ ...raw, ...change }, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(next, this.path);
  }

  #known(raw: Readonly<Record<string, unknown>>, note: (line: string) => void): Partial<Preferences> {
    const known: Record<string, unknown> = {};
    for (const name of OPTION_NAMES) {
      const value = raw[name];
      if (value === undefined) continue;
      const { is, takes, fallback } = OPTIONS[name];
      if (is(value)) known[name] = value;
      else
        note(
          `${this.path}: "${name}" is ${JSON.stringify(value)}, and it takes ${takesInFile(takes, fallback)}; the default counts`,
        );
    }
    return known;
  }
}

/** JSON has words of its own. */
const takesInFile = (takes: string, fallback: unknown): string =>
  typeof fallback === 'boolean' ? 'true or false' : Array.isArray(fallback) ? 'a list of names' : takes;

/** Empty when there is no file. @returns a text: what is wrong with it, in one line */
function read(path: string): Readonly<Record<string, unknown>> | string {
  try {
    const raw: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof raw === 'object' && raw !== null && !Array.isArray(raw)
      ? (raw as Readonly<Record<string, unknown>>)
      : `${path} is no JSON object`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    const why = (error instanceof Error ? error.message : String(error)).replaceAll('\n', ' ');
    return error instanceof SyntaxError ? `${path} is no JSON: ${why}` : `${path} cannot be read: ${why}`;
  }
}
