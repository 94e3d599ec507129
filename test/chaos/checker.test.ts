import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check, type CheckOptions } from './checker.ts';
import { type Journal, type JournalEntry, type LogItem, payloadOf, personOf, textOf } from './journal.ts';

const p = (text: string) => {
  const payload = payloadOf(text);
  assert.ok(payload);
  return payload;
};
const stored = (...texts: string[]): JournalEntry[] =>
  texts.flatMap((text) => [
    { did: 'sent', payload: p(text), at: 0 },
    { did: 'answered', payload: p(text), outcome: 'stored', at: 0 },
  ]);
const shown = (stream: string, ...texts: string[]): JournalEntry[] =>
  texts.map((text) => ({ did: 'shown', text, from: personOf(payloadOf(text)?.sender ?? ''), stream }));
/** @param voice a person, or one of its devices */
const journal = (voice: string, entries: JournalEntry[], stayed = true): Journal => {
  const [person = '', device = ''] = voice.split('/');
  return { person, device, stayed, entries };
};
const logs = (texts: Record<string, readonly string[]>): Map<string, LogItem[]> =>
  new Map(Object.entries(texts).map(([lane, list]) => [lane, list.map((text) => ({ text }))]));
const faults = (journals: Journal[], options?: CheckOptions): string[] =>
  check(journals, options).map(({ fault, person, text }) => `${fault}: ${person} ${text}`);

const A = stored('a>b#1', 'a>b#2', 'a>lobby#1', 'a>lobby#2');
const B = shown('inbox', 'a>b#1', 'a>b#2');
const L = shown('lobby', 'a>lobby#1', 'a>lobby#2');

test('finds nothing in a run that kept the promise', () => {
  assert.deepEqual(faults([journal('a', A), journal('b', [...B, ...L]), journal('c', L)]), []);
});

test('reads a payload from its text, also with filler, and from no other text', () => {
  assert.deepEqual(payloadOf('a>b#12 xxxx'), { sender: 'a', lane: 'b', n: 12 });
  assert.equal(textOf({ sender: 'a', lane: 'lobby', n: 3 }), 'a>lobby#3');
  for (const text of ['', 'a>b', 'a>b#0', 'a>b#1x', '>b#1']) assert.equal(payloadOf(text), undefined);
});

test('finds stored messages that were never shown, except to a person that left', () => {
  assert.deepEqual(faults([journal('a', A), journal('b', [...B.slice(0, 1), ...L])]), ['lost: b a>b#2']);
  assert.deepEqual(faults([journal('a', A), journal('b', L, false)]), []);
});

test('a reported loss is a fault only where the store may not lose', () => {
  const told: JournalEntry = { did: 'was-told', of: 'inbox', what: 'reset' };
  const journals = [journal('a', A), journal('b', [told, ...L])];
  assert.equal(faults(journals).length, 2);
  assert.deepEqual(faults(journals, { toldIsEnough: true }), []);
  const bySender = [journal('a', [...A, { did: 'was-told', of: 'b', what: 'lost' }]), journal('b', L)];
  assert.deepEqual(faults(bySender, { toldIsEnough: true }), []);
});

test('finds messages shown twice, out of order, to the wrong person, with the wrong sender, or never sent', () => {
  const b = (...entries: JournalEntry[]) => faults([journal('a', A), journal('b', [...entries, ...L])]);
  assert.deepEqual(b(...B, ...shown('inbox', 'a>b#2')), ['shown twice: b a>b#2']);
  assert.deepEqual(b(...shown('inbox', 'a>b#2', 'a>b#1')), ['out of order: b a>b#1']);
  assert.deepEqual(b(...B, ...shown('inbox', 'a>b#9')), ['never sent: b a>b#9']);
  assert.deepEqual(b(...B, { did: 'shown', text: 'hello', from: 'a', stream: 'inbox' }), [
    'never sent: b hello',
  ]);
  const wrong: JournalEntry = { did: 'shown', text: 'a>b#2', from: 'c', stream: 'inbox' };
  assert.deepEqual(b(...B.slice(0, 1), wrong), ['misdelivered: b a>b#2']);
  assert.deepEqual(
    faults([journal('a', [...A, ...shown('lobby', 'a>lobby#1')]), journal('b', [...B, ...L])]),
    ['shown to its sending device: a a>lobby#1'],
  );
  assert.deepEqual(faults([journal('a', A), journal('b', [...B, ...L]), journal('c', [...L, ...B])]).sort(), [
    'misdelivered: c a>b#1',
    'misdelivered: c a>b#2',
  ]);
});

test('finds members who saw a group in different orders', () => {
  const x = journal('x', stored('x>lobby#1'));
  const y = journal('y', stored('y>lobby#1'));
  const found = faults([
    { ...x, entries: [...x.entries, ...shown('lobby', 'y>lobby#1')] },
    { ...y, entries: [...y.entries, ...shown('lobby', 'x>lobby#1')] },
    journal('m', shown('lobby', 'x>lobby#1', 'y>lobby#1')),
    journal('n', shown('lobby', 'y>lobby#1', 'x>lobby#1')),
  ]);
  assert.deepEqual(found, ['groups differ: m y>lobby#1']);
});

test('finds messages that are missing in the store, or there twice', () => {
  const journals = [journal('a', A), journal('b', [...B, ...L])];
  const lobby = ['a>lobby#1', 'a>lobby#2'];
  const inStore = (b: string[]) => ({ stored: logs({ b, lobby }) });
  assert.deepEqual(faults(journals, inStore(['a>b#1', 'a>b#2'])), []);
  assert.deepEqual(faults(journals, inStore(['a>b#1'])), ['answered stored, not stored: a a>b#2']);
  assert.deepEqual(faults(journals, inStore(['a>b#1', 'a>b#2', 'a>b#2'])), ['stored twice: b a>b#2']);
});

test('finds unanswered sends', () => {
  const sent: JournalEntry = { did: 'sent', payload: p('a>b#3'), at: 0 };
  assert.deepEqual(faults([journal('a', [...A, sent]), journal('b', [...B, ...L])]), [
    'not answered: a a>b#3',
  ]);
});

test('finds judged messages that come to a screen or into the store again', () => {
  const before = new Map([['a b', 2]]);
  const late = stored('a>b#3');
  const page = (...texts: string[]) => [journal('a', late), journal('b', shown('inbox', ...texts))];
  assert.deepEqual(faults(page('a>b#3'), { before, stored: logs({ b: ['a>b#3'] }) }), []);
  assert.deepEqual(faults(page('a>b#2', 'a>b#3'), { before }), ['shown twice: b a>b#2']);
  assert.deepEqual(faults(page('a>b#3'), { before, stored: logs({ b: ['a>b#3', 'a>b#1'] }) }), [
    'stored twice: b a>b#1',
  ]);
});
