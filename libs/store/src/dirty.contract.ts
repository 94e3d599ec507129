import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { groupStream, type GroupId, inboxOf, type StreamRef, streamName } from '@cim/protocol';
import {
  NOBODY,
  newInstance,
  newServer,
  newUser,
  type OpenedStore,
  type OpenStore,
} from '../test/contract-fixture.ts';
import type { Store } from './store.ts';

const newGroup = () => groupStream(`g-${randomBytes(9).toString('base64url')}` as GroupId);

/** Tests the streams that are marked for a server after a failed push. */
export function dirtyContract(open: OpenStore): void {
  describe('dirty streams', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    const named = (streams: readonly StreamRef[]): string[] => streams.map(streamName).sort();

    test('streams marked for an instance are taken once, each once', async () => {
      const [instance, user] = [await newServer(store), await newUser(store)];
      const streams = [inboxOf(user.userId), newGroup(), inboxOf(NOBODY)];
      for (const stream of [...streams, ...streams]) await store.streams.markDirty(instance, stream);
      assert.deepEqual(named(await store.streams.takeDirty(instance)), named(streams));
      assert.deepEqual(await store.streams.takeDirty(instance), []);
    });

    test('a stream is marked again after it was taken', async () => {
      const [instance, group] = [await newServer(store), newGroup()];
      for (let i = 0; i < 2; i++) {
        await store.streams.markDirty(instance, group);
        assert.deepEqual(await store.streams.takeDirty(instance), [group]);
      }
    });

    test('an instance takes its own marks only, and none when nothing was marked for it', async () => {
      const [one, other, third] = [newInstance(), newInstance(), newInstance()];
      const [group, inbox] = [newGroup(), inboxOf((await newUser(store)).userId)];
      await store.streams.markDirty(one, group);
      await store.streams.markDirty(other, inbox);
      assert.deepEqual(await store.streams.takeDirty(third), []);
      assert.deepEqual(await store.streams.takeDirty(one), [group]);
      assert.deepEqual(await store.streams.takeDirty(other), [inbox]);
    });

    test('simultaneous marks and takes lose no mark', async () => {
      const instance = await newServer(store);
      const groups = Array.from({ length: 100 }, newGroup);
      const taken: StreamRef[] = [];
      const take = async (): Promise<void> => void taken.push(...(await store.streams.takeDirty(instance)));
      await Promise.all(
        groups.flatMap((group, i) => [
          store.streams.markDirty(instance, group),
          ...(i % 10 === 0 ? [take()] : []),
        ]),
      );
      await take();
      assert.deepEqual(named(taken), named(groups));
    });
  });
}
