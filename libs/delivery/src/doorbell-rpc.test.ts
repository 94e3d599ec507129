import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cim,
  entryBytes,
  type InstanceId,
  type MessageId,
  type ProducerId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import type { Entry } from '@cim/store';
import fc from 'fast-check';
import { decodeDeliver, encodeDeliver } from './doorbell-rpc.ts';

const entry = (seq: number, content: Uint8Array): Entry => ({
  seq: seq as Seq,
  n: 1,
  prev: '1:producer-of-a-test:1' as MessageId,
  storedAt: 1_700_000_000_000,
  sender: { userId: 7 as UserId, userName: 'alice' },
  producer: 'producer-of-a-test' as ProducerId,
  counter: seq,
  content,
});

test('a call with pushes is what generated code makes of it, both ways', () => {
  const pushes = fc.record({
    user: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    entry: fc.option(
      fc
        .tuple(fc.integer({ min: 1, max: 2 ** 40 }), fc.uint8Array({ maxLength: 20_000, size: 'max' }))
        .map(([seq, content]) => entry(seq, content)),
      { nil: undefined },
    ),
  });
  const from = fc.constantFrom(undefined, 'an-instance');
  fc.assert(
    fc.property(fc.array(pushes, { maxLength: 5 }), from, (several, sendersAt) => {
      const calls = several as { user: UserId; entry: Entry | undefined }[];
      const generated = cim.DeliverCall.encode({
        from: sendersAt ?? '',
        deliveries: calls.map((push) => ({
          user: push.user,
          entry: push.entry === undefined ? new Uint8Array() : entryBytes(push.entry),
        })),
      }).finish();
      const byHand = encodeDeliver(calls, sendersAt as InstanceId | undefined);
      assert.deepEqual(Buffer.from(byHand), Buffer.from(generated));
      assert.deepEqual(said(decodeDeliver, byHand), said(decodeGenerated, byHand));
    }),
  );
});

type Call = ReturnType<typeof decodeDeliver>;

const decodeGenerated = (bytes: Uint8Array): Call => {
  const { from, deliveries } = cim.DeliverCall.decode(bytes);
  return { from, deliveries: deliveries as cim.Delivery[] };
};

const said = (decode: (bytes: Uint8Array) => Call, bytes: Uint8Array) => {
  try {
    const { from, deliveries } = decode(bytes);
    return [from, ...deliveries.map(({ user, entry: of }) => [user, Buffer.from(of).toString('hex')])];
  } catch {
    return 'no call';
  }
};

test('any bytes are read as generated code reads them, or refused as there', () => {
  const calls = fc
    .tuple(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 3 }),
      fc.constantFrom('', 'an-instance', '一'),
    )
    .map(([entries, from]) => ({
      from,
      deliveries: entries.map((bytes, i) => ({ user: i * 300, entry: bytes })),
    }));
  fc.assert(
    fc.property(calls, fc.nat(), fc.nat(255), fc.nat(100), (call, at, byte, length) => {
      const bytes = Buffer.from(cim.DeliverCall.encode(call).finish());
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      for (const some of [bytes, bytes.subarray(0, length)])
        assert.deepEqual(said(decodeDeliver, some), said(decodeGenerated, some));
    }),
    { numRuns: 3_000 },
  );
});
