import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { accountsContract } from './accounts.contract.ts';
import { apiKeysContract } from './api-keys.contract.ts';
import type { OpenStore } from '../test/contract-fixture.ts';
import { conversationRowsContract } from './conversation-rows.contract.ts';
import { conversationsContract } from './conversations.contract.ts';
import { devicesContract } from './devices.contract.ts';
import { dirtyContract } from './dirty.contract.ts';
import { eventFeedContract } from './event-feed.contract.ts';
import { groupsContract } from './groups.contract.ts';
import { livesContract } from './lives.contract.ts';
import { presenceContract } from './presence.contract.ts';
import { producersContract } from './producers.contract.ts';
import { bansContract } from './bans.contract.ts';
import { blocksContract } from './blocks.contract.ts';
import { heldContract } from './held.contract.ts';
import { limitsContract } from './limits.contract.ts';
import { logWishesContract } from './log-wishes.contract.ts';
import { scheduledContract } from './scheduled.contract.ts';
import { sharesContract } from './shares.contract.ts';
import { sessionsContract } from './sessions.contract.ts';
import { streamsContract } from './streams.contract.ts';
import { subjectsContract } from './subjects.contract.ts';
import { timelinesContract } from './timelines.contract.ts';
import { unclaimedContract } from './unclaimed.contract.ts';
import { webhooksContract } from './webhooks.contract.ts';

export type { OpenedStore, OpenStore } from '../test/contract-fixture.ts';

/** Registers the tests that every adapter of the store passes. */
export function storeContract(name: string, open: OpenStore): void {
  describe(name, () => {
    accountsContract(open);
    subjectsContract(open);
    apiKeysContract(open);
    sessionsContract(open);
    unclaimedContract(open);
    livesContract(open);
    devicesContract(open);
    streamsContract(open);
    producersContract(open);
    dirtyContract(open);
    timelinesContract(open);
    sharesContract(open);
    blocksContract(open);
    scheduledContract(open);
    limitsContract(open);
    logWishesContract(open);
    bansContract(open);
    groupsContract(open);
    webhooksContract(open);
    heldContract(open);
    eventFeedContract(open);
    presenceContract(open);
    conversationRowsContract(open);
    conversationsContract(open);

    test('answers a ping, describes itself in one line, and stops once however often stop is called', async () => {
      const { store, close } = await open();
      await store.ping();
      assert.match(store.description, /^[^\n]+$/);
      await Promise.all([store.stop(), store.stop()]);
      await store.stop();
      await close();
    });
  });
}
