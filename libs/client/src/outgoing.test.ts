import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cim } from '@cim/protocol';
import type { Outgoing } from './events.ts';
import { encodeOutgoing } from './outgoing.ts';

const decoded = (what: string | readonly string[] | Outgoing) => {
  const encoded = encodeOutgoing(what);
  assert.ok('content' in encoded, JSON.stringify(encoded));
  const { texts, type, body, ref } = cim.Content.decode(encoded.content);
  return { texts, type, body: Buffer.from(body).toString(), ref };
};
const problemOf = (what: unknown): string => {
  const encoded = encodeOutgoing(what as Outgoing);
  return 'problem' in encoded ? `${encoded.code} ${encoded.problem}` : 'none';
};

describe('what is sent', () => {
  it('is a text, texts, a reply, or a type with a body', () => {
    const none = { type: '', body: '', ref: '' };
    assert.deepEqual(decoded('hi'), { ...none, texts: ['hi'] });
    assert.deepEqual(decoded(['a', 'b']), { ...none, texts: ['a', 'b'] });
    assert.deepEqual(decoded({ texts: 'yes', ref: '7:p:1' }), { ...none, texts: ['yes'], ref: '7:p:1' });
    assert.deepEqual(decoded({ type: 'json', body: '{"a":1}' }), {
      ...none,
      texts: [],
      type: 'json',
      body: '{"a":1}',
    });
    assert.equal(decoded({ type: 'com.example.x', body: Uint8Array.of(65) }).body, 'A');
    assert.deepEqual(decoded('\u{d800}').texts, ['\u{fffd}']);
  });

  it('is refused with one line that says what is wrong, before it is numbered', () => {
    for (const [what, problem] of [
      ['', /^3000 a text is empty$/],
      [[], /^3000 msg is missing/],
      [{}, /^3000 msg is missing/],
      [null, /^3000 a message is a text/],
      [7, /^3000 a message is a text/],
      [[7], /^3000 a message is a text or a list of texts$/],
      [{ texts: ['a'], body: 'b' }, /^3000 a text has no body/],
      [{ type: 'json', body: '{' }, /^3000 the body is not JSON/],
      [{ type: 'json', body: 7 }, /^3000 the body of a message is a Uint8Array or a string$/],
      [{ type: 7 }, /^3000 type and ref of a message are texts$/],
      [{ type: 'No such' }, /^9400 a content type has 1 to 64/],
      [{ type: 'recall' }, /^3000 .* needs the id of the message in ref$/],
      [{ type: 'member', body: '{}' }, /^9400 only servers write contents of type member$/],
      [{ type: 'x', body: new Uint8Array(40_000) }, /^3000 the body has 40000 bytes/],
    ] as const)
      assert.match(problemOf(what), problem);
  });
});
