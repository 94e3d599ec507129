import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { readProxyHeader } from './proxy-header.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** Headers as HAProxy writes them: client 192.0.2.1:56324, proxy 10.0.0.1:443. */
const IPV4 = hex(`${SIGNATURE} 21 11 000c c0000201 0a000001 dc04 01bb`);
const IPV6 = hex(
  `${SIGNATURE} 21 21 0024 20010db8000000000000000000000001 fd000000000000000000000000000002 dc04 01bb`,
);

describe('a PROXY header, version 2', () => {
  const cases: [string, Buffer, object][] = [
    ['names an IPv4 client', IPV4, { address: '192.0.2.1', port: 56_324 }],
    ['names an IPv6 client', IPV6, { address: '2001:db8::1', port: 56_324 }],
    [
      'names an IPv4 client inside IPv6 as IPv4',
      hex(`${SIGNATURE} 21 21 0024 00000000000000000000ffffc0000201 ${'00'.repeat(16)} dc04 01bb`),
      { address: '192.0.2.1', port: 56_324 },
    ],
    [
      'may have further fields behind the addresses',
      hex(`${SIGNATURE} 21 11 0013 c0000201 0a000001 dc04 01bb 04 0004 00000000`),
      { address: '192.0.2.1', port: 56_324 },
    ],
  ];
  for (const [name, header, remote] of cases)
    test(name, () => {
      assert.deepEqual(readProxyHeader(header), { kind: 'header', length: header.length, remote });
      const more = Buffer.concat([header, Buffer.from('GET /cim')]);
      assert.deepEqual(readProxyHeader(more), { kind: 'header', length: header.length, remote });
    });

  for (const [name, header] of [
    ['of a health check (LOCAL)', hex(`${SIGNATURE} 20 00 0000`)],
    [
      'of a health check that names addresses all the same',
      hex(`${SIGNATURE} 20 11 000c c0000201 0a000001 dc04 01bb`),
    ],
    ['of a UNIX socket', hex(`${SIGNATURE} 21 31 00d8 ${'2f'.repeat(216)}`)],
    ['of UDP', hex(`${SIGNATURE} 21 12 000c c0000201 0a000001 dc04 01bb`)],
    ['of an unknown family', hex(`${SIGNATURE} 21 f1 0003 010203`)],
  ] as const)
    test(`${name} names nobody, and is passed over`, () => {
      assert.deepEqual(readProxyHeader(header), { kind: 'header', length: header.length, remote: undefined });
    });

  for (const [name, header, why] of [
    ['of version 1', Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n'), /version 1: send version 2/],
    ['of another version', hex(`${SIGNATURE} 11 11 000c`), /unknown version/],
    ['with an unknown command', hex(`${SIGNATURE} 22 11 000c`), /unknown version or command/],
    ['too short for its addresses', hex(`${SIGNATURE} 21 11 000b`), /too short/],
    ['too short for IPv6', hex(`${SIGNATURE} 21 21 000c`), /too short/],
    ['that is too long', hex(`${SIGNATURE} 21 11 ffff`), /longer than 2064 bytes/],
  ] as const)
    test(`${name} is refused as soon as its bytes show it`, () => {
      const answer = readProxyHeader(header);
      assert.ok(answer.kind === 'bad', answer.kind);
      assert.match(answer.why, why);
    });

  test('is waited for, wherever it is cut', () => {
    for (const header of [IPV4, IPV6])
      for (let cut = 1; cut < header.length; cut++)
        assert.deepEqual(readProxyHeader(header.subarray(0, cut)), { kind: 'more' }, String(cut));
    for (let cut = 1; cut < 6; cut++)
      assert.deepEqual(readProxyHeader(Buffer.from('PROXY '.slice(0, cut))), { kind: 'more' });
  });

  test('is none where frames, TLS or HTTP begin', () => {
    for (const first of [
      'GET /cim HTTP/1.1\r\n',
      '\x16\x03\x01',
      '\x0d\x0a\x0bsome frame',
      'PRO',
      '\r\n\r\n\0\r\nQUIT\r',
    ])
      assert.equal(
        readProxyHeader(Buffer.from(first, 'latin1')).kind,
        first === 'PRO' ? 'more' : 'none',
        first,
      );
  });
});

test('no bytes make the reader throw, read beyond them, or change its mind when more come', () => {
  const mutated = fc
    .tuple(
      fc.constantFrom(IPV4, IPV6),
      fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 }),
      fc.nat(80),
    )
    .map(([header, changes, cut]) => {
      const bytes = Buffer.from(header);
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      return bytes.subarray(0, cut);
    });
  const anything = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(mutated, anything), anything, (bytes, more) => {
      if (bytes.length === 0) return;
      const answer = readProxyHeader(bytes);
      if (answer.kind === 'header') {
        assert.ok(answer.length <= bytes.length);
        assert.ok(answer.remote === undefined || isIP(answer.remote.address) > 0);
        assert.ok(answer.remote === undefined || answer.remote.port <= 65_535);
      }
      if (answer.kind !== 'more') assert.deepEqual(readProxyHeader(Buffer.concat([bytes, more])), answer);
    }),
    { numRuns: 5_000 },
  );
});
