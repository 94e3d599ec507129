import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** What a person has chosen for all terminals of this machine. */
export interface Preferences {
  /** Rings when somebody names the user, or writes to it alone. */
  readonly bell: boolean;
  /** Shows who is in a conversation, where the window is wide enough. */
  readonly users: boolean;
  readonly ignore: readonly string[];
}

const DEFAULTS: Preferences = { bell: true, users: true, ignore: [] };

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
  #raw: Readonly<Record<string, unknown>> = {};
  #readable = true;
  values: Preferences = DEFAULTS;

  /** @param note is told in one line what is wrong with the file */
  constructor(folder: string, note: (line: string) => void) {
    this.path = join(folder, 'config.json');
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#readable = false;
        note(`${this.path} cannot be read: ${String(error)}`);
      }
      return;
    }
    try {
      const raw: unknown = JSON.parse(text);
      if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw new Error('it is no object');
      this.#raw = raw as Readonly<Record<string, unknown>>;
    } catch (error) {
      this.#readable = false;
      note(`${this.path} is left alone, since it is no JSON: ${error instanceof Error ? error.message : ''}`);
      return;
    }
    this.values = { ...DEFAULTS, ...this.#known(note) };
  }

  /** @throws {Error} why it cannot be written, in one line */
  set(change: Partial<Preferences>): void {
    this.values = { ...this.values, ...change };
    if (!this.#readable) throw new Error(`${this.path} cannot be read, so it is not written either`);
    this.#raw = { ...this.#raw, ...change };
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const next = `${this.path}.${process.pid}`;
    writeFileSync(next, `${JSON.stringify(this.#raw, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(next, this.path);
  }

  #known(note: (line: string) => void): Partial<Preferences> {
    const known: Record<string, unknown> = {};
    for (const [name, is] of Object.entries(CHECKS)) {
      const value = this.#raw[name];
      if (value === undefined) continue;
      if (is(value)) known[name] = value;
      else note(`${this.path}: "${name}" is not understood; the default counts`);
    }
    return known;
  }
}

const isBoolean = (value: unknown): boolean => typeof value === 'boolean';
const CHECKS: Readonly<Record<keyof Preferences, (value: unknown) => boolean>> = {
  bell: isBoolean,
  users: isBoolean,
  ignore: (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
};
