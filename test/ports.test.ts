/** Which port answers what, of programs as they are started. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServerProcess } from '@cim/testkit';

const SECRET = 'a-secret-of-thirty-two-characters';

/** An address of this machine that is not loopback; undefined where there is none. */
const outer = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

test('a server that is open to others says where it listens, and has its internal ports on loopback alone', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-ports-'));
  const server = await ServerProcess.start('standalone', {
    CIM_INSECURE: 'true',
    ...{ CIM_DATA_DIR: dir, CIM_HOST: '0.0.0.0', CIM_ADVERTISE_HOST: outer ?? '127.0.0.1' },
    ...{ CIM_AUTH: 'open', CIM_CLUSTER_SECRET: SECRET },
  });
  try {
    const ports = {
      route: Number(new URL(server.routeUrl).port),
      routeInternal: Number(new URL(server.routeInternalUrl).port),
      imServerInternal: server.httpPort,
    };
    const answers = async (host: string, port: number): Promise<boolean> =>
      fetch(`http://${host}:${port}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    for (const port of Object.values(ports)) assert.ok(await answers('127.0.0.1', port));
    if (outer === undefined) return;
    assert.deepEqual(await Promise.all(Object.values(ports).map((port) => answers(outer, port))), [
      true,
      false,
      false,
    ]);
  } finally {
    await server.end('SIGTERM');
    await rm(dir, { recursive: true, force: true });
  }
});

test('an im-server whose internal port the others could not reach does not start, and says what to set', async () => {
  await assert.rejects(
    ServerProcess.start('im-server', {
      CIM_INSECURE: 'true',
      ...{ CIM_HOST: '0.0.0.0', CIM_ADVERTISE_HOST: '10.1.2.3', CIM_CLUSTER_SECRET: SECRET },
    }),
    /ended: im-server: CIM_INTERNAL_HOST must be set, to 0\.0\.0\.0: the other servers call this one at 10\.1\.2\.3[^\n]*\n$/,
  );
});
