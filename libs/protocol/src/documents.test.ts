import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CLOSE_REASONS, CODES, cim, encodeFrame, FrameDecoder } from './index.ts';

const page = (name: string): string =>
  readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
const rows = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .map((line) =>
      line
        .slice(2, -1)
        .split(' | ')
        .map((cell) => cell.trim()),
    );

test('docs/errors.md has every code, with its name and message', () => {
  const documented = rows(page('errors.md')).filter(([code]) => /^\d{4}$/.test(code ?? ''));
  assert.deepEqual(
    documented
      .map(([code, name, message]) => ({ code, name, message }))
      .sort((a, b) => String(a.name).localeCompare(String(b.name))),
    Object.entries(CODES)
      .map(([name, c]) => ({ code: c.code, name, message: c.message }))
      .sort((a, b) => a.name.localeCompare(b.name)),
  );
});

test('docs/errors.md has every close reason, with its number, text and whether to come back', () => {
  const documented = rows(page('errors.md')).filter(([number]) => /^\d{1,3}$/.test(number ?? ''));
  assert.deepEqual(
    documented.map(([number, name, text, back]) => ({
      number: Number(number),
      name,
      text,
      reconnect: back === 'yes',
    })),
    Object.entries(CLOSE_REASONS).map(([name, r]) => ({
      number: r.number,
      name,
      text: r.text,
      reconnect: r.reconnect,
    })),
  );
  for (const reason of Object.values(CLOSE_REASONS)) assert.equal(reason.reconnect, reason.number < 100);
});

const properties = { sendUserId: '1001', sendUserName: 'alice', receiveUserId: '1002' };
const producer = 'AAAAAAAAAAAAAAAA';
const content = cim.Content.encode({ texts: ['hi'] }).finish();
const goaway = { reason: 3, text: 'the server is going away', reconnect: true, afterMs: 500 };
const golden: [string, cim.Frame.$Properties][] = [
  ['login of user 1001, `alice`', { text: 'alice', id: 1001 }],
  ['ping', { cmd: 2, text: 'ping' }],
  ['pong', { cmd: 2, text: 'pong' }],
  ['push of `hi` from 1001, `alice`, to 1002', { cmd: 1, id: 1002, text: 'hi', properties }],
  ['stored texts `a` and `b` for 1002', { cmd: 3, id: 1002, batch: ['a', 'b'], properties }],
  ['login, user 1001, ticket `T`, agent `x/1`', { login: { userId: 1001, ticket: 'T', agent: 'x/1' } }],
  ['send of `hi` to 1002, counter 1', { send: { to: 1002, producer, counter: 1, content } }],
  ['its receipt, stored at seq 7', { receipt: { to: 1002, producer, counter: 1, seq: 7 } }],
  ['ack of the inbox up to 7', { ack: { seq: 7 } }],
  ['ping', { ping: {} }],
  [
    'resume: inbox without a cursor, lobby at 3',
    { resume: { cursors: [{}, { group: 'lobby', seq: 3, id: `1001:${producer}:1` }] } },
  ],
  ['delivered: the inbox of 1002 is acked up to 7', { delivered: { to: 1002, seq: 7 } }],
  [
    'counters: 5 was the last stored in the lobby',
    { counters: { counters: [{ group: 'lobby', producer, counter: 5 }] } },
  ],
  ['find: which of these sends does the inbox of 1002 hold?', { find: { to: 1002, producer } }],
  ['found: those up to 5, nothing was trimmed', { found: { to: 1002, producer, last: 5 } }],
  ['goaway: draining, back after 500 ms', { goaway }],
];

test('docs/protocol.md shows the bytes that are sent, and each decodes to what was encoded', () => {
  const documented = rows(page('protocol.md')).filter(([, bytes]) =>
    /^`([0-9a-f]{2} ?)+`$/.test(bytes ?? ''),
  );
  const hex = (bytes: Uint8Array): string =>
    (Buffer.from(bytes).toString('hex').match(/../g) ?? []).join(' ');
  assert.deepEqual(
    documented,
    golden.map(([name, frame]) => [name, `\`${hex(encodeFrame(cim.Frame, frame))}\``]),
  );
  for (const [, bytes] of documented) {
    const raw = Buffer.from((bytes ?? '').replace(/[` ]/g, ''), 'hex');
    const again: Uint8Array[] = [];
    new FrameDecoder(1024).push(raw, (body) => {
      again.push(encodeFrame(cim.Frame, cim.Frame.decode(body)));
      return true;
    });
    assert.deepEqual(again.map(hex), [hex(raw)]);
  }
});
