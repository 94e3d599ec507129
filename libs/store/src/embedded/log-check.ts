/**
 * LevelDB's logs hold the writes that are not in its tables yet. LevelDB silently skips a damaged record in
 * them, so this module reads them before LevelDB does. Format: blocks of 32 KiB. A record is a masked CRC-32C
 * [4 bytes], a length [2] and a type [1], then its bytes (leveldb/doc/log_format.md).
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const BLOCK = 32_768;
const HEADER = 7;

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = (c & 1) === 0 ? c >>> 1 : (c >>> 1) ^ 0x82f63b78;
  return c;
});

function maskedCrc(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = (TABLE[(c ^ byte) & 0xff] ?? 0) ^ (c >>> 8);
  c = ~c >>> 0;
  return (((c >>> 15) | (c << 17)) + 0xa282ead8) >>> 0;
}

/**
 * The name of a log that is damaged before its end; undefined when there is none. A record cut off at the end
 * is no damage: a process that dies while it writes leaves one, and nobody was told that it is stored.
 */
export async function damagedLog(dir: string): Promise<string | undefined> {
  for (const name of await readdir(dir))
    if (/^\d+\.log$/.test(name) && isDamaged(await readFile(join(dir, name)))) return name;
  return undefined;
}

function isDamaged(log: Buffer): boolean {
  let broken = false;
  for (let block = 0; block < log.length; block += BLOCK) {
    const end = Math.min(block + BLOCK, log.length);
    for (let at = block; at + HEADER <= end; ) {
      const length = log.readUInt16LE(at + 4);
      const next = at + HEADER + length;
      if (next > end || maskedCrc(log.subarray(at + 6, next)) !== log.readUInt32LE(at)) {
        // Zeros are reserved space. Any other bytes must be the end of the log.
        if (log.subarray(at, end).some((byte) => byte !== 0)) broken = true;
        break;
      }
      if (broken) return true;
      at = next;
    }
  }
  return false;
}
