import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  advertisedHost,
  pick,
  readConfig,
  requireReachable,
  settingNames,
  settings,
  trustOf,
} from './index.ts';

/** A secret of the shortest length that is allowed. */
const SECRET = 'a-secret-of-thirty-two-characters'.slice(0, 32);

const read = (argv: string[], env: Record<string, string | undefined>) =>
  readConfig(
    'route',
    pick(settings, 'host', 'routePort', 'clusterSecret', 'auth', 'logLevel'),
    argv,
    env,
    settingNames,
  );

describe('the settings', () => {
  test('have the defaults of a newcomer on one machine', () => {
    const answer = readConfig('all', settings, [], {});
    assert.equal(answer.kind, 'values');
    const { host, routePort, tcpPort, httpPort, dataDir, redisUrl, zk } = answer.values;
    assert.deepEqual(
      [host, routePort, tcpPort, httpPort, dataDir, redisUrl, zk],
      ['127.0.0.1', 8083, 11211, 8081, '.cim', 'redis://127.0.0.1:6379', '127.0.0.1:2181'],
    );
    assert.deepEqual(
      [answer.values.sessionPolicy, answer.values.placement, answer.values.durability, answer.values.auth],
      ['reject', 'round-robin', 'disk', ''],
    );
  });

  test('are read from flags before the environment', () => {
    const answer = read(['--route-port', '0'], { CIM_ROUTE_PORT: '9', CIM_HOST: '::1' });
    assert.equal(answer.kind, 'values');
    assert.deepEqual([answer.values.routePort, answer.values.host], [0, '::1']);
    assert.ok(Object.isFrozen(answer.values));
  });

  test('of other programs in the environment are no problem, unknown ones are, and all problems are told', () => {
    assert.equal(read([], { CIM_TCP_PORT: '1', CIM_NAME: 'alice', HOME: '/' }).kind, 'values');
    const answer = read([], { CIM_ROUTE_PROT: '1', CIM_ROUTE_PORT: '70000', CIM_AUTH: 'maybe' });
    assert.equal(answer.kind, 'problems');
    assert.equal(answer.problems.length, 3);
    for (const name of [
      /CIM_ROUTE_PROT /,
      /CIM_ROUTE_PORT .*"70000".*0 to 65535/,
      /CIM_AUTH .*open, password/,
    ])
      assert.ok(
        answer.problems.some((line) => name.test(line) && !line.includes('\n')),
        String(name),
      );
  });

  test('each have a variable of their own and a line for --help', () => {
    assert.equal(new Set(settingNames).size, settingNames.length);
    for (const { doc } of Object.values(settings)) assert.match(doc, /^[^\n]+$/);
    const answer = read(['--help'], {});
    assert.equal(answer.kind, 'help');
    assert.match(answer.text, /--route-port +CIM_ROUTE_PORT .*\[8083\]/);
  });
});

const PLAIN = { tlsCert: '', insecure: false } as const;
const PLAIN_BY_NAME = { tlsCert: '', insecure: true } as const;

test('a flag of yes or no may stand alone', () => {
  const schema = pick(settings, 'insecure', 'host');
  const insecure = (...argv: string[]): unknown => {
    const answer = readConfig('test', schema, argv, {});
    return answer.kind === 'values' ? answer.values.insecure : answer;
  };
  assert.equal(insecure(), false);
  assert.equal(insecure('--insecure'), true);
  assert.equal(insecure('--insecure', '--host', '::1'), true);
  assert.equal(insecure('--insecure', 'false'), false);
  assert.equal(insecure('--insecure=true'), true);
  const answer = readConfig('test', schema, [], { CIM_INSECURE: 'yes' });
  assert.ok(
    answer.kind === 'problems' && /CIM_INSECURE.*must be true or false/.test(String(answer.problems)),
  );
});

describe('who is trusted', () => {
  const internalHost = '127.0.0.1';
  test('on loopback everybody, with a secret that need not be set', () => {
    for (const host of ['127.0.0.1', '127.8.9.10', 'localhost', '::1'])
      assert.deepEqual(trustOf({ host, internalHost, clusterSecret: '', auth: '', ...PLAIN }), {
        clusterSecret: 'cim-on-loopback',
        auth: 'open',
      });
    assert.deepEqual(
      trustOf({ host: '127.0.0.1', internalHost, clusterSecret: 's', auth: 'password', ...PLAIN }),
      {
        clusterSecret: 's',
        auth: 'password',
      },
    );
  });

  test('elsewhere nobody by default: what must be said is named, all of it', () => {
    for (const host of [
      '0.0.0.0',
      '::',
      '10.1.2.3',
      'chat.example',
      '127.0.0.1.example',
      'localhost.example',
    ]) {
      const said = (): unknown => trustOf({ host, internalHost, clusterSecret: '', auth: '', ...PLAIN });
      assert.throws(
        said,
        /CIM_CLUSTER_SECRET.*CIM_AUTH.*CIM_TLS_CERT and CIM_TLS_KEY \(or CIM_INSECURE=true/,
      );
      assert.throws(
        () => trustOf({ host, internalHost, clusterSecret: SECRET, auth: '', ...PLAIN_BY_NAME }),
        /^Error: CIM_AUTH[^\n]*password/,
      );
      assert.throws(
        () => trustOf({ host, internalHost, clusterSecret: '', auth: 'open', ...PLAIN_BY_NAME }),
        /^Error: CIM_CLUSTER_SECRET/,
      );
      assert.throws(
        () => trustOf({ host, internalHost, clusterSecret: SECRET.slice(1), auth: 'open', ...PLAIN_BY_NAME }),
        /^Error: CIM_CLUSTER_SECRET has 31 characters; at least 32 are needed[^\n]*$/,
      );
      assert.deepEqual(
        trustOf({ host, internalHost, clusterSecret: SECRET, auth: 'open', ...PLAIN_BY_NAME }),
        {
          clusterSecret: SECRET,
          auth: 'open',
        },
      );
    }
  });

  test('an internal port that others can reach needs the secret, though clients connect on loopback', () => {
    const host = '127.0.0.1';
    for (const clusterSecret of ['', SECRET.slice(1)])
      assert.throws(
        () => trustOf({ host, internalHost: '10.1.2.3', clusterSecret, auth: '', ...PLAIN_BY_NAME }),
        /^Error: CIM_CLUSTER_SECRET [^\n]*when CIM_INTERNAL_HOST is 10\.1\.2\.3[^\n]*$/,
      );
    assert.deepEqual(
      trustOf({ host, internalHost: '10.1.2.3', clusterSecret: SECRET, auth: '', ...PLAIN_BY_NAME }),
      {
        clusterSecret: SECRET,
        auth: 'open',
      },
    );
  });

  test('an internal port that others can reach needs a certificate too, or plain text by name', () => {
    const config = { host: '127.0.0.1', internalHost: '10.1.2.3', clusterSecret: SECRET };
    assert.throws(
      () => trustOf({ ...config, ...PLAIN }),
      /^Error: CIM_TLS_CERT [^\n]*when CIM_INTERNAL_HOST is/,
    );
    assert.equal(trustOf({ ...config, ...PLAIN_BY_NAME }).clusterSecret, SECRET);
  });

  test('elsewhere a certificate, or plain text by name', () => {
    const config = { host: '10.1.2.3', internalHost, clusterSecret: SECRET };
    assert.throws(
      () => trustOf({ ...config, ...PLAIN }),
      /^Error: CIM_TLS_CERT and CIM_TLS_KEY \(or CIM_INSECURE=true[^\n]*when CIM_HOST is 10\.1\.2\.3$/,
    );
    for (const said of [PLAIN_BY_NAME, { tlsCert: 'a.pem', insecure: false }])
      assert.equal(trustOf({ ...config, ...said }).clusterSecret, SECRET);
  });

  test('an im-server, which has no CIM_AUTH, needs the secret only', () => {
    assert.equal(
      trustOf({ host: '10.1.2.3', internalHost, clusterSecret: SECRET, ...PLAIN_BY_NAME }).clusterSecret,
      SECRET,
    );
  });
});

test('listening on all addresses does not say which to tell clients', () => {
  assert.equal(advertisedHost({ host: '10.1.2.3', advertiseHost: '' }), '10.1.2.3');
  assert.equal(advertisedHost({ host: '0.0.0.0', advertiseHost: 'chat.example' }), 'chat.example');
  for (const host of ['0.0.0.0', '::'])
    assert.throws(() => advertisedHost({ host, advertiseHost: '' }), /CIM_ADVERTISE_HOST/);
});

test('an im-server that others look for at an address where its internal port does not listen does not start', () => {
  const internalHost = '127.0.0.1';
  const line =
    /^Error: CIM_INTERNAL_HOST must be set, to ([^\n:]*): the other servers call this one at ([^\n]*), and[^\n]*127\.0\.0\.1 only$/;
  const refused = (host: string, advertiseHost: string): (string | undefined)[] | undefined => {
    try {
      requireReachable({ host, advertiseHost, internalHost });
    } catch (error) {
      return line.exec(String(error))?.slice(1);
    }
    return undefined;
  };
  assert.deepEqual(refused('10.1.2.3', ''), ['10.1.2.3', '10.1.2.3']);
  assert.deepEqual(refused('0.0.0.0', 'im1.example'), ['0.0.0.0', 'im1.example']);
  assert.deepEqual(refused('127.0.0.1', '10.1.2.3'), [
    'the address of this machine that they reach',
    '10.1.2.3',
  ]);
  for (const [host, internal] of [
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', '10.1.2.3'],
    ['10.1.2.3', '10.1.2.3'],
    ['10.1.2.3', '0.0.0.0'],
  ] as const)
    requireReachable({ host, advertiseHost: '', internalHost: internal });
});

test('the admin token is long enough, or the start says so and does not show it', () => {
  const read = (token: string) =>
    readConfig('x', pick(settings, 'adminToken'), [], { CIM_ADMIN_TOKEN: token });
  const short = read('letmein');
  assert.ok(short.kind === 'problems');
  assert.match(
    short.problems.join('\n'),
    /^CIM_ADMIN_TOKEN [^\n]*\*\*\*: must have at least 32 characters[^\n]*$/,
  );
  const good = read(SECRET);
  assert.ok(good.kind === 'values' && good.values.adminToken === SECRET);
});

test('the one address of all im-servers is a WebSocket, or TCP with a port; anything else is refused', () => {
  const parse = (text: string) =>
    readConfig('x', pick(settings, 'advertiseUrl'), [], { CIM_ADVERTISE_URL: text });
  for (const good of [
    'wss://chat.example/cim',
    'ws://127.0.0.1:80/cim',
    'tcp://[::1]:11211',
    'tls://a.example:443',
  ]) {
    const answer = parse(good);
    assert.ok(answer.kind === 'values', good);
    assert.equal(answer.values.advertiseUrl, good);
  }
  for (const wrong of [
    'chat.example',
    'https://chat.example',
    'tcp://chat.example',
    'tls://a:1/cim',
    'wss://u:p@a/cim',
    'wss://a/cim?x=1',
  ]) {
    const answer = parse(wrong);
    assert.ok(answer.kind === 'problems', wrong);
    assert.match(answer.problems.join('\n'), /^CIM_ADVERTISE_URL [^\n]*must be such as wss:[^\n]*$/);
  }
});

test('trusted proxies are networks of IPv4 and IPv6; nobody is trusted by default', () => {
  const parse = (text: string) =>
    readConfig('x', pick(settings, 'trustedProxies'), [], { CIM_TRUSTED_PROXIES: text });
  const trusts = (text: string, address: string): boolean => {
    const answer = parse(text);
    assert.ok(answer.kind === 'values', text);
    return answer.values.trustedProxies(address);
  };
  assert.equal(trusts('', '127.0.0.1'), false);
  const some = '10.0.0.0/8, 2001:db8::/32,192.0.2.7';
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8:1::1', '192.0.2.7'])
    assert.ok(trusts(some, address));
  for (const address of ['11.0.0.1', '2001:db9::1', '192.0.2.8', 'unknown', ''])
    assert.ok(!trusts(some, address));
  for (const wrong of ['10.0.0.0/33', 'proxy.example', '10.0.0.0/x', '10.0.0.1,'])
    assert.equal(parse(wrong).kind, 'problems', wrong);
});
