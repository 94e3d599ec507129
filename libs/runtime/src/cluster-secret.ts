/** The secret that all servers share. While an operator replaces it, a second secret is accepted too. */
import { createHash } from 'node:crypto';
import { type ClusterKeyUse, clusterKey } from './cluster-key.ts';
import { lookOfFiles } from './file-look.ts';
import type { Logger } from './logger.ts';
import { readSecretFile } from './secret-source.ts';
import { trustOf } from './settings.ts';

const POLL_MS = 1_000;

export interface Secrets {
  readonly current: string;
  /** The second accepted secret; '' for none. */
  readonly next: string;
}

export interface ClusterSecretParts {
  /** Files that the secrets were read from. A secret from elsewhere never changes. */
  readonly files: { readonly current?: string | undefined; readonly next?: string | undefined };
  /** Checks a pair of secrets. @throws {Error} one line: why they cannot be used */
  readonly check: (secrets: Secrets) => Secrets;
  readonly logger: Logger;
  readonly pollMs?: number;
}

/**
 * A server signs with the current secret and accepts both. An operator replaces the secret in three steps,
 * and takes each step on all servers before the next one: (1) set the new secret as `next`; (2) exchange the
 * two; (3) remove `next`. Servers that are one step apart accept each other's signatures. A server reads the
 * files again after they have changed and then stayed the same for one poll, so that it sees both files of an
 * exchange at once.
 */
export class ClusterSecret {
  #secrets: Secrets;
  /**
   * Key: use. Value: the keys of all accepted secrets, the current one first. Cleared when a secret changes.
   */
  readonly #keys = new Map<ClusterKeyUse, readonly string[]>();
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(secrets: Secrets) {
    this.#secrets = secrets;
  }

  /** Accepts a plain text too, as a secret that never changes. */
  static of(secret: string | ClusterSecret): ClusterSecret {
    return typeof secret === 'string' ? new ClusterSecret({ current: secret, next: '' }) : secret;
  }

  /** Makes the secret and watches its files. */
  static open(secrets: Secrets, parts: ClusterSecretParts): ClusterSecret {
    const secret = new ClusterSecret(secrets);
    secret.#watch(parts);
    return secret;
  }

  get current(): string {
    return this.#secrets.current;
  }

  /** All accepted secrets, the current one first. */
  get accepted(): readonly string[] {
    const { current, next } = this.#secrets;
    return next === '' || next === current ? [current] : [current, next];
  }

  /** The key that this server signs with. */
  key(use: ClusterKeyUse): string {
    return this.keys(use)[0] ?? '';
  }

  /** The keys that this server accepts, the current one first. */
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
      // Unusable files are reported once, and read again when they have changed.
      used = look;
      try {
        const before = this.#secrets;
        const current = files.current === undefined ? before.current : readSecretFile(files.current);
        const next = files.next === undefined ? before.next : readSecretFile(files.next, true);
        // If this server took equal secrets now, it would refuse the old secret while other servers still use
        // it.
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
 * Makes the secret of a server from its settings.
 * @param files files of the secrets, as `configuredFiles` answers
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

/** Tells secrets apart in logs. It is made with a key that signs nothing. */
const fingerprint = (secret: string): string =>
  createHash('sha256').update(clusterKey(secret, 'fingerprint')).digest('hex').slice(0, 8);
