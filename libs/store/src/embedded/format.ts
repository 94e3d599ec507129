import { FORMAT } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { promised } from './promised.ts';
import { FORMAT_VERSION, OLDEST_FORMAT } from './upgrade.ts';

/** @throws {Error} one line: the folder is of a version that this program cannot read */
export async function refuseOtherFormat(ledger: Ledger, dir: string): Promise<void> {
  // The audit reports a record that cannot be read.
  const version = await promised(() => ledger.committed(FORMAT)?.version).catch(() => undefined);
  if (version !== undefined && !(version >= OLDEST_FORMAT && version <= FORMAT_VERSION))
    throw new Error(
      `the data folder ${dir} has format ${version}, this program reads ${OLDEST_FORMAT} to ${FORMAT_VERSION}; use the version that made it, or set CIM_DATA_DIR to a new folder`,
    );
}
