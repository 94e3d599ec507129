import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Areas } from './areas.ts';
import type { Spoken } from './entry.ts';

const said = (text: string, more: Partial<Spoken> = {}): Spoken => ({
  kind: 'said',
  at: 0,
  from: 'bob',
  own: false,
  text,
  id: text,
  n: 0,
  ...more,
});

function create() {
  const areas = new Areas('globby', 'everybody');
  return { areas, lobby: areas.current, bob: areas.open('u2', 'bob') };
}

describe('areas', () => {
  it('count what is unread elsewhere, and nothing where the person is', () => {
    const { areas, lobby, bob } = create();
    areas.said(lobby, said('a'), true);
    areas.said(bob, said('b'), false);
    areas.said(bob, said('c'), true);
    areas.said(bob, said('d', { own: true }), false);
    assert.deepEqual([lobby.unread, lobby.mentioned, bob.unread, bob.mentioned], [0, false, 2, true]);
    areas.go(bob);
    assert.deepEqual([bob.unread, bob.mentioned], [0, false]);
  });

  it('show what somebody did once, live or of a page, and count it as nothing unread', () => {
    const { areas, bob } = create();
    const joined = said('joined', { event: true });
    areas.said(bob, joined, false);
    areas.page(bob, { items: [said('hello', { at: -1 }), joined], more: false });
    assert.deepEqual(
      bob.entries.map((entry) => entry.kind === 'said' && entry.text),
      ['hello', 'joined'],
    );
    assert.equal(bob.unread, 0);
  });

  it('go on with the count of the server, each message once', () => {
    const { areas, bob } = create();
    areas.said(bob, said('live', { n: 6 }), false);
    areas.counted(bob, { count: 3, n: 5 });
    assert.equal(bob.unread, 4);
    areas.said(bob, said('of before', { n: 4 }), false);
    assert.equal(bob.unread, 4);
    areas.said(bob, said('next', { n: 7 }), false);
    assert.equal(bob.unread, 5);
  });

  it('show a message once, and an own one in its place when it is stored', () => {
    const { areas, bob } = create();
    areas.said(bob, said('x', { id: 'm1' }), false);
    areas.said(bob, said('x', { id: 'm1' }), false);
    assert.equal(bob.entries.length, 1);
    areas.said(bob, said('mine', { own: true, id: '', key: 1, mark: 'sending' }), false);
    areas.said(bob, said('later'), false);
    areas.said(bob, said('mine', { own: true, id: 'm2', key: 1, ref: 9, mark: 'stored' }), false);
    assert.equal(areas.change(bob, { ref: 9, mark: 'delivered' }), true);
    assert.deepEqual(
      bob.entries.map((one) => (one.kind === 'said' ? [one.text, one.mark] : [])),
      [
        ['x', undefined],
        ['mine', 'delivered'],
        ['later', undefined],
      ],
    );
  });

  it('take up recalls, edits and reactions, where the message is there', () => {
    const { areas, bob } = create();
    areas.said(bob, said('x', { id: 'm1' }), false);
    assert.equal(areas.change(bob, { id: 'm1', text: 'y' }), true);
    assert.equal(areas.change(bob, { id: 'm1', user: 5, reaction: '👍' }), true);
    assert.equal(areas.change(bob, { id: 'm1', user: 6, reaction: '👍' }), true);
    assert.equal(areas.change(bob, { id: 'm1', user: 6, reaction: '' }), true);
    assert.equal(areas.change(bob, { id: 'm1', recalled: true }), true);
    assert.equal(areas.change(bob, { id: 'm2', recalled: true }), false);
    const [entry] = bob.entries;
    assert.ok(entry?.kind === 'said' && entry.edited === true && entry.recalled === true);
    assert.deepEqual([...(entry.reactions ?? [])], [[5, '👍']]);
  });

  it('lead to what is unread, a mention first', () => {
    const { areas, bob } = create();
    const dev = areas.open('g1', '#dev');
    assert.equal(areas.nextUnread(), undefined);
    areas.said(bob, said('b'), false);
    assert.equal(areas.nextUnread(), bob);
    areas.said(dev, said('d'), true);
    assert.equal(areas.nextUnread(), dev);
  });

  it('take pages of older messages, before what has come since, each message once', () => {
    const { areas, bob } = create();
    areas.remark(bob, { kind: 'remark', at: 0, line: '* connected' });
    areas.page(bob, { items: [said('1', { at: 1, n: 1 }), said('2', { at: 2, n: 2 })], more: true });
    areas.said(bob, said('4', { at: 4, n: 4 }), false);
    areas.page(bob, {
      items: [said('2', { at: 2 }), said('3', { at: 3 }), said('4', { at: 4 })],
      more: true,
    });
    areas.page(bob, { items: [said('0', { at: 0 })], more: false });
    const texts = bob.entries.map((one) => (one.kind === 'said' ? one.text : one.line));
    assert.deepEqual(texts, ['0', '1', '2', '* connected', '3', '4']);
    assert.deepEqual([bob.older, bob.n], [false, 4]);
  });

  it('hold a bounded number of entries', () => {
    const { areas, bob } = create();
    for (let i = 0; i < 10_000; i++) areas.said(bob, said(String(i)), false);
    assert.ok(bob.entries.length <= 4_000);
    const last = bob.entries.at(-1);
    assert.ok(last?.kind === 'said' && last.text === '9999');
  });
});
