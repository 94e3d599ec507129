/** The conformance runner against our server, and against servers that are wrong in one place. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ServerProcess } from '@cim/testkit';
import { check } from './conformance/check.ts';
import { Liar, type Lies } from './conformance/liar.ts';
import { LIES } from './conformance/lies.ts';
import { familyOf } from './conformance/rule.ts';
import { runRules } from './conformance/run.ts';
import { WIRES } from './conformance/wires.ts';

let dir: string;
let server: ServerProcess;

before(async () => {
  const builder = new URL('../scripts/build.mjs', import.meta.url).href;
  const { build } = (await import(builder)) as { readonly build: () => Promise<void> };
  await build();
  dir = await mkdtemp(join(tmpdir(), 'cim-conformance-'));
  server = await ServerProcess.start('standalone', { CIM_DATA_DIR: dir });
});

after(async () => {
  await server.end();
  await rm(dir, { recursive: true, force: true });
});

/** One call of the runner. */
async function called(...args: readonly string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await check(args, { out: (line) => out.push(line), err: (line) => err.push(line) });
  return { code, out, err };
}

describe('a server that is wrong in one place breaks the rule about it, and no other of the family', () => {
  const families = new Set(WIRES.flatMap(({ rules }) => rules.map(familyOf)));
  const lied = new Set<string>();
  for (const { rule: broken, besides, lies } of LIES) {
    const family = broken.split('/').slice(0, 2).join('/');
    lied.add(family);
    test(broken, async () => {
      await using liar = await Liar.start(server, lies());
      const rules = WIRES.flatMap(({ rules }) => rules).filter(
        (rule) => familyOf(rule) === family && !rule.slow && !besides?.includes(rule.name),
      );
      const outcomes = await runRules(rules, { routeUrl: liar.routeUrl }, () => undefined);
      const failed = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome]));
      assert.deepEqual(
        failed.map(({ name }) => name),
        [broken],
        failed.map(({ name, problem }) => `${name}: ${problem}`).join('\n'),
      );
      assert.doesNotMatch(failed[0]?.problem ?? '', /\n|not over within/);
    });
  }
  test('each family of rules has such a server', () =>
    assert.deepEqual([...lied].sort(), [...families].sort()));
});

// The rules of CIM are those of the contract test.
describe('our server keeps every rule', () => {
  for (const { name, rules } of WIRES.filter((wire) => wire.name !== 'cim'))
    test(name, async () => {
      const outcomes = await runRules(
        rules.filter(({ slow }) => !slow),
        server,
        () => undefined,
      );
      const failed = outcomes.flatMap((outcome) =>
        outcome.ok ? [] : [`${outcome.name}: ${outcome.problem}`],
      );
      assert.deepEqual(failed, []);
    });
});

test('a line for each rule, and the exit code 0, when all hold', async () => {
  const { code, out, err } = await called('--route', server.routeUrl, '--only', 'cim/names/', '--quick');
  assert.deepEqual(
    { code, err, out },
    {
      code: 0,
      err: [],
      out: [
        'ok   cim/names/existing-name-same-account',
        'ok   cim/names/redis-key-refused',
        'ok   cim/names/words-of-programs',
        '3 rules, all hold',
      ],
    },
  );
});

test('FAIL says what was expected, what came and where the rule stands, and the exit code is 1', async () => {
  await using liar = await Liar.start(server, {
    frame: (body) => [Buffer.from(body.toString('latin1').replace('pong', 'gnop'), 'latin1')],
  });
  const { code, out } = await called('--route', liar.routeUrl, '--only', 'cim/heartbeat', '--quick');
  assert.equal(code, 1);
  assert.deepEqual(out, [
    "FAIL cim/heartbeat/pong-bytes: expected '0a04706f6e671802', came '0a04676e6f701802'",
    '     A ping is answered with the pong of CIM to the byte: `08 0a 04 70 6f 6e 67 18 02`. (docs/protocol.md#cims-wire)',
    '1 rules, 1 broken',
  ]);
});

test('--json is an object for each rule and one with the sum; --print adds the dialogue as it was', async () => {
  const { out } = await called(
    '--route',
    server.routeUrl,
    '--only',
    'cim/heartbeat/pong',
    '--json',
    '--print',
  );
  const [rule, sum, ...more] = out.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual([sum, more], [{ rules: 1, broken: 0 }, []]);
  const { dialogue, ...rest } = rule ?? {};
  assert.deepEqual(Object.keys(rest), ['name', 'ok', 'says', 'where']);
  const said = (dialogue as string[]).join('\n');
  for (const line of [/^client POST \/registerAccount \{/m, /^server HTTP 200 \{"code":"9000"/m])
    assert.match(said, line);
  assert.match(said, /^client 08 0a 04 70 69 6e 67 18 02$\n^server 08 0a 04 70 6f 6e 67 18 02$/m);
});

test('--print without a server shows golden bytes and rules', async () => {
  const { code, out } = await called('--print', '--wire', 'cim');
  assert.equal(code, 0);
  assert.ok(out.includes('cim: ping'));
  assert.ok(out.includes('  08 0a 04 70 69 6e 67 18 02'));
  assert.ok(out.includes('cim/heartbeat/pong-bytes'));
});

test('a reader of the lines that goes away ends the runner without a word', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/conformance/main.ts', '--print']);
  child.stdout.destroy();
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.deepEqual([code, said], [2, '']);
});

describe('what cannot be checked is one line, and the exit code 2', () => {
  const rows: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no route', [], /^--route URL is missing, such as --route http:/],
    ['a route that is no URL', ['--route', 'localhost:8083'], /^--route localhost:8083: it is to be a URL/],
    ['a wire that there is not', ['--route', 'http://x', '--wire', 'udp'], /^--wire udp: it is one of cim/],
    [
      'a rule that there is not',
      ['--route', 'http://x', '--only', 'cim/x'],
      /^--only cim\/x: no rule of cim/,
    ],
    ['an unknown option', ['--rout', 'http://x'], /^Unknown option '--rout'.*\(--help lists the options\)$/],
    ['a dead URL', ['--route', 'http://127.0.0.1:1'], /^no HTTP server answers at http:\/\/127\.0\.0\.1:1: /],
  ];
  for (const [about, args, line] of rows)
    test(about, async () => {
      const { code, out, err } = await called(...args);
      assert.deepEqual([code, out, err.length], [2, [], 1]);
      assert.match(err[0] ?? '', line);
      assert.doesNotMatch(err[0] ?? '', /\n/);
    });

  const others: readonly (readonly [string, Lies, RegExp])[] = [
    [
      'own',
      {
        answer: (_, __, said) => ({
          ...said,
          text: said.text.replaceAll(/"(?:ticket|session)":"[^"]*",?/g, ''),
        }),
      },
      /^http:\S+ does not speak our own wire: \/login with "wire": 2 answers no ticket\. --wire cim checks what it speaks$/,
    ],
    [
      'ws',
      {
        bytes: (bytes) => Buffer.from(bytes.toString('latin1').replace('101 Switching', '404 Not'), 'latin1'),
      },
      /^the im-server at 127\.0\.0\.1:\d+ takes no WebSocket at \/cim: the handshake is answered by HTTP 404$/,
    ],
    [
      'v1',
      {
        answer: (path, _, said) =>
          path.startsWith('/v1') ? { status: 404, type: 'text/html', text: '<p>' } : said,
      },
      /^http:\S+ has no \/v1: GET \/v1\/conversations without a credential is to answer 401 and a problem, it answered HTTP 404, text\/html: <p>$/,
    ],
  ];
  for (const [wire, lies, line] of others)
    test(`a server that does not speak ${wire}`, async () => {
      await using liar = await Liar.start(server, lies);
      const { code, out, err } = await called('--route', liar.routeUrl, '--wire', wire);
      assert.deepEqual([code, out, err.length], [2, [], 1]);
      assert.match(err[0] ?? '', line);
    });

  test('a server that is no CIM', async () => {
    const other = createServer((_, response) => response.end('<h1>\nhello</h1>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
      const { code, out, err } = await called('--route', url, '--wire', 'cim');
      assert.deepEqual([code, out], [2, []]);
      assert.deepEqual(err, [
        `${url} is no route of CIM: GET /onlineUser is to answer CIM's envelope, it answered HTTP 200, no content type: <h1> hello</h1>`,
      ]);
    } finally {
      other.close();
      other.closeAllConnections();
    }
  });
});
