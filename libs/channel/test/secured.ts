/** A certificate for the doors of tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createMetrics, silentLogger, TlsFiles } from '@cim/runtime';
import { TestAuthority, writeTlsFiles } from '@cim/testkit';

const dir = mkdtempSync(join(tmpdir(), 'cim-door-'));
after(() => rmSync(dir, { recursive: true, force: true }));

export const authority = new TestAuthority();
export const files = writeTlsFiles(dir, authority);
/** Trust in the test's authority, for clients. */
export const trust = { ca: authority.cert };

export function tlsFiles(insecure = false): TlsFiles {
  const { CIM_TLS_CERT, CIM_TLS_KEY } = files.env;
  const paths = { tlsCert: CIM_TLS_CERT, tlsKey: CIM_TLS_KEY, tlsCa: '' };
  const parts = { logger: silentLogger(), metrics: createMetrics({}), pollMs: 20 };
  const opened = TlsFiles.open({ ...paths, insecure }, parts);
  if (opened === undefined) throw new Error('there is no certificate');
  return opened;
}
