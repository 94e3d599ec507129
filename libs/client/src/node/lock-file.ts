import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** The result of an attempt to lock. */
export type Locked =
  /** `warning`: why this system has no lock. */
  | { readonly locked: true; readonly warning?: string }
  /** By whom, in words. */
  | { readonly locked: false; readonly holder: string };

/** Longest wait for the holder to go, since an earlier program may just be ending [ms]. */
const WAIT_MS = 1_500;
const ASK_EVERY_MS = 50;

/**
 * A lock of the operating system on a file. It ends with its process, however that ends, and does not depend
 * on process ids, which start again in each container. The file stays; its text is for people only. ADR 4 has
 * the reasons.
 */
export class LockFile {
  readonly #path: string;
  #fd: number | undefined;
  /** Counts calls, so that an `acquire` notices a `release` during it. */
  #calls = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Locks the file. Waits 1.5 s for a holder to go. Undefined: `release` came meanwhile.
   * @throws when the file cannot be opened
   */
  async acquire(): Promise<Locked | undefined> {
    const call = ++this.#calls;
    const tryLock = await import('fs-native-extensions').then(
      (module) => module.tryLock,
      () => undefined,
    );
    if (call !== this.#calls) return undefined;
    if (tryLock === undefined)
      return {
        locked: true,
        warning: 'this platform has no file locks for Node; take care that one program uses it',
      };
    const fd = openSync(this.#path, 'a+', 0o600);
    for (const end = performance.now() + WAIT_MS; ; ) {
      try {
        if (tryLock(fd)) break;
      } catch (error) {
        closeSync(fd);
        const why = error instanceof Error ? error.message : String(error);
        return { locked: true, warning: `${why}; take care that one program uses it` };
      }
      if (performance.now() > end) {
        closeSync(fd);
        return { locked: false, holder: this.#holder() };
      }
      await sleep(ASK_EVERY_MS);
      if (call !== this.#calls) {
        closeSync(fd);
        return undefined;
      }
    }
    ftruncateSync(fd);
    writeSync(fd, `process ${process.pid} on ${hostname()}\n`);
    this.#fd = fd;
    return { locked: true };
  }

  /** Releases the lock, and ends an `acquire` under way. Idempotent. */
  release(): void {
    this.#calls++;
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }

  #holder(): string {
    try {
      return readFileSync(this.#path, 'utf8').split('\n', 1)[0] || 'another program';
    } catch {
      return 'another program'; // Windows: nobody else may read it
    }
  }
}
