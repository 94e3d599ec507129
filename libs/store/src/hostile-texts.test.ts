/**
 * The texts that a store reads from its settings and from Redis, and the names that it makes keys of, built
 * to make it slow.
 */
import { describe, it } from 'node:test';
import { assertQuick } from '@cim/testkit';
import { nameKey } from './embedded/keys.ts';
import { replicationOf } from './redis/replication.ts';
import { parseRedisUrl } from './redis/url.ts';

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  'a Redis URL': parseRedisUrl,
  'a Redis URL with hosts': (text) => parseRedisUrl(`redis+sentinel://${text}/master`),
  "an answer of Redis' INFO": (text) => replicationOf(`role:master\r\nslave0:${text}\r\n${text}`),
  'a name': nameKey,
};

describe('a text of 8 KiB made to hold a store up', () => {
  for (const [name, reads] of Object.entries(READERS))
    it(`is read in milliseconds as ${name}`, () => assertQuick(reads));
});
