import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { TestAuthority, type TlsFilesOnDisk, until, writeTlsFiles } from '@cim/testkit';
import { createMetrics, type Logger, type Metrics, silentLogger } from '../index.ts';
import { openTls } from './open-tls.ts';
import { TlsFiles } from './tls-files.ts';

const DAY_MS = 86_400_000;
const authority = new TestAuthority();

let dir: string;
let onDisk: TlsFilesOnDisk;
let lines: string[];
let metrics: Metrics;
let now: () => number;
let opened: TlsFiles | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cim-tls-'));
  onDisk = writeTlsFiles(dir, authority);
  [lines, metrics, now, opened] = [[], createMetrics({}), Date.now, undefined];
});

afterEach(() => {
  opened?.stop();
  rmSync(dir, { recursive: true, force: true });
});

function recorder(): Logger {
  const logger = silentLogger();
  for (const level of ['info', 'warn', 'error'] as const)
    logger[level] = (fields: object, message?: string) =>
      void lines.push(`${level} ${message ?? ''} ${JSON.stringify(fields)}`);
  return logger;
}

const settings = (more: object = {}) => {
  const { CIM_TLS_CERT, CIM_TLS_KEY } = onDisk.env;
  return { tlsCert: CIM_TLS_CERT, tlsKey: CIM_TLS_KEY, tlsCa: '', insecure: false, ...more };
};

function open(more: object = {}): TlsFiles | undefined {
  opened?.stop();
  opened = TlsFiles.open(settings(more), { logger: recorder(), metrics, now: () => now(), pollMs: 10 });
  return opened;
}

const certificate = (): unknown => opened?.options.cert;

describe('a start with a certificate', () => {
  test('is undefined without one, and takes a pair that fits', () => {
    assert.equal(open({ tlsCert: '', tlsKey: '' }), undefined);
    assert.equal(open()?.options.minVersion, 'TLSv1.2');
    assert.deepEqual(lines, []);
    assert.equal(open({ tlsCa: onDisk.env.CIM_TLS_CA })?.checksPeers, true);
  });

  test('is refused in one line that names the file, the fault and the mending', () => {
    const other = authority.issue();
    const path = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text, { mode: 0o600 });
      return join(dir, name);
    };
    const pair = (days: readonly [number, number]) => {
      const { cert, key } = authority.issue({ days });
      return { tlsCert: path('c.pem', cert), tlsKey: path('k.pem', key) };
    };
    const encrypted = execFileSync(
      'openssl',
      ['pkey', '-aes256', '-passout', 'pass:x', '-in', onDisk.env.CIM_TLS_KEY],
      { encoding: 'utf8' },
    );
    const cases: [() => object, RegExp][] = [
      [() => ({ tlsKey: '' }), /CIM_TLS_CERT and CIM_TLS_KEY must be set together$/],
      [
        () => ({ tlsCert: '', tlsKey: '', tlsCa: 'x' }),
        /CIM_TLS_CA is set, and this server has no certificate/,
      ],
      [
        () => ({ tlsCert: '/nowhere.pem' }),
        /CIM_TLS_CERT names \/nowhere\.pem, which cannot be read \(ENOENT\)$/,
      ],
      [
        () => ({ tlsCa: '/nowhere.pem' }),
        /CIM_TLS_CA names \/nowhere\.pem, which cannot be read \(ENOENT\)$/,
      ],
      [
        () => ({ tlsCert: path('x', 'no PEM') }),
        /CIM_TLS_CERT names .*\/x, which holds no certificate in PEM/,
      ],
      [
        () => ({ tlsKey: path('x', 'no PEM') }),
        /CIM_TLS_KEY names .*\/x, which holds no private key in PEM$/,
      ],
      [() => ({ tlsKey: path('x', encrypted) }), /is encrypted; give a key without a passphrase/],
      [() => ({ tlsKey: path('x', other.key) }), /is not the key of the first certificate in .*server\.pem/],
      [() => pair([-3, -1]), /the certificate in .*c\.pem \(CIM_TLS_CERT\) ended on .* GMT; renew it$/],
      [() => pair([1, 3]), /is valid from .* GMT on, which is later than the clock of this machine says$/],
    ];
    for (const [given, line] of cases)
      assert.throws(
        () => open(given()),
        (error: Error) => line.test(error.message) && !error.message.includes('\n'),
        String(line),
      );
  });

  test('warns of a key that others can read', () => {
    chmodSync(onDisk.env.CIM_TLS_KEY, 0o644);
    open();
    assert.match(lines.join(), /^warn tls\.key-open .*server-key\.pem.* has mode 644: .*chmod 600/);
  });

  test('warns of plain text beyond loopback, where it is said by name, and of nothing on loopback', () => {
    const parts = { logger: recorder(), metrics };
    const none = { ...settings({ tlsCert: '', tlsKey: '', insecure: true }) };
    openTls({ ...none, host: '127.0.0.1', internalHost: '::1' }, parts);
    assert.deepEqual(lines, []);
    openTls({ ...none, host: '127.0.0.1', internalHost: '10.1.2.3' }, parts);
    assert.match(lines.join(), /^warn plain-text: passwords and messages can be read .*10\.1\.2\.3/);
  });
});

describe('the end of the certificate', () => {
  test('is a metric, in seconds', async () => {
    open();
    const [, value] =
      /^cim_tls_certificate_expiry_timestamp_seconds (\S+)$/m.exec(await metrics.metrics()) ?? [];
    assert.ok(Math.abs(Number(value) * 1_000 - (Date.now() + 90 * DAY_MS)) < 60_000, value);
  });

  test('is warned of 14 days before, once a day, and is an error when it has come', async () => {
    const start = Date.now();
    let day = 75;
    now = () => start + day * DAY_MS;
    open();
    assert.deepEqual(lines, []);
    for (const [at, line] of [
      [76.5, /^warn tls\.expires-soon .*"days":13/],
      [78, /^warn tls\.expires-soon .*"days":1[12]/],
      [91, /^error tls\.expired: clients refuse this server/],
    ] as const) {
      lines = [];
      day = at;
      await until('a line', () => lines.length > 0);
      assert.match(lines[0] ?? '', line);
    }
    assert.equal(lines.length, 1);
  });
});

describe('files that change', () => {
  test('a new pair is used, and listeners are told', async () => {
    open();
    const told: unknown[] = [];
    opened?.onReload(({ cert }) => told.push(cert));
    const next = authority.issue();
    onDisk.replace(next);
    await until('it is reloaded', () => told.length === 1);
    assert.deepEqual([told, certificate()], [[next.cert], next.cert]);
    assert.match(lines.join(), /^info tls\.reloaded/);
  });

  test('a broken pair warns once, the one before stays, and the mended one is used', async () => {
    open();
    const before = certificate();
    const next = authority.issue();
    writeFileSync(onDisk.env.CIM_TLS_CERT, next.cert);
    await until('it warns', () => lines.length === 1);
    assert.match(lines[0] ?? '', /^warn tls\.not-reloaded: .*is not the key of the first certificate/);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual([lines.length, certificate()], [1, before]);
    writeFileSync(onDisk.env.CIM_TLS_KEY, next.key);
    await until('it is reloaded', () => certificate() === next.cert);
  });

  test('a file that is gone, and one that is half written, keep the pair before', async () => {
    open();
    const before = certificate();
    renameSync(onDisk.env.CIM_TLS_CERT, join(dir, 'away'));
    await until('it warns', () => lines.length === 1);
    assert.match(lines[0] ?? '', /which cannot be read \(ENOENT\)/);
    writeFileSync(onDisk.env.CIM_TLS_CERT, String(before).slice(0, 200));
    await until('it warns', () => lines.length === 2);
    assert.match(lines[1] ?? '', /holds no certificate in PEM/);
    assert.equal(certificate(), before);
    renameSync(join(dir, 'away'), onDisk.env.CIM_TLS_CERT);
    const next = authority.issue();
    onDisk.replace(next);
    await until('it is reloaded', () => certificate() === next.cert);
  });

  test('a pair of the future warns once, and is used when its time has come', async () => {
    let ahead = 0;
    now = () => Date.now() + ahead;
    open();
    const next = authority.issue({ days: [1, 30] });
    onDisk.replace(next);
    await until('it warns', () => lines.length === 1);
    assert.match(lines[0] ?? '', /is valid from/);
    ahead = 2 * DAY_MS;
    await until('it is reloaded', () => certificate() === next.cert);
    assert.equal(lines.filter((line) => line.startsWith('warn tls.not-reloaded')).length, 1);
  });

  test('an expired pair is not used', async () => {
    open();
    const before = certificate();
    onDisk.replace(authority.issue({ days: [-3, -1] }));
    await until('it warns', () => lines.length === 1);
    assert.match(lines[0] ?? '', /ended on/);
    assert.equal(certificate(), before);
  });

  test('the same pair, written again, is no reload', async () => {
    const pair = authority.issue();
    onDisk.replace(pair);
    open();
    onDisk.replace(pair);
    const next = authority.issue();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(lines, []);
    onDisk.replace(next);
    await until('the next one is used', () => certificate() === next.cert);
    assert.equal(lines.length, 1);
  });
});
