/** The secret that all servers share and, while it is being replaced, the other one that is accepted beside it. */
import { createHash } from 'node:crypto';
import { type ClusterKeyUse, clusterKey } from './cluster-key.ts';
import { lookOfFiles } from './file-look.ts';
import type { Logger } from './logger.ts';
import { readSecretFile } from './secret-source.ts';
import { trustOf } from './settings.ts';

const POLL_MS = 1_000;

export interface Secrets {
  readonly current: string;
  /** Accepted too; '' for none. */
  readonly next: string;
}

export interface ClusterSecretParts {
  /** Files that they were read from; a secret that came another way never changes. */
  readonly files: { readonly current?: string | undefined; readonly next?: string | undefined };
  /** @throws {Error} one line: these secrets cannot be used */
  readonly check: (secrets: Secrets) => Secrets;
  readonly logger: Logger;
  readonly pollMs?: number;
}

/**
 * A server signs with the current secret, and accepts both. So an operator replaces it in three steps, each on all servers before
 * the next one: the new secret as `next`; both exchanged; no `next`. Whatever two neighbouring steps two servers are at, each
 * accepts what the other one signs. Files are read again when they have changed and then stayed the same from one poll to
 * the next, so that both are exchanged at once.
 */
export class ClusterSecret {
  #secrets: Secrets;
  /** Key: use. Of all accepted secrets, the current one first; forgotten with each change. */
  readonly #keys = new Map<ClusterKeyUse, readonly string[]>();
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(secrets: Secrets) {
    this.#secrets = secrets;
  }

  /** One that never changes is given as a text. */
  static of(secret: string | ClusterSecret): ClusterSecret {
    return typeof secret === 'string' ? new ClusterSecret({ current: secret, next: '' }) : secret;
  }

  /** Watches the files that the secrets are in. */
  static open(secrets: Secrets, parts: ClusterSecretParts): ClusterSecret {
    const secret = new ClusterSecret(secrets);
    secret.#watch(parts);
    return secret;
  }

  get current(): string {
    return this.#secrets.current;
  }

  /** The current one first. */
  get accepted(): readonly string[] {
    const { current, next } = this.#secrets;
    return next === '' || next === current ? [current] : [current, next];
  }

  /** What is signed with. */
  key(use: ClusterKeyUse): string {
    return this.keys(use)[0] ?? '';
  }

  /** What is accepted, the current one first. */
  keys(use: ClusterKeyUse): readonly string[] {
    let keys = this.#keys.get(use);
    if (keys === undefined)
      this.#keys.set(use, (keys = this.accepted.map((secret) => clusterKey(secret, use))));
    return keys;
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  #watch({ files, check, logger, pollMs = POLL_MS }: ClusterSecretParts): void {
    const paths = [files.current, files.next].filter((path) => path !== undefined);
    if (paths.length === 0) return;
    let seen = '';
    let used = '';
    const poll = async (): Promise<void> => {
      const look = await lookOfFiles(paths);
      const settled = look === seen;
      seen = look;
      if (!settled || look === used) return;
      // What cannot be used is said once: it is read again when it has changed.
      used = look;
      try {
        const before = this.#secrets;
        const current = files.current === undefined ? before.current : readSecretFile(files.current);
        const next = files.next === undefined ? before.next : readSecretFile(files.next, true);
        // Taken now, the secret of before would be refused while other servers still use it.
        if (next === current) throw new Error('both are the same: they are being exchanged, or one is wrong');
        this.#take(check({ current, next }), logger);
      } catch (error) {
        logger.warn(
          { problem: (error as Error).message },
          'cluster-secret.not-reloaded: those of before stay in use',
        );
      }
    };
    this.#timer = setInterval(() => void poll(), pollMs).unref();
  }

  #take(secrets: Secrets, logger: Logger): void {
    const before = this.#secrets;
    if (secrets.current === before.current && secrets.next === before.next) return;
    this.#secrets = secrets;
    this.#keys.clear();
    for (const listener of this.#listeners) listener();
    const [current, next] = this.accepted.map(fingerprint);
    logger.info({ current, next: next ?? 'none' }, 'cluster-secret.reloaded');
  }
}

/**
 * The secret of a server, as it is configured.
 * @param files of the secrets, as `configuredFiles` answers
 * @throws {Error} one line, as `trustOf`
 */
export function openClusterSecret(
  config: Parameters<typeof trustOf>[0] & { readonly clusterSecretNext: string },
  files: { readonly clusterSecret?: string; readonly clusterSecretNext?: string },
  logger: Logger,
): ClusterSecret {
  const check = ({ current, next }: Secrets): Secrets => {
    const trust = trustOf({ ...config, clusterSecret: current, clusterSecretNext: next });
    return { current: trust.clusterSecret, next };
  };
  return ClusterSecret.open(check({ current: config.clusterSecret, next: config.clusterSecretNext }), {
    ...{ check, logger },
    files: { current: files.clusterSecret, next: files.clusterSecretNext },
  });
}

/** Tells secrets apart in logs. It is made of a key that nothing else is signed with. */
const fingerprint = (secret: string): string =>
  createHash('sha256').update(clusterKey(secret, 'fingerprint')).digest('hex').slice(0, 8);
