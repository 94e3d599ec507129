/**
 * A process that writes to a folder until it is killed. It writes the store's positive answers to standard
 * output (a file), one line of JSON each. Arguments: folder, a name for this life.
 */
import { writeSync } from 'node:fs';
import {
  CIM_DEVICE,
  groupStream,
  type InstanceId,
  inboxOf,
  LOBBY,
  type ProducerId,
  type StreamRef,
  type UserName,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { openEmbeddedStore } from '../src/embedded/embedded-store.ts';
import { RETENTION } from '../src/streams.ts';

const IN_FLIGHT = 32;
const [dir = '', life = ''] = process.argv.slice(2);

// A single sender writes until it is killed, so it may fill the inbox alone.
const limits = { ...RETENTION, inboxShare: RETENTION.maxEntries };
const store = await openEmbeddedStore({ dir, logger: silentLogger(), limits });
// Standard output is a file: a written line survives this process. A pipe would block when it is full.
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const { account } = await store.accounts.register('writer' as UserName);
const { account: reader } = await store.accounts.register('reader' as UserName);
const streams = [groupStream(LOBBY), inboxOf(account.userId), inboxOf(reader.userId)] as const;

function append(stream: StreamRef, producer: ProducerId, counter: number): void {
  const content = Buffer.from(`${producer} ${String(counter)}`);
  store.streams.append(
    { stream, sender: account, producer, counter, digest: 'd'.repeat(22), content },
    (answer) => {
      if (answer.outcome !== 'ok') process.exit(1);
      say({ stream, producer, counter, seq: answer.seq, copy: answer.copy?.seq });
      append(stream, producer, counter + 1);
    },
  );
}
for (let i = 0; i < IN_FLIGHT; i++)
  append(streams[i % 3] ?? streams[0], `${life}-producer-of-a-test-${String(i)}` as ProducerId, 1);

for (let i = 0; ; i++) {
  const { account: made } = await store.accounts.register(`${life}-${String(i)}` as UserName);
  say({ registered: made.userId, name: made.userName });
  const issued = await store.sessions.issue({
    user: account,
    instance: 'an-instance-here' as InstanceId,
    device: CIM_DEVICE,
    label: '',
    policy: 'kick',
    secretHash: '',
  });
  if (issued.outcome === 'issued') say({ epoch: issued.epoch });
}
