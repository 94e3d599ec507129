/** A store in a temporary folder, for tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { silentLogger } from '@cim/runtime';
import type { Store } from '../src/store.ts';
import { type EmbeddedStoreOptions, openEmbeddedStore } from '../src/embedded/embedded-store.ts';

export interface EmbeddedFolder {
  readonly dir: string;
  /** The store that is open now. */
  readonly store: Store;
  /** Opens the same folder as a new process would. `meanwhile` runs while it is closed. */
  reopen(meanwhile?: () => Promise<void>): Promise<Store>;
  close(): Promise<void>;
}

/** Opens a store in a new folder, which is removed after the test. */
export async function openEmbeddedFolder(
  options: Omit<Partial<EmbeddedStoreOptions>, 'dir'> = {},
): Promise<EmbeddedFolder> {
  const dir = await mkdtemp(join(tmpdir(), 'cim-embedded-'));
  const open = (): Promise<Store> => openEmbeddedStore({ logger: silentLogger(), ...options, dir });
  let store = await open();
  return {
    dir,
    get store() {
      return store;
    },
    reopen: async (meanwhile) => {
      await store.stop();
      await meanwhile?.();
      store = await open();
      return store;
    },
    close: async () => {
      await store.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export async function openEmbeddedForTest(
  t: TestContext,
  options: Omit<Partial<EmbeddedStoreOptions>, 'dir'> = {},
): Promise<EmbeddedFolder> {
  const folder = await openEmbeddedFolder(options);
  t.after(() => folder.close());
  return folder;
}
