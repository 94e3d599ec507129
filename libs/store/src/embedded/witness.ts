/**
 * A file beside the database with the number of batches that were answered as stored. LevelDB takes a log
 * that is missing, cut or older for a shorter history; this number shows that there was more. It is written
 * after each batch and not synced. After a power cut it may be behind the database, which is no damage. It is
 * never ahead of it.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const NAME = 'batches';
const DIGITS = 16;

export class Witness {
  readonly #file: number;

  private constructor(file: number) {
    this.#file = file;
  }

  /** The number in the file. Undefined: there is no file. NaN: it cannot be read. */
  static read(dir: string): number | undefined {
    const path = join(dir, NAME);
    if (!existsSync(path)) return undefined;
    const text = readFileSync(path, 'latin1');
    return /^\d{16}$/.test(text) ? Number(text) : NaN;
  }

  /** Makes the file, and syncs it to the disk. */
  static open(dir: string, batches: number): Witness {
    const path = join(dir, NAME);
    const witness = new Witness(openSync(path, existsSync(path) ? 'r+' : 'w', 0o600));
    witness.write(batches);
    fsyncSync(witness.#file);
    return witness;
  }

  write(batches: number): void {
    writeSync(this.#file, String(batches).padStart(DIGITS, '0'), 0, 'latin1');
  }

  close(): void {
    closeSync(this.#file);
  }
}
