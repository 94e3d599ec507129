import { resolve } from 'node:path';
import type { Verified } from '@cim/store';
import type { Answer, Command } from '../command.ts';
import { cleaned, shown } from '../table.ts';

const ended = ({ state, folder, records, bytes, problem }: Answer): string => {
  if (state === 'done') return `${shown(folder)}: ${shown(records)} records, ${shown(bytes)} bytes`;
  if (state === 'failed') return `the backup to ${shown(folder)} has failed: ${shown(problem)}`;
  return state === 'running'
    ? `a backup to ${shown(folder)} is under way`
    : 'no backup since the server was started';
};

const found = ({ folder, accounts, streams, problems }: Answer): string =>
  [
    ...(problems as Verified['problems']).map((problem) => cleaned(problem)),
    `${shown(folder)}: ${shown(accounts)} accounts, ${shown(streams)} logs, ${(problems as Verified['problems']).length} problems`,
  ].join('\n');

/** `backup` comes last: it is the first word of the other. */
export const backupCommands: readonly Command[] = [
  {
    name: 'backup show',
    words: [],
    flags: {},
    about: 'How the latest backup of the server has ended, or that it is under way',
    request: () => ({ method: 'GET', path: '/backup' }),
    show: ended,
    failed: ({ state }) => state === 'failed',
  },
  {
    name: 'backup',
    words: ['FOLDER'],
    flags: {},
    about:
      'Copies the data folder of a standalone server while it runs, checks the copy, and waits for the end; FOLDER is on the machine of the server and is not there yet',
    request: ({ words: [folder = ''] }) => ({
      method: 'POST',
      path: '/backup',
      body: { folder: resolve(folder) },
    }),
    again: ({ state }) => (state === 'running' ? { method: 'GET', path: '/backup' } : undefined),
    show: ended,
    failed: ({ state }) => state === 'failed',
  },
  {
    name: 'verify',
    words: ['FOLDER'],
    flags: {},
    about:
      'Reads all of a backup, or of the data folder of a standalone server that does not run, and names each damaged log',
    local: async ({ words: [folder = ''] }) => (await import('@cim/store')).verify(resolve(folder)),
    show: found,
    failed: ({ problems }) => (problems as Verified['problems']).length > 0,
  },
  {
    name: 'restore',
    words: ['BACKUP', 'FOLDER'],
    flags: {},
    about:
      'Copies a backup to the place of a data folder, which is missing or empty, and checks it; no server needs to run',
    local: async ({ words: [backup = '', folder = ''] }) =>
      (await import('@cim/store')).restore(resolve(backup), resolve(folder)),
    show: found,
  },
];
