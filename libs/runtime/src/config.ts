/**
 * Reads the configuration: one schema, read once from flags and environment into one frozen object. The
 * environment's `CIM_ROUTE_PORT` is the flag `--route-port`; a flag wins over the environment.
 */
import { parseArgs } from 'node:util';
import { fileEnvOf, readSecretFile, showsSecret } from './secret-source.ts';
import { isServiceLink } from './service-links.ts';

export interface Option<T> {
  readonly env: `CIM_${string}`;
  /** One line, for --help and docs/config.md. */
  readonly doc: string;
  /** The default, as it would be written in the environment; '' for none. */
  readonly fallback: string;
  readonly secret?: boolean;
  /** For a secret: a missing or empty file means that there is no secret. */
  readonly fileMayBeAbsent?: boolean;
  /** Whether the flag may stand without a value, which means `true`. */
  readonly bare?: boolean;
  /** The value when nothing is given and there is no fallback. Undefined: the value is ''. */
  readonly empty?: T;
  /** Parses the text. Throws an Error whose message says what the value must be. */
  readonly parse: (text: string) => T;
}

export type Schema = Record<string, Option<unknown>>;
export type Values<S extends Schema> = { readonly [K in keyof S]: S[K] extends Option<infer T> ? T : never };

export const text = (
  env: Option<string>['env'],
  fallback: string,
  doc: string,
  secret = false,
): Option<string> => ({
  env,
  doc,
  fallback,
  secret,
  parse: (value) => value,
});

/**
 * A setting whose value is a list with commas; [] when empty. @param parse throws an Error that says what one
 * item must be
 */
export const list = <T>(
  env: Option<readonly T[]>['env'],
  doc: string,
  parse: (item: string) => T,
): Option<readonly T[]> => ({
  env,
  doc,
  fallback: '',
  empty: [],
  parse: (value) => value.split(',').map((item) => parse(item.trim())),
});

export const port = (env: Option<number>['env'], fallback: number, doc: string): Option<number> => ({
  env,
  doc: `${doc} (0 takes a free one)`,
  fallback: String(fallback),
  parse: (value) => {
    if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) throw new Error('must be a port, 0 to 65535');
    return Number(value);
  },
});

export const integer = (
  env: Option<number>['env'],
  fallback: number,
  range: readonly [number, number],
  doc: string,
): Option<number> => ({
  env,
  doc: `${doc} (${range[0]} to ${range[1]})`,
  fallback: String(fallback),
  parse: (value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < range[0] || number > range[1])
      throw new Error(`must be a whole number from ${range[0]} to ${range[1]}`);
    return number;
  },
});

export const oneOf = <const T extends string>(
  env: Option<T>['env'],
  allowed: readonly T[],
  fallback: T | '',
  doc: string,
): Option<T> => ({
  env,
  doc: `${doc} (${allowed.join(', ')})`,
  fallback,
  parse: (value) => {
    if (!(allowed as readonly string[]).includes(value))
      throw new Error(`must be one of ${allowed.join(', ')}`);
    return value as T;
  },
});

/** A setting that is `true` or `false`; the flag alone means `true`. */
export const yesOrNo = (env: Option<boolean>['env'], fallback: boolean, doc: string): Option<boolean> => ({
  env,
  doc: `${doc} (true, false)`,
  fallback: String(fallback),
  bare: true,
  parse: (value) => {
    if (value !== 'true' && value !== 'false') throw new Error('must be true or false');
    return value === 'true';
  },
});

export const flagOf = (env: string): string => env.replace(/^CIM_/, '').toLowerCase().replaceAll('_', '-');

export type ConfigResult<S extends Schema> =
  /** `warnings`: one line each about settings that work but should be given in another form. */
  | {
      readonly kind: 'values';
      readonly values: Values<S>;
      /** Paths of the files that secrets were read from. */
      readonly files: { readonly [K in keyof S]?: string };
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'help'; readonly text: string }
  /** One line each. */
  | { readonly kind: 'problems'; readonly problems: readonly string[] };

/**
 * Reads flags, then the environment, then defaults. A secret may also be in a file: `--x-file`, `CIM_X_FILE`.
 * The result lists all problems at once. An unknown flag or CIM_ variable is a problem, except for the
 * variables that Kubernetes sets for its Services.
 */
export function readConfig<S extends Schema>(
  program: string,
  schema: S,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  /** Names of CIM_ variables that other programs of the product read. */
  alsoKnown: readonly string[] = [],
): ConfigResult<S> {
  const problems: string[] = [];
  const warnings: string[] = [];
  const names = Object.values(schema).flatMap(namesOf);
  const options = Object.fromEntries(names.map((name) => [flagOf(name), { type: 'string' as const }]));
  let flags: Record<string, string | boolean | undefined> = {};
  try {
    flags = parseArgs({
      args: argv.flatMap((word, at) => (isBare(schema, word, argv[at + 1]) ? [word, 'true'] : [word])),
      options: { ...options, help: { type: 'boolean' } },
      allowPositionals: false,
    }).values;
  } catch (error) {
    problems.push(`${(error as Error).message.split('. ')[0] ?? ''}; --help lists the flags`);
  }
  if (flags['help'] === true) return { kind: 'help', text: helpText(program, schema) };

  const known = new Set([...names, ...alsoKnown]);
  for (const [name, value] of Object.entries(env))
    if (name.startsWith('CIM_') && !known.has(name) && !isServiceLink(name, value ?? '', env))
      problems.push(`${name} is not a setting; --help lists them`);

  const values: Record<string, unknown> = {};
  const files: Record<string, string> = {};
  for (const [key, option] of Object.entries(schema)) {
    const flag = flags[flagOf(option.env)];
    const fromEnv = env[option.env] ?? '';
    let given =
      typeof flag === 'string'
        ? flag
        : fromEnv !== '' && !isServiceLink(option.env, fromEnv, env)
          ? fromEnv
          : undefined;
    if (option.secret === true) {
      const file = secretFile(option.env, flags, env);
      // Both are given when the value and the file come from the same source. Otherwise the flag wins over
      // the environment.
      const both = file !== undefined && (file.isFlag ? typeof flag === 'string' : given === fromEnv);
      if (both) {
        const [own, other] = namesOf(option);
        problems.push(`give ${own} or ${other}, not both`);
        continue;
      }
      if (file !== undefined && typeof flag !== 'string')
        try {
          given = readSecretFile(file.path, option.fileMayBeAbsent);
          files[key] = file.path;
          if (given === '') given = undefined;
        } catch (error) {
          problems.push(`${fileEnvOf(option.env)} names ${file.path}, which ${(error as Error).message}`);
          continue;
        }
      if (typeof flag === 'string' && showsSecret(flag))
        warnings.push(
          `--${flagOf(option.env)} shows the secret to everybody on this machine who lists processes; use ${option.env} or --${flagOf(fileEnvOf(option.env))}`,
        );
    }
    if (given === undefined && option.fallback === '') {
      values[key] = option.empty ?? '';
      continue;
    }
    try {
      values[key] = option.parse(given ?? option.fallback);
    } catch (error) {
      const shown = option.secret === true ? '***' : JSON.stringify(given);
      problems.push(`${option.env} (--${flagOf(option.env)}) is ${shown}: ${(error as Error).message}`);
    }
  }
  if (problems.length > 0) return { kind: 'problems', problems };
  return { kind: 'values', values: Object.freeze(values) as Values<S>, files, warnings };
}

/** Whether the word is a flag without a value, such as `--insecure`. */
const isBare = (schema: Schema, word: string, next: string | undefined): boolean =>
  Object.values(schema).some(({ env, bare }) => bare === true && word === `--${flagOf(env)}`) &&
  next !== 'true' &&
  next !== 'false';

/** The environment names of an option. A secret has a second one, for a file with the secret. */
export const namesOf = ({ env, secret }: Option<unknown>): string[] =>
  secret === true ? [env, fileEnvOf(env)] : [env];

/** The path of the file with a secret; the flag wins over the environment. */
function secretFile(
  env: string,
  flags: Readonly<Record<string, string | boolean | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly path: string; readonly isFlag: boolean } | undefined {
  const name = fileEnvOf(env);
  const flag = flags[flagOf(name)];
  if (typeof flag === 'string') return { path: flag, isFlag: true };
  const path = environment[name] ?? '';
  return path === '' ? undefined : { path, isFlag: false };
}

function helpText(program: string, schema: Schema): string {
  const rows = Object.values(schema).map((o) => [
    `--${flagOf(o.env)}`,
    o.env,
    `${o.doc}${o.secret === true ? `; --${flagOf(fileEnvOf(o.env))}: a file with it` : ''}${o.fallback === '' ? '' : ` [${o.fallback}]`}`,
  ]);
  const width = (column: number) => Math.max(...rows.map((r) => (r[column] ?? '').length));
  const lines = rows.map(
    ([flag = '', env = '', doc = '']) => `  ${flag.padEnd(width(0))}  ${env.padEnd(width(1))}  ${doc}`,
  );
  return `usage: ${program} [--flag value ...]\n\n${lines.join('\n')}\n`;
}
