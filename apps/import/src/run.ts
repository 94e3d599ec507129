/**
 * `cim import`: takes over what a Java CIM keeps in Redis. Exit codes: 0 all was taken, 1 failed, 2 the words are wrong, 3 something
 * was not taken and the report says what.
 */
import { readFileSync } from 'node:fs';
import { readConfig, settingNames, silentLogger } from '@cim/runtime';
import { openCimSource, openEmbeddedStore, openRedisStore, type Store, streamLimits } from '@cim/store';
import { cleanLine } from '@cim/terminal-text';
import { type ImportConfig, importSettings } from './config.ts';
import { importCim } from './import-cim.ts';
import { reportText } from './report.ts';

const NO_SOURCE = 'say where CIM keeps its data: --from redis://host:port/db';

export interface ImportStreams {
  readonly out: (text: string) => void;
  readonly err: (line: string) => void;
}

/** @returns the exit code */
export async function runImport(
  words: readonly string[],
  { out, err }: ImportStreams,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const read = readConfig('cim import', importSettings, words, environment, settingNames);
  if (read.kind === 'help') {
    out(read.text);
    return 0;
  }
  const problems = read.kind === 'problems' ? read.problems : read.values.from === '' ? [NO_SOURCE] : [];
  for (const problem of problems) err(`cim import: ${problem}`);
  if (read.kind === 'problems' || problems.length > 0) return 2;
  for (const warning of read.warnings) err(`cim import: ${warning}`);
  try {
    const report = await imported(read.values);
    out(read.values.json ? `${JSON.stringify(report)}\n` : reportText(report));
    return report.notTaken.length === 0 ? 0 : 3;
  } catch (error) {
    err(cleanLine(`cim import: ${error instanceof Error ? error.message : String(error)}`));
    return 1;
  }
}

async function imported(config: ImportConfig) {
  const names = config.names === '' ? {} : namesIn(config.names);
  const source = await openCimSource({ url: config.from });
  try {
    const store = await openTarget(config);
    try {
      return await importCim({ source, store, names, dryRun: config.dryRun });
    } finally {
      await store.stop();
    }
  } finally {
    await source.stop();
  }
}

/** Texts of one sender may fill a timeline: they wait in CIM already. */
function openTarget(config: ImportConfig): Promise<Store> {
  const limits = streamLimits(Number.POSITIVE_INFINITY);
  const logger = silentLogger();
  return config.dataDir === ''
    ? openRedisStore({ ...config, url: config.redisUrl, limits, logger })
    : openEmbeddedStore({ dir: config.dataDir, limits, logger });
}

/** @throws {Error} one line */
function namesIn(file: string): Readonly<Record<string, string>> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`the file of --names, ${file}: ${(error as Error).message}`, { cause: error });
  }
  const isNames =
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((name) => typeof name === 'string');
  if (!isNames || Array.isArray(value))
    throw new Error(`the file of --names, ${file}, must hold one object: {"<user id>": "<name>"}`);
  return value as Readonly<Record<string, string>>;
}
