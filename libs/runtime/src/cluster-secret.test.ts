import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { until } from '@cim/testkit';
import { clusterKey } from './cluster-key.ts';
import { ClusterSecret, openClusterSecret, type Secrets } from './cluster-secret.ts';
import { createLogger } from './logger.ts';

const [OLD, NEW] = ['the-old-secret-of-more-than-32-letters', 'the-new-secret-of-more-than-32-letters'];

let dir: string;
let log: string;
let opened: ClusterSecret;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cim-secret-'));
  log = '';
});
afterEach(() => {
  opened.stop();
  rmSync(dir, { recursive: true, force: true });
});

const file = (name: string): string => join(dir, name);
/** Writes the files as an operator does: a new file replaces the old one. */
function write(secrets: Partial<Secrets>): void {
  for (const [name, secret] of Object.entries(secrets)) {
    writeFileSync(file(`${name}.new`), `${secret}\n`);
    renameSync(file(`${name}.new`), file(name));
  }
}

function open(): ClusterSecret {
  const logger = createLogger('info', {}, { write: (line) => void (log += line) });
  write({ current: OLD });
  opened = ClusterSecret.open(
    { current: OLD, next: '' },
    {
      files: { current: file('current'), next: file('next') },
      check: (secrets) => {
        if (secrets.current.length < 32) throw new Error('it is too short');
        return secrets;
      },
      logger,
      pollMs: 10,
    },
  );
  return opened;
}

describe('a cluster secret in files', () => {
  test('is replaced in three steps; at each one both secrets that servers may sign with then are accepted', async () => {
    const secret = open();
    let changes = 0;
    secret.onChange(() => changes++);
    assert.deepEqual(secret.accepted, [OLD]);
    assert.equal(secret.key('rpc'), clusterKey(OLD, 'rpc'));

    write({ next: NEW });
    await until('the next is accepted', () => secret.accepted.length === 2);
    assert.deepEqual(secret.accepted, [OLD, NEW]);
    assert.equal(secret.key('ticket'), clusterKey(OLD, 'ticket'));
    assert.deepEqual(secret.keys('ticket'), [clusterKey(OLD, 'ticket'), clusterKey(NEW, 'ticket')]);

    write({ current: NEW, next: OLD });
    await until('they are exchanged', () => secret.current === NEW);
    assert.deepEqual(secret.accepted, [NEW, OLD]);
    assert.equal(secret.key('ticket'), clusterKey(NEW, 'ticket'));

    rmSync(file('next'));
    await until('the old one is not accepted', () => secret.accepted.length === 1);
    assert.deepEqual(secret.accepted, [NEW]);
    assert.equal(changes, 3);
    assert.equal(log.match(/cluster-secret.reloaded/g)?.length, 3);
    assert.ok(!log.includes(OLD) && !log.includes(NEW), log);
  });

  test('is not half exchanged: while both files hold the same one, those of before stay', async () => {
    const secret = open();
    write({ next: NEW });
    await until('the next is accepted', () => secret.accepted.length === 2);
    write({ current: NEW });
    await until('it is said', () => log.includes('both are the same'));
    assert.deepEqual(secret.accepted, [OLD, NEW]);
    write({ next: OLD });
    await until('they are exchanged', () => secret.current === NEW);
  });

  test('that cannot be used changes nothing, and is said once', async () => {
    const secret = open();
    write({ current: 'short' });
    await until('it is said', () => log.includes('cluster-secret.not-reloaded'));
    rmSync(file('current'));
    await until('it is said again', () => log.includes('cannot be read (ENOENT)'));
    assert.deepEqual(secret.accepted, [OLD]);
    assert.equal(log.match(/not-reloaded/g)?.length, 2);
  });
});

test('a server that other machines reach takes no short secret as the next one either, now or later', () => {
  const config = {
    host: '10.1.2.3',
    internalHost: '10.1.2.3',
    tlsCert: '',
    insecure: true,
    auth: 'open',
  } as const;
  const logger = createLogger('silent');
  const start = (clusterSecretNext: string): ClusterSecret =>
    openClusterSecret({ ...config, clusterSecret: OLD, clusterSecretNext }, {}, logger);
  assert.throws(() => start('short'), /^Error: CIM_CLUSTER_SECRET_NEXT has 5 characters; at least 32/);
  opened = start(NEW);
  assert.deepEqual(opened.accepted, [OLD, NEW]);
});
