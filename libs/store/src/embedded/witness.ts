/**
 * A file beside the database: how many batches were answered as stored. LevelDB takes a log that is gone, cut or older
 * for a shorter history; with this number it is known that there was more. It is written after each batch and not
 * synced: after a power cut it may be behind the database, which is no damage, and never ahead of it.
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

  /** What it says; undefined: there is none. NaN: it cannot be read. */
  static read(dir: string): number | undefined {
    const path = join(dir, NAME);
    if (!existsSync(path)) return undefined;
    const text = readFileSync(path, 'latin1');
    return /^\d{16}$/.test(text) ? Number(text) : NaN;
  }

  /** Makes the file, and has it on disk before it counts. */
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
