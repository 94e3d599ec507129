/** The certificate of this process: read at the start, watched, and read again when its files change. */
import type { SecureContextOptions } from 'node:tls';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { lookOfFiles } from '../file-look.ts';
import { gauge } from '../gauges.ts';
import { NotYetValid, readTlsPair, type TlsPair, type TlsPaths } from './tls-pair.ts';

export interface TlsSettings extends TlsPaths {
  /** Whether plain connections are taken beside TLS. */
  readonly insecure: boolean;
}

export interface TlsFilesParts {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The time [ms since 1970]. */
  readonly now?: () => number;
  readonly pollMs?: number;
}

const POLL_MS = 5_000;
const DAY_MS = 86_400_000;
/** A certificate that ends within this time is warned about once a day [ms]. */
const WARN_BEFORE_MS = 14 * DAY_MS;

/**
 * Polls the times of the files. No signal is needed, and a link that moves to another folder (as in
 * Kubernetes) is noticed too. New files count after they have stayed the same for one poll, so that a
 * certificate that is written before its key is not taken for a broken pair. A broken pair is warned about
 * once, and the pair before stays in use.
 */
export class TlsFiles {
  /** Whether plain connections are taken beside TLS. */
  readonly alsoPlain: boolean;
  /** Whether the certificates of other servers are checked, by `CIM_TLS_CA`. */
  readonly checksPeers: boolean;
  readonly #paths: TlsPaths;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #listeners = new Set<(options: SecureContextOptions) => void>();
  readonly #timer: NodeJS.Timeout;
  #pair: TlsPair;
  /**
   * State of the files (`lookOfFiles`): of the pair in use (undefined at first), at the last poll, and of a
   * broken pair.
   */
  #used: string | undefined;
  #seen = '';
  #broken: { readonly files: string; readonly mayMend: boolean } | undefined;
  /** When the coming end of the certificate was last warned about [ms since 1970]. */
  #warnedAt = Number.NEGATIVE_INFINITY;
  #polling = false;

  private constructor(settings: TlsSettings, parts: TlsFilesParts) {
    const { logger, metrics, now = Date.now, pollMs = POLL_MS } = parts;
    this.alsoPlain = settings.insecure;
    this.checksPeers = settings.tlsCa !== '';
    this.#paths = settings;
    this.#logger = logger;
    this.#now = now;
    this.#pair = readTlsPair(settings, now());
    this.#said();
    gauge(
      metrics,
      'cim_tls_certificate_expiry_timestamp_seconds',
      'When the certificate of this server ends, in seconds since 1970',
      () => this.#pair.expiresAt / 1_000,
    );
    this.#timer = setInterval(() => void this.#poll(), pollMs).unref();
  }

  /**
   * Opens the pair; undefined when no certificate is set.
   * @throws {Error} one line: half of the settings are missing, or the pair cannot be used
   */
  static open(settings: TlsSettings, parts: TlsFilesParts): TlsFiles | undefined {
    const { tlsCert, tlsKey, tlsCa } = settings;
    if ((tlsCert === '') !== (tlsKey === ''))
      throw new Error('CIM_TLS_CERT and CIM_TLS_KEY must be set together');
    if (tlsCert !== '') return new TlsFiles(settings, parts);
    if (tlsCa !== '')
      throw new Error(
        'CIM_TLS_CA is set, and this server has no certificate: set CIM_TLS_CERT and CIM_TLS_KEY',
      );
    return undefined;
  }

  /** The current pair, as options for a new server or client. */
  get options(): SecureContextOptions {
    return this.#pair.options;
  }

  /** Registers a listener that gets the options of each new pair, such as `setSecureContext` of a server. */
  onReload(listener: (options: SecureContextOptions) => void): void {
    this.#listeners.add(listener);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      this.#warnOfEnd();
      const files = await lookOfFiles(pathsOf(this.#paths));
      const settled = files === this.#seen;
      this.#seen = files;
      // At the first poll the files may differ from those that the start read, so they are read again.
      if (files === this.#used || !settled) return;
      if (this.#broken?.files === files && !this.#broken.mayMend) return;
      this.#reload(files);
    } finally {
      this.#polling = false;
    }
  }

  #reload(files: string): void {
    try {
      const pair = readTlsPair(this.#paths, this.#now());
      const isNew = !sameOptions(pair.options, this.#pair.options);
      this.#used = files;
      this.#broken = undefined;
      if (!isNew) return;
      this.#pair = pair;
      for (const listener of this.#listeners) listener(pair.options);
      this.#logger.info({ expiresAt: new Date(pair.expiresAt).toISOString() }, 'tls.reloaded');
      this.#warnedAt = Number.NEGATIVE_INFINITY;
      this.#said();
    } catch (error) {
      if (this.#broken?.files !== files)
        this.#logger.warn(
          { problem: (error as Error).message },
          'tls.not-reloaded: the certificate before stays in use',
        );
      this.#broken = { files, mayMend: error instanceof NotYetValid };
    }
  }

  #said(): void {
    for (const warning of this.#pair.warnings) this.#logger.warn({ problem: warning }, 'tls.key-open');
    this.#warnOfEnd();
  }

  #warnOfEnd(): void {
    const now = this.#now();
    const leftMs = this.#pair.expiresAt - now;
    if (leftMs > WARN_BEFORE_MS || now - this.#warnedAt < DAY_MS) return;
    this.#warnedAt = now;
    const fields = { file: this.#paths.tlsCert, expiresAt: new Date(this.#pair.expiresAt).toISOString() };
    if (leftMs > 0) this.#logger.warn({ ...fields, days: Math.floor(leftMs / DAY_MS) }, 'tls.expires-soon');
    else this.#logger.error(fields, 'tls.expired: clients refuse this server');
  }
}

const sameOptions = (a: SecureContextOptions, b: SecureContextOptions): boolean =>
  a.cert === b.cert && a.key === b.key && a.ca === b.ca;

const pathsOf = ({ tlsCert, tlsKey, tlsCa }: TlsPaths): string[] =>
  [tlsCert, tlsKey, tlsCa].filter((path) => path !== '');
