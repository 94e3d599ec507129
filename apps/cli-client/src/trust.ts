import { readFileSync } from 'node:fs';
import type { TlsOptions } from '@cim/client/node';
import { CimError } from '@cim/protocol';
import type { ChatConfig } from './config.ts';

/** @throws {CimError} the file cannot be read */
export function trustOf({ tlsCa, insecure }: Pick<ChatConfig, 'tlsCa' | 'insecure'>): TlsOptions {
  if (tlsCa === '') return { allowPlainText: insecure };
  try {
    return { ca: readFileSync(tlsCa), allowPlainText: insecure };
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new CimError('invalid', `CIM_TLS_CA names ${tlsCa}, which cannot be read (${code})`);
  }
}
