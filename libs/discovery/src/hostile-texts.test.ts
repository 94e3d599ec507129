/** Other programs can write to ZooKeeper too. These tests read texts there that were made to hold a server up. */
import { describe, it } from 'node:test';
import { assertQuick } from '@cim/testkit';
import { decodeNodeData, parseNodeName } from './member-node.ts';
import { parseZooKeeperServers } from './zookeeper-servers.ts';

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  'the name of a node': parseNodeName,
  'the data of a node': (text) => [
    decodeNodeData(Buffer.from(text)),
    decodeNodeData(Buffer.from(JSON.stringify({ instance: text, version: text }))),
  ],
  'the servers': parseZooKeeperServers,
};

describe('a text of 8 KiB made to hold a server up', () => {
  for (const [name, reads] of Object.entries(READERS))
    it(`is read in milliseconds as ${name}`, () => assertQuick(reads));
});
