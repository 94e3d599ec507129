/** The cluster secret is replaced while people talk: nobody is disconnected, and all servers go on calling each other. */
import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ServerProcess, until } from '@cim/testkit';
import type { Person } from './chaos/crowd.ts';
import { brokenIn } from './chaos/row.ts';
import { Talk } from './chaos/talk.ts';
import { World } from './chaos/world.ts';

const OLD = 'the-old-secret-of-more-than-32-letters';
const NEW = 'the-new-secret-of-more-than-32-letters';

test('the cluster secret is replaced in three steps, and no session ends', { timeout: 60_000 }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-rotation-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const write = async (name: string, secret: string): Promise<void> => {
    await writeFile(join(dir, `${name}.new`), secret, { mode: 0o600 });
    await rename(join(dir, `${name}.new`), join(dir, name));
  };
  await write('current', OLD);
  await using world = await World.start({
    ...{ routes: 1, imServers: 2 },
    env: {
      CIM_LOG_LEVEL: 'info',
      CIM_CLUSTER_SECRET_FILE: join(dir, 'current'),
      CIM_CLUSTER_SECRET_NEXT_FILE: join(dir, 'next'),
    },
  });
  const people = await world.invite(6);
  const ends: string[] = [];
  const watch = (all: readonly Person[]): void => {
    for (const { name, client } of all) client.on('disconnected', () => ends.push(name));
  };
  watch(people);
  const servers = (): ServerProcess[] => [...world.routes, ...world.imServers];
  /** Resolves when each server has logged so many reloads. */
  const reloaded = (times: number) =>
    until('every server has read the files', () =>
      servers().every(({ log }) => log.split('"cluster-secret.reloaded"').length > times),
    );
  /** CIM's call over HTTP, from a program that has this secret. */
  const sendMsg = async (secret: string): Promise<number> => {
    const [from, to] = people;
    const answer = await fetch(`http://127.0.0.1:${world.imServers[0]?.httpPort}/sendMsg`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({ userId: to?.id, properties: { sendUserId: from?.id }, msg: '' }),
    });
    return answer.status;
  };
  /** Key: outcome. Calls between servers since the start, all servers together. */
  const calls = async (): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const url of [
      ...world.imServers.map(({ httpPort }) => `http://127.0.0.1:${httpPort}`),
      ...world.routes.map(({ routeInternalUrl }) => routeInternalUrl),
    ])
      for (const [, outcome = '', count] of (await (await fetch(`${url}/metrics`)).text()).matchAll(
        /^cim_rpc_calls_total\{.*outcome="(\w+)".*\} (\d+)$/gm,
      ))
        counts[outcome] = (counts[outcome] ?? 0) + Number(count);
    return counts;
  };
  using talk = new Talk(people, { perSecond: 150 });
  talk.start();
  /** People talk on over calls between servers, and others log in: a route signs, an im-server checks. */
  const onward = async (step: string): Promise<void> => {
    const [said, { ok = 0 }] = [talk.said, await calls()];
    await until(`they talk on after ${step}`, () => talk.said > said + 100);
    const after = await calls();
    assert.ok((after['ok'] ?? 0) > ok, `servers call each other after ${step}`);
    for (const [outcome, count] of Object.entries(after))
      if (outcome !== 'ok') assert.equal(count, 0, `${step}: ${count} calls ${outcome}`);
    const late = await world.invite(1, 'late');
    // They were not there when people began to talk to everybody.
    for (const person of late) person.stayed = false;
    watch(late);
  };
  await onward('the start');
  assert.deepEqual([await sendMsg(OLD), await sendMsg(NEW)], [200, 401]);

  await write('next', NEW);
  await reloaded(1);
  await onward('the first step');
  assert.deepEqual([await sendMsg(OLD), await sendMsg(NEW)], [200, 200]);

  await write('current', NEW);
  await write('next', OLD);
  await reloaded(2);
  await onward('the second step');
  assert.deepEqual([await sendMsg(OLD), await sendMsg(NEW)], [200, 200]);

  await rm(join(dir, 'next'));
  await reloaded(3);
  await onward('the third step');
  assert.deepEqual([await sendMsg(OLD), await sendMsg(NEW)], [401, 200]);

  talk.stop();
  const verdict = await world.verdict();
  t.diagnostic(`${verdict.sent} sent, ${verdict.shown} shown; calls: ${JSON.stringify(await calls())}`);
  assert.deepEqual(brokenIn(verdict), []);
  assert.deepEqual(ends, []);
  for (const { log } of servers()) assert.ok(!log.includes(OLD) && !log.includes(NEW));
});
