import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CimError } from '@cim/protocol';
import { type FaultKind, faultOf } from './fault.ts';

const wrapped = (text: string, by: object): Error => Object.assign(new Error('around it'), by, { text });

test('a reply is known by its first word, however it comes', () => {
  const texts: readonly [unknown, FaultKind, string][] = [
    ["READONLY You can't write against a read only replica.", 'elsewhere', 'READONLY'],
    ["-READONLY You can't write against a read only replica.", 'elsewhere', 'READONLY'],
    [
      "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write",
      'elsewhere',
      'READONLY',
    ],
    ['ERR WAIT cannot be used with replica instances. Please', 'elsewhere', 'READONLY'],
    ['MASTERDOWN Link with MASTER is down', 'elsewhere', 'MASTERDOWN'],
    ['MOVED 12 127.0.0.1:7000', 'elsewhere', 'MOVED'],
    ['LOADING Redis is loading the dataset in memory', 'elsewhere', 'LOADING'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'refusing', 'OOM'],
    ['MISCONF Errors writing to the AOF file: No space left on device', 'refusing', 'MISCONF'],
    ['NOREPLICAS Not enough good replicas to write.', 'refusing', 'NOREPLICAS'],
    ['CLUSTERDOWN Hash slot not served', 'passing', 'CLUSTERDOWN'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'passing', 'TRYAGAIN'],
    ['ASK 3999 127.0.0.1:6381', 'passing', 'ASK'],
    ['BUSY Redis is busy running a script.', 'passing', 'BUSY'],
    ['UNKILLABLE Sorry the script already executed write commands', 'passing', 'UNKILLABLE'],
    ['NOSCRIPT No matching script.', 'script', 'NOSCRIPT'],
    ['NOAUTH Authentication required.', 'settings', 'NOAUTH'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'settings', 'WRONGPASS'],
    ["NOPERM this user has no permissions to run the 'xadd' command", 'settings', 'NOPERM'],
    ["ERR The user executing the script can't run this command or subcommand", 'settings', 'NOPERM'],
    ['ERR DB index is out of range', 'settings', 'ERR'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'request', 'WRONGTYPE'],
    ['ERR value is not an integer or out of range', 'request', 'ERR'],
    [wrapped('', { lastNodeError: new Error('NOAUTH Authentication required.') }), 'settings', 'NOAUTH'],
    [new CimError('failure', 'words', { cause: new Error('OOM no') }), 'refusing', 'OOM'],
    [
      new Error(
        'All sentinels are unreachable. Retrying from scratch after 37ms. Last error: NOAUTH HELLO must',
      ),
      'settings',
      'NOAUTH',
    ],
  ];
  for (const [error, kind, code] of texts) {
    const fault = faultOf(typeof error === 'string' ? new Error(error) : error);
    assert.deepEqual([fault.kind, fault.code], [kind, code], String(error));
    if (typeof error === 'string') assert.deepEqual(faultOf(error), fault);
  }
});

test('an error without a reply is kind away, and a certificate error is kind settings', () => {
  const codes: readonly [string, string, FaultKind][] = [
    ['', 'ECONNREFUSED', 'away'],
    ['connect ETIMEDOUT', 'ETIMEDOUT', 'away'],
    ['getaddrinfo ENOTFOUND redis', 'ENOTFOUND', 'away'],
    ['Connection is closed.', '', 'away'],
    ['CIM_DURABILITY=quorum: words of ours', '', 'away'],
    ['self-signed certificate in certificate chain', 'SELF_SIGNED_CERT_IN_CHAIN', 'settings'],
    ["Hostname/IP does not match certificate's altnames", 'ERR_TLS_CERT_ALTNAME_INVALID', 'settings'],
  ];
  for (const [message, code, kind] of codes) {
    const fault = faultOf(Object.assign(new Error(message), { code }));
    assert.equal(fault.kind, kind, message);
    assert.notEqual(fault.text, '');
    assert.doesNotMatch(fault.text, /\n/);
  }
});

test('the last reply of a Cluster that the driver has given up on is the one that counts', () => {
  const message = 'Too many Cluster redirections. Last error: ReplyError: CLUSTERDOWN The cluster is down';
  const { kind, code, text } = faultOf(new Error(message));
  assert.deepEqual([kind, code], ['passing', 'CLUSTERDOWN']);
  assert.match(text, /^CLUSTERDOWN The cluster is down \(/);
});

test('a password that Sentinels ask for is distinguished from one that Redis asks for', () => {
  for (const [reply, does] of [
    ['NOAUTH no', 'set'],
    ['WRONGPASS no', 'correct'],
  ] as const) {
    const redis = new RegExp(`^${reply} \\(${does} .*CIM_REDIS_PASSWORD\\b.*CIM_REDIS_PASSWORD_FILE\\b`);
    assert.match(faultOf(new Error(reply)).text, redis);
    const ofSentinels = `All sentinels are unreachable. Retrying from scratch after 1ms. Last error: ${reply}`;
    const sentinels = new RegExp(
      `^${reply} \\(${does} .*CIM_REDIS_SENTINEL_PASSWORD\\b.*CIM_REDIS_SENTINEL_PASSWORD_FILE\\b`,
    );
    assert.match(faultOf(new Error(ofSentinels)).text, sentinels);
  }
});
