import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openEmbeddedForTest } from '../../test/embedded-folder.ts';
import { checkConversations, CONVERSATION_LIMITS, type StoreWithPast } from '../conversations.property.ts';

test('histories, unread counts and conversation lists equal the model’s after random sends, reads and losses', async (t) => {
  await checkConversations(await withPast(t), { runs: 16 });
});

/** Replaces the folder by a copy, as a restore from a backup does. */
async function withPast(t: TestContext): Promise<StoreWithPast> {
  const folder = await openEmbeddedForTest(t, { limits: CONVERSATION_LIMITS });
  const backup = await mkdtemp(join(tmpdir(), 'cim-embedded-backup-'));
  t.after(() => rm(backup, { recursive: true, force: true }));
  const copy = async (from: string, to: string): Promise<void> => {
    await rm(to, { recursive: true, force: true });
    await cp(from, to, { recursive: true });
  };
  return {
    store: folder.store,
    keep: () => folder.reopen(() => copy(folder.dir, backup)),
    goBack: () => folder.reopen(() => copy(backup, folder.dir)),
  };
}
