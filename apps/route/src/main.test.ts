import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** Runs the program until it ends by itself. */
async function run(
  env: Record<string, string>,
  ...flags: string[]
): Promise<{ code: unknown; out: string; err: string }> {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CIM_')));
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...flags], { env: { ...own, ...env } });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
  const [code] = (await once(child, 'close')) as unknown[];
  return { code, out, err };
}

describe('a route that cannot start says why, in one line each, and ends with 1', { concurrency: 2 }, () => {
  const cases: [string, Record<string, string>, string[], RegExp][] = [
    ['settings that are wrong', { CIM_ROUTE_PORT: 'x' }, [], /^route: CIM_ROUTE_PORT .*0 to 65535\n$/],
    ['a setting that is none', { CIM_ROUTE_PROT: '1' }, [], /^route: CIM_ROUTE_PROT is not a setting.*\n$/],
    ['a flag that is none', {}, ['--nonsense'], /^route: .*--nonsense.*--help lists the flags\n$/],
    [
      'no secret where others can connect',
      { CIM_HOST: '0.0.0.0' },
      [],
      /^route: CIM_CLUSTER_SECRET .*CIM_AUTH.*\n$/,
    ],
    ['a URL that is none of Redis', { CIM_REDIS_URL: 'http://x' }, [], /^route: .*redis:\/\/host:port.*\n$/],
  ];
  for (const [name, env, flags, line] of cases)
    test(name, async () => {
      const { code, out, err } = await run(env, ...flags);
      assert.deepEqual([code, out], [1, '']);
      assert.match(err, line);
    });

  test('--help prints all settings of the route and ends with 0', async () => {
    const { code, out, err } = await run({}, '--help');
    assert.deepEqual([code, err], [0, '']);
    for (const flag of ['--route-port', '--redis-url', '--auth', '--placement'])
      assert.ok(out.includes(flag), flag);
  });
});
