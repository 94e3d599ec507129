import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeNodeData, encodeNodeData, parseNodeName } from './member-node.ts';
import { member } from './membership.contract.ts';
import { memberName } from './membership.ts';

test('reads the name of each address that can be announced', () => {
  const host = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.domain(),
    fc.constantFrom('localhost', 'im_server_1', 'a', 'im-1.internal'),
  );
  const port = fc.integer({ min: 1, max: 65_535 });
  fc.assert(
    fc.property(host, port, port, (host, tcpPort, httpPort) => {
      const address = { host, tcpPort, httpPort };
      assert.deepEqual(parseNodeName(memberName(address)), address);
    }),
  );
});

test('reads an IPv6 address in brackets', () => {
  assert.deepEqual(parseNodeName('[::1]:1:2'), { host: '::1', tcpPort: 1, httpPort: 2 });
});

for (const name of [
  '',
  ':1:2',
  '__proto__',
  '__proto__:1:2',
  'a:b:c',
  'h:1',
  'h:0:1',
  'h:1:65536',
  'h:01:2',
  'h:-1:2',
  'h:1:2:',
  'h h:1:2',
  '../h:1:2',
  'h\n:1:2',
  '[h]:1:2',
  '[127.0.0.1]:1:2',
  '-h:1:2',
  `${'h'.repeat(254)}:1:2`,
])
  test(`passes over ${JSON.stringify(name.slice(0, 20))} as no member's name`, () => {
    assert.equal(parseNodeName(name), undefined);
  });

test('no name makes it throw', () => {
  fc.assert(fc.property(fc.string(), (name) => void parseNodeName(name)));
});

test('reads the data that it wrote', () => {
  const { instance, version, startedAt } = member('h', 'one', { startedAt: 7 });
  assert.deepEqual(decodeNodeData(encodeNodeData(member('h', 'one', { startedAt: 7 }))), {
    instance,
    version,
    startedAt,
  });
});

test('takes any other data for that of a server of CIM', () => {
  const foreign = fc.oneof(
    fc.uint8Array(),
    fc.json().map((json) => new TextEncoder().encode(json)),
  );
  fc.assert(fc.property(foreign, (bytes) => assert.deepEqual(decodeNodeData(Buffer.from(bytes)), {})));
  assert.deepEqual(decodeNodeData(undefined), {});
});
