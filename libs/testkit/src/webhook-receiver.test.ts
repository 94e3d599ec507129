import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { faultsOf, Receiver, type ToldEvent } from './webhook-receiver.ts';

const told = (id: string, to: object = { user: '2' }): ToldEvent => ({
  ...{ id: `message.stored:${id}`, type: 'message.stored', timestamp: '' },
  data: { id, from: { id: '1' }, to },
});
const stored = new Map([
  ['u1-u2', ['a', 'b', 'c']],
  ['g17', ['x', 'y']],
]);
const inGroup = ['x', 'y'].map((id) => told(id, { group: '17' }));

test('events that come in order, also twice and between those of other lines, are no fault', () => {
  const taken = ['a', 'b', 'a', 'c', 'b'].map((id) => told(id));
  assert.deepEqual(faultsOf([...taken.slice(0, 2), ...inGroup, ...taken.slice(2)], stored), []);
});

test('an event that is missing, behind a later one, or was never stored is a fault', () => {
  assert.deepEqual(faultsOf([...['a', 'c'].map((id) => told(id)), ...inGroup], stored), [
    'u1-u2: b is missing',
  ]);
  assert.deepEqual(faultsOf([...['a', 'c', 'b'].map((id) => told(id)), ...inGroup], stored), [
    'u1-u2: b came behind a later one',
  ]);
  assert.deepEqual(
    faultsOf([...['a', 'b', 'c', 'd'].map((id) => told(id)), ...inGroup], stored).slice(0, 1),
    ['u1-u2: d was never stored'],
  );
});

test('a request that breaks off in the middle is none', async () => {
  const receiver = await new Receiver('whsec_').start();
  const { port } = new URL(receiver.url);
  const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
  socket.write('POST /hook HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n{');
  // The receiver has the request.
  await once(socket, 'data');
  await receiver.crash();
  assert.deepEqual(receiver.got, []);
});
