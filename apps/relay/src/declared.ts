/**
 * Webhooks that a file declares (`CIM_WEBHOOKS_FILE`). A relay compares the stored ones with the file when it starts and when the file
 * changes, and not otherwise: so two relays whose files differ for a while do not undo each other's changes again and again.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { outcallUrlProblem, webhookSecretProblem } from '@cim/outcall';
import { CimError } from '@cim/protocol';
import { type Logger, lookOfFiles, readSecretFile } from '@cim/runtime';
import { nextSecrets, type Webhook, webhookFields, type Webhooks, WEBHOOKS_AT_MOST } from '@cim/store';

/** How long the secret before signs too when the file has another one [ms]. */
const OVERLAP_MS = 24 * 3_600_000;
const OFF = 'turned off by the file of webhooks';
/** Two relays that apply the same file at once. */
const TRIES = 5;
const FIELDS = ['name', 'url', 'events', 'only', 'batch', 'secret', 'secretFile', 'on'];

interface Declared extends Pick<Webhook, 'url' | 'events' | 'only' | 'batch'> {
  readonly name: string;
  readonly secret: string;
  readonly on: boolean;
}
export interface DeclaredParts {
  readonly webhooks: Pick<Webhooks, 'list' | 'put' | 'remove'>;
  readonly path: string;
  /** Hosts inside the network that URLs may name. */
  readonly allowedHosts: readonly string[];
  readonly logger: Logger;
  /** ms since 1970. */
  readonly now: () => number;
}

export class DeclaredWebhooks {
  readonly #parts: DeclaredParts;
  /** The file, and the files with secrets that it names. */
  #paths: readonly string[];
  /** How these looked when the stored webhooks were compared with them, or when they could not be used. */
  #seen: string | undefined;

  /** @throws {Error} one line: the file cannot be read, or is wrong */
  constructor(parts: DeclaredParts) {
    this.#parts = parts;
    this.#paths = [parts.path];
    this.#read();
  }

  /** Changes the stored webhooks when the file has changed. A file that is wrong changes nothing. @throws the store does not answer */
  async apply(): Promise<void> {
    const { logger, webhooks } = this.#parts;
    const look = await lookOfFiles(this.#paths);
    if (look === this.#seen) return;
    let declared: readonly Declared[];
    try {
      declared = this.#read();
    } catch (error) {
      this.#seen = look;
      logger.error({ problem: (error as Error).message }, 'webhooks-file.not-reloaded: those of before stay');
      return;
    }
    let changes = 0;
    const names = new Set(declared.map(({ name }) => name));
    // Those that are gone go first: they may take up the room of new ones.
    for (const { id, setting } of (await webhooks.list()).items)
      if (setting !== undefined && !names.has(setting) && (await webhooks.remove(id))) changes++;
    for (const one of declared) if (await this.#put(one)) changes++;
    if (changes > 0) logger.info({ webhooks: declared.length, changes }, 'webhooks-file.applied');
    // When the file names other files by now, they look different the next time, and it is applied once more.
    this.#seen = look;
  }

  #read(): readonly Declared[] {
    const { path, allowedHosts } = this.#parts;
    const secrets: string[] = [];
    try {
      return readDeclared(path, allowedHosts, secrets);
    } finally {
      this.#paths = [path, ...secrets];
    }
  }

  /** Answers whether something was changed. */
  async #put(declared: Declared): Promise<boolean> {
    const { webhooks, logger, now } = this.#parts;
    for (let i = 0; i < TRIES; i++) {
      const { items } = await webhooks.list();
      const before = items.find(({ setting }) => setting === declared.name);
      const next = nextOf(before, declared, now());
      if (next === undefined) return false;
      const answer = await webhooks.put(next);
      if (answer === 'ok') return true;
      if (answer === 'full') {
        logger.error({ webhook: declared.name, most: WEBHOOKS_AT_MOST }, 'webhooks-file.too-many');
        return false;
      }
    }
    throw new Error(`others change the webhook ${declared.name} at the same time`);
  }
}

/** The next version of a webhook; undefined: it is as the file has it. */
function nextOf(before: Webhook | undefined, declared: Declared, now: number): Webhook | undefined {
  const { name, secret, on, url, events, only, batch } = declared;
  const fields = { url, events, batch, ...(only === undefined ? {} : { only }) };
  const [newest] = before?.secrets ?? [];
  const isSame = before !== undefined && fieldsOf(before) === fieldsOf(declared) && newest?.secret === secret;
  // Who has turned it off otherwise (an operator, or the receiver) has it off until the file says something new.
  if (isSame && (on ? before.off !== OFF : before.off !== undefined)) return undefined;
  return {
    id: before?.id ?? idOf(name),
    version: (before?.version ?? 0) + 1,
    ...fields,
    secrets:
      before !== undefined && newest?.secret === secret
        ? before.secrets
        : nextSecrets(before?.secrets ?? [], secret, now + OVERLAP_MS, now),
    ...(on ? {} : { off: OFF }),
    createdAt: before?.createdAt ?? now,
    setting: name,
  };
}

const fieldsOf = ({ url, events, only = [], batch }: Pick<Webhook, 'url' | 'events' | 'only' | 'batch'>) =>
  JSON.stringify([url, events, only, batch]);

/** The same at every relay, so that two of them do not make it twice. */
const idOf = (name: string): string =>
  createHash('sha256').update(`declared ${name}`).digest('base64url').slice(0, 12);

/** @param secrets the paths of files with secrets are added to it @throws {Error} one line: the file cannot be read, or is wrong */
function readDeclared(path: string, allowedHosts: readonly string[], secrets: string[]): readonly Declared[] {
  const wrong = (problem: string): Error => new Error(`CIM_WEBHOOKS_FILE: ${path} ${problem}`);
  let given: unknown;
  try {
    given = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw wrong(code === undefined ? 'is not JSON' : `cannot be read (${code})`);
  }
  const { webhooks } = isObject(given) ? given : {};
  if (!Array.isArray(webhooks)) throw wrong('must be an object with a list "webhooks"');
  if (webhooks.length > WEBHOOKS_AT_MOST) throw wrong(`has more than ${WEBHOOKS_AT_MOST} webhooks`);
  const names = new Set<string>();
  return webhooks.map((one: unknown, i): Declared => {
    const where = `has as webhook ${i + 1}`;
    if (!isObject(one)) throw wrong(`${where} no object`);
    const { name, secret, secretFile, on = true } = one;
    if (typeof name !== 'string' || !/^[A-Za-z0-9_.-]{1,64}$/.test(name))
      throw wrong(`${where} one without a name: 1 to 64 of A-Z, a-z, 0-9, "_", "." and "-"`);
    const of = `has a mistake in ${JSON.stringify(name)}:`;
    if (names.has(name)) throw wrong(`${of} the name is there twice`);
    names.add(name);
    const unknown = Object.keys(one).find((field) => !FIELDS.includes(field));
    if (unknown !== undefined)
      throw wrong(`${of} there is no field ${JSON.stringify(unknown)}; there are ${FIELDS.join(', ')}`);
    if (typeof on !== 'boolean') throw wrong(`${of} on must be true or false`);
    if ((secret === undefined) === (secretFile === undefined))
      throw wrong(`${of} give secret or secretFile, one of them`);
    try {
      const {
        url,
        events,
        only,
        batch = 1,
      } = webhookFields(one, (text) => outcallUrlProblem(text, allowedHosts));
      if (url === undefined || events === undefined) throw new Error('url and events must be given');
      let text = secret;
      if (secretFile !== undefined) {
        if (typeof secretFile !== 'string') throw new Error('secretFile must be a path');
        const secretPath = resolve(dirname(path), secretFile);
        secrets.push(secretPath);
        text = readSecretFile(secretPath);
      }
      const problem = typeof text === 'string' ? webhookSecretProblem(text) : 'must be a text';
      if (problem !== undefined) throw new Error(`secret ${problem}`);
      const limits = only === undefined || only.length === 0 ? {} : { only };
      return { name, url, events, batch, secret: text as string, on, ...limits };
    } catch (error) {
      throw wrong(
        `${of} ${error instanceof CimError || error instanceof Error ? error.message : String(error)}`,
      );
    }
  });
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
