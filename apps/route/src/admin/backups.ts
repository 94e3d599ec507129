/** `/admin/backup`: a copy of the data folder of this server, taken while it runs. */
import { isAbsolute } from 'node:path';
import { CimError } from '@cim/protocol';
import { Type } from 'typebox';
import { oneOf, timeText } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import type { AdminParts } from './admin-parts.ts';
import { adminOperation, CHECKED_BY_HAND } from './admin-shapes.ts';

const Wanted = Type.Object({
  folder: Type.String({
    description:
      'where the copy is made: an absolute path on the machine of the server, which is not there yet',
  }),
});
const BackupShape = Type.Object({
  state: oneOf(
    ['none', 'running', 'done', 'failed'],
    '`none`: since the server was started no copy was asked for',
  ),
  folder: Type.Optional(Type.String()),
  startedAt: Type.Optional(timeText('when it was begun')),
  endedAt: Type.Optional(timeText('when it was done, or had failed')),
  records: Type.Optional(Type.Integer({ description: 'records in the copy' })),
  bytes: Type.Optional(Type.Integer({ description: 'of all keys and values' })),
  problem: Type.Optional(Type.String({ description: 'why it has failed, for people' })),
});

type State =
  | { readonly state: 'none' }
  | { readonly state: 'running'; readonly folder: string; readonly startedAt: string }
  | {
      readonly state: 'done';
      readonly folder: string;
      readonly startedAt: string;
      readonly endedAt: string;
      readonly records: number;
      readonly bytes: number;
    }
  | {
      readonly state: 'failed';
      readonly folder: string;
      readonly startedAt: string;
      readonly endedAt: string;
      readonly problem: string;
    };

const tags = ['backup'];

export function addBackups(app: V1App, { parts, audited }: AdminParts): void {
  const { store, logger } = parts;
  let latest: State = { state: 'none' };
  const now = (): string => new Date().toISOString();

  /** @throws {CimError} 3000 */
  const begin = (folder: string): State => {
    const { backUp } = store;
    if (backUp === undefined)
      throw new CimError(
        'invalid',
        `this server stores in ${store.description}, which has its own backups: docs/operations.md`,
      );
    if (latest.state === 'running')
      throw new CimError('invalid', `a backup to ${latest.folder} is under way; wait until it has ended`);
    const startedAt = now();
    const running: State = { state: 'running', folder, startedAt };
    latest = running;
    backUp(folder).then(
      ({ records, bytes }) => {
        latest = { state: 'done', folder, startedAt, endedAt: now(), records, bytes };
        logger.info({ folder, records, bytes }, 'backup.done');
      },
      (error: unknown) => {
        const problem = error instanceof Error ? error.message : String(error);
        latest = { state: 'failed', folder, startedAt, endedAt: now(), problem };
        logger.error({ err: error, folder }, 'backup.failed');
      },
    );
    return running;
  };

  const show = adminOperation({}, { tags, summary: 'Show the latest backup', answers: { 200: BackupShape } });
  app.get('/backup', { schema: show }, () => latest);

  const make = adminOperation(
    { body: Wanted },
    {
      tags,
      summary: 'Copy the data folder of this server while it runs',
      description:
        'The answer comes at once; GET says how it ends. Only a server with embedded storage does this.',
      answers: { 202: BackupShape },
    },
  );
  app.post('/backup', { schema: make, ...CHECKED_BY_HAND }, async (request, reply) => {
    const body: unknown = request.body;
    const given = typeof body === 'object' && body !== null && 'folder' in body ? body.folder : undefined;
    const target = typeof given === 'string' ? given : '';
    const begun = await audited(request, 'backup.begin', target, () => {
      if (!isAbsolute(target) || target.includes('\0'))
        throw new CimError('invalid', 'folder must be an absolute path on the machine of the server');
      return Promise.resolve(begin(target));
    });
    return reply.code(202).send(begun);
  });
}
