import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, afterEach, describe, it } from 'node:test';
import { TestAuthority } from '@cim/testkit';
import { COMMANDS } from './commands/commands.ts';
import { runAdmin } from './run.ts';

const TOKEN = 'a-token-of-thirty-two-characters!';

async function run(...argv: string[]) {
  const said = { out: '', err: [] as string[], code: 0 };
  process.exitCode = 0;
  await runAdmin(argv, { out: (text) => (said.out += text), err: (line) => said.err.push(line) });
  said.code = process.exitCode;
  process.exitCode = 0;
  return said;
}

const environment = { ...process.env };
afterEach(() => {
  process.env = { ...environment };
});

describe('the words of cim admin', () => {
  it('are refused with exit code 2 and one line, before anybody is asked', async () => {
    process.env = { CIM_ADMIN_TOKEN: TOKEN, CIM_ROUTE_INTERNAL: 'http://127.0.0.1:1' };
    for (const [words, expected] of [
      ['', /name a command/],
      ['foo', /there is no command "foo"/],
      ['bans', /there is no command "bans"/],
      ['servers now', /give "servers"/],
      ['bans add', /give "bans add SUBJECT"/],
      ['servers --days 3', /servers has no flag --days/],
      ['servers --token x', /Unknown option '--token'/],
      ['bans add 1 --seconds soon', /--seconds must be a whole number/],
      ['servers --route-internal nowhere', /CIM_ROUTE_INTERNAL .* must be a URL/],
      ['servers --token-file /nowhere', /CIM_ADMIN_TOKEN_FILE .*ENOENT/],
    ] as const) {
      const { out, err, code } = await run(...words.split(' ').filter((word) => word !== ''));
      assert.deepEqual([out, err.length, code], ['', 1, 2], words);
      assert.match(err[0] ?? '', expected);
    }
    delete process.env['CIM_ADMIN_TOKEN'];
    assert.match((await run('servers')).err.join(), /^cim admin: no token: set CIM_ADMIN_TOKEN/);
  });

  it('have a help of each command, which fits 80 columns', async () => {
    const all = (await run('--help')).out;
    const page = await readFile('docs/admin.md', 'utf8');
    for (const { name, flags } of COMMANDS) {
      assert.ok(all.includes(`  ${name}`), name);
      assert.match(page, new RegExp(`\`${name.split(' ')[0] ?? ''}[ \`]`));
      const { out, code } = await run(...name.split(' '), '--help');
      assert.equal(code, 0);
      assert.match(out, new RegExp(`^usage: cim admin ${name}`));
      for (const flag of Object.keys(flags)) assert.ok(out.includes(`--${flag}`), `${name} --${flag}`);
      assert.ok(
        out.split('\n').every((line) => line.length <= 80),
        out,
      );
    }
    assert.ok(all.split('\n').every((line) => line.length <= 80));
  });
});

describe('the answer of a route', () => {
  const servers: Server[] = [];
  after(() => {
    for (const server of servers) server.close();
  });
  /** Starts a route that gives this answer to every request. */
  async function answering(status: number, body: string) {
    const asked: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      asked.push(request);
      response.writeHead(status).end(body);
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    process.env = {
      CIM_ADMIN_TOKEN: TOKEN,
      CIM_ROUTE_INTERNAL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    };
    return asked;
  }

  it('is printed as it is with --json, and else as a table', async () => {
    const body = '{"items":[{"subject":"user:1","endsAt":"soon","further":[1]}]}';
    const asked = await answering(200, body);
    assert.equal((await run('bans', 'list', '--json')).out, `${body}\n`);
    assert.equal((await run('bans', 'list')).out, 'SUBJECT  ENDS  BY  REASON\nuser:1\n');
    assert.equal(asked[0]?.headers.authorization, `Bearer ${TOKEN}`);
    assert.equal(asked[0].url, '/admin/bans');
  });

  it('is that about the id in the words, also when the id begins with "-"', async () => {
    const asked = await answering(200, '{"outcome":"refused"}');
    for (const id of [
      'q3Zb0nT1bq8s7Qp2',
      '-3Zb0nT1bq8s7Qp2',
      '--Zb-nTybq_s-Qpx',
      '-kzbxnTybqsalqpy-TwqWNVGvYJMxCzeMO08LMYCDZY',
    ]) {
      const { err, code } = await run('held', 'refuse', id, '--reason', id, '--json');
      assert.deepEqual([err, code], [[], 0]);
      assert.equal(asked.pop()?.url, `/admin/held/${id}/refuse`);
    }
    const { err, code } = await run('held', 'list', '--route-internel', 'x');
    assert.deepEqual([err.length, code], [1, 2]);
    assert.match(err[0] ?? '', /Unknown option '--route-internel'/);
  });

  it('that is a problem is one line and exit code 1', async () => {
    await answering(400, '{"detail":"no such\\u001b thing","code":"3000"}');
    assert.deepEqual(await run('bans', 'list'), {
      out: '',
      err: ['cim admin: no such\u{fffd} thing'],
      code: 1,
    });
  });

  it('of another port than the internal one is exit code 3', async () => {
    await answering(404, '{"code":"3000","message":"no such path"}');
    const { err, code } = await run('servers');
    assert.equal(code, 3);
    assert.match(err.join(), /answers 404 and has no admin API/);
  });

  it('that does not come is exit code 3', async () => {
    process.env = { CIM_ADMIN_TOKEN: TOKEN, CIM_ROUTE_INTERNAL: 'http://127.0.0.1:1' };
    const { err, code } = await run('servers');
    assert.equal(code, 3);
    assert.match(err.join(), /^cim admin: http:\/\/127\.0\.0\.1:1 does not answer: .*ECONNREFUSED/);
  });

  it('is taken from a route with a certificate that is trusted alone, whatever the environment says', async () => {
    let asked = 0;
    const server = createTlsServer(new TestAuthority().issue(), (_, response) => {
      asked++;
      response.end('{"items":[]}');
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    process.env = {
      CIM_ADMIN_TOKEN: TOKEN,
      CIM_ROUTE_INTERNAL: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    };
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    const { err, code } = await run('bans', 'list');
    assert.deepEqual([asked, code], [0, 3], err.join());
  });

  it('moves no cursor with what servers say of themselves', async () => {
    await answering(
      200,
      JSON.stringify({
        items: [{ instance: 'a\u001b[2J', unknown: 'it said \u001b[2J' }],
        registry: { connected: true, problem: 'a \u009b2J' },
      }),
    );
    assert.doesNotMatch((await run('servers')).out, /[\u001b\u009b]/);
  });
});
