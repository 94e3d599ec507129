import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { styleOf } from './style.ts';
import { BUILT_IN, type Theme } from './theme.ts';

/** A theme, and what is wrong with its file, in one line each: what is understood of it holds. */
export interface LoadedTheme {
  readonly theme: Theme;
  readonly problems: readonly string[];
}

/** Of a file that names no other one. */
const LIKE = 'dark';
const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;

/** The themes that are built in, and a person's own: files `themes/NAME.json` in the folder of the configuration. */
export class Themes {
  readonly #folder: string;

  /** @param folder of the configuration */
  constructor(folder: string) {
    this.#folder = join(folder, 'themes');
  }

  /** Their names; a file with the name of one that is built in does not count. */
  get names(): readonly string[] {
    let files: string[] = [];
    try {
      files = readdirSync(this.#folder);
    } catch {
      // Nobody has made any.
    }
    const own = files.flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -5)] : []));
    return [...Object.keys(BUILT_IN), ...own.filter((name) => NAME.test(name) && !isBuiltIn(name)).sort()];
  }

  /** @returns a text: why there is no such theme, in one line */
  load(name: string): LoadedTheme | string {
    if (isBuiltIn(name)) return { theme: BUILT_IN[name], problems: [] };
    if (!NAME.test(name)) return `"${name}" is no name of a theme; there are ${this.names.join(', ')}`;
    const path = join(this.#folder, `${name}.json`);
    try {
      return themeOf(JSON.parse(readFileSync(path, 'utf8')), path);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? `there is no theme "${name}": there are ${this.names.join(', ')}, and ${path} would be yours`
        : `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}

const isBuiltIn = (name: string): name is keyof typeof BUILT_IN => Object.hasOwn(BUILT_IN, name);

/** @throws {Error} it is no object */
function themeOf(raw: unknown, path: string): LoadedTheme {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw new Error('it is no object');
  const problems: string[] = [];
  const { like = LIKE, names, ...styles } = raw as Readonly<Record<string, unknown>>;
  const isKnown = typeof like === 'string' && isBuiltIn(like);
  if (!isKnown) problems.push(`${path}: "like" takes ${Object.keys(BUILT_IN).join(', ')}`);
  const base = BUILT_IN[isKnown ? like : LIKE];
  const read = (field: string, value: unknown): string | undefined => {
    const answer = typeof value === 'string' ? styleOf(value) : { problem: 'it takes words for a style' };
    if ('style' in answer) return answer.style;
    problems.push(`${path}: "${field}": ${answer.problem}`);
    return undefined;
  };
  const own: Record<string, string> = {};
  for (const [field, value] of Object.entries(styles)) {
    if (!Object.hasOwn(base, field))
      problems.push(`${path}: there is no "${field}"; there are like, ${Object.keys(base).join(', ')}`);
    else own[field] = read(field, value) ?? base[field as Exclude<keyof Theme, 'names'>];
  }
  return { theme: { ...base, ...own, names: namesOf(names) ?? base.names }, problems };

  function namesOf(value: unknown): string[] | undefined {
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.length === 0) {
      problems.push(`${path}: "names" takes a list of styles`);
      return undefined;
    }
    const known = value.flatMap((one) => read('names', one) ?? []);
    return known.length === 0 ? undefined : known;
  }
}
