import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeUrl, parseRedisUrl } from './url.ts';

const one = { kind: 'standalone', db: 0, tls: false, port: 6379 } as const;

test('a URL names one server, with a port, a database and TLS if wanted', () => {
  assert.deepEqual(parseRedisUrl('redis://localhost'), { ...one, host: 'localhost' });
  assert.deepEqual(parseRedisUrl('redis://h:7000/3'), { ...one, host: 'h', port: 7000, db: 3 });
  assert.deepEqual(parseRedisUrl('redis://h:7000/'), { ...one, host: 'h', port: 7000 });
  assert.deepEqual(parseRedisUrl('rediss://h'), { ...one, host: 'h', tls: true });
  assert.deepEqual(parseRedisUrl('redis://[::1]:7000'), { ...one, host: '::1', port: 7000 });
});

test('user and password are percent-decoded; a password may hold a colon', () => {
  const { username, password } = parseRedisUrl('redis://ada:p%40ss:w%2Fd@h');
  assert.deepEqual([username, password], ['ada', 'p@ss:w/d']);
  assert.deepEqual(parseRedisUrl('redis://:secret@h'), { ...one, host: 'h', password: 'secret' });
  assert.deepEqual(parseRedisUrl('redis://ada@h'), { ...one, host: 'h', username: 'ada' });
});

test('a URL names Sentinels and their master, or nodes of a Cluster', () => {
  const [a, b] = [
    { host: 'a', port: 1 },
    { host: 'b', port: 26379 },
  ];
  const sentinel = { kind: 'sentinel', sentinels: [a, b], master: 'cim', db: 0, tls: false };
  assert.deepEqual(parseRedisUrl('redis+sentinel://a:1,b/cim'), sentinel);
  assert.deepEqual(parseRedisUrl('redis+sentinel://a:1,b/cim/2'), { ...sentinel, db: 2 });
  assert.deepEqual(parseRedisUrl('redis+cluster://:pw@a:1,b:26379'), {
    kind: 'cluster',
    nodes: [a, b],
    db: 0,
    tls: false,
    password: 'pw',
  });
});

test('any other URL is refused in one line that shows no password', () => {
  const wrong: [string, RegExp][] = [
    ['', /must look like/],
    ['localhost:6379', /must look like/],
    ['http://h', /must look like/],
    ['redis://', /must look like/],
    ['redis://h:0', /must look like/],
    ['redis://h:70000', /must look like/],
    ['redis://h:x', /must look like/],
    ['redis://::1', /must look like/],
    ['redis://h/abc', /must look like/],
    ['redis://h/1/2', /must look like/],
    ['redis://h?x=1', /must look like/],
    ['redis://u:s3cret@h@i', /must look like/],
    ['redis://a,b', /names one server/],
    ['redis+sentinel://a', /does not name the master/],
    ['redis+sentinel://a/m/1/2', /must look like/],
    ['redis+cluster://a/1', /has only one/],
    ['redis://:s3cret%zz@h', /%25/],
  ];
  for (const [url, words] of wrong)
    assert.throws(
      () => parseRedisUrl(url),
      (error: Error) => words.test(error.message) && !/\n|s3cret/.test(error.message),
      url,
    );
});

test('a description says where, and never the password', () => {
  const described = (url: string): string => describeUrl(parseRedisUrl(url));
  assert.equal(described('redis://u:p@h:1/2'), 'Redis at h:1');
  assert.equal(described('redis://[::1]'), 'Redis at [::1]:6379');
  assert.equal(described('redis+sentinel://a:1,b:2/cim'), 'Redis cim of the Sentinels at a:1,b:2');
  assert.equal(described('redis+cluster://:p@a:1,b:2'), 'Redis Cluster at a:1,b:2');
});
