import type { Logger } from '@cim/runtime';
import { LRUCache } from 'lru-cache';
import type { Stat } from 'node-zookeeper-client';
import { decodeNodeData, type MemberAddress, parseNodeName } from './member-node.ts';
import type { Member } from './membership.ts';
import { type Outcome, ownerOf, type ZooKeeperSession } from './zookeeper-session.ts';

/** A member's node as it was last read. */
export interface MemberNode {
  readonly path: string;
  readonly czxid: string;
  readonly mzxid: string;
  /** Session that the ephemeral node belongs to. */
  readonly owner: string;
  readonly member: Member;
}

const CACHED = 4096;

/** Reads the members' nodes under one path. A node that has not changed is not read and parsed again. */
export class MemberNodes {
  readonly #session: ZooKeeperSession;
  readonly #root: string;
  readonly #logger: Logger;
  /** Key: node name. A node that was made or written anew has another czxid or mzxid, and is read again. */
  readonly #known = new LRUCache<string, MemberNode>({ max: CACHED });
  /** Names of nodes that are no member or cannot be read, so that each is warned of once. */
  readonly #foreign = new LRUCache<string, true>({ max: CACHED });

  constructor(session: ZooKeeperSession, root: string, logger: Logger) {
    this.#session = session;
    this.#root = root;
    this.#logger = logger;
  }

  /** Reads the whole list or fails: half a list would look like servers that have left. `watch` must be the same function each time. */
  async list(watch: () => void): Promise<Outcome<readonly MemberNode[]>> {
    const children = await this.#session.children(this.#root, watch);
    if (children.kind !== 'ok') return children;
    const nodes: MemberNode[] = [];
    for (const read of await Promise.all(children.value.map((name) => this.#read(name)))) {
      // The node was removed between the two reads.
      if (read.kind === 'no-node') continue;
      if (read.kind !== 'ok') return read;
      if (read.value !== undefined) nodes.push(read.value);
    }
    return { kind: 'ok', value: nodes };
  }

  /** Creates the path and its parents. */
  async createRoot(): Promise<Outcome<undefined>> {
    let path = '';
    for (const part of this.#root.split('/').slice(1)) {
      path += `/${part}`;
      const created = await this.#session.createPersistent(path);
      if (created.kind !== 'ok' && created.kind !== 'node-exists') return created;
      if (created.kind === 'ok') this.#logger.info({ path }, 'membership.path-made');
    }
    return { kind: 'ok', value: undefined };
  }

  /** Reads one node; ok(undefined) when it is no member. */
  async #read(name: string): Promise<Outcome<MemberNode | undefined>> {
    const address = parseNodeName(name);
    if (address === undefined) {
      if (!this.#foreign.has(name))
        this.#logger.warn({ node: name.slice(0, 200) }, 'membership.foreign-node');
      this.#foreign.set(name, true);
      return { kind: 'ok', value: undefined };
    }
    const path = `${this.#root}/${name}`;
    const known = this.#known.get(name);
    if (known !== undefined) {
      const stat = await this.#session.stat(path);
      if (stat.kind !== 'ok') return stat;
      if (stat.value === undefined) return { kind: 'no-node' };
      if (known.czxid === hex(stat.value.czxid) && known.mzxid === hex(stat.value.mzxid))
        return { kind: 'ok', value: known };
    }
    const read = await this.#session.read(path);
    if (read.kind === 'denied') return this.#unreadable(path, address);
    if (read.kind !== 'ok') return read;
    const { data, stat } = read.value;
    const node = nodeOf(path, stat, { ...address, ...decodeNodeData(data) });
    this.#known.set(name, node);
    return { kind: 'ok', value: node };
  }

  /**
   * The node's ACL does not let us read it. It is listed as a server that is not ours: one locked node must not hide all
   * the others. It is never cached, since a change of its ACL changes neither czxid nor mzxid.
   */
  async #unreadable(path: string, address: MemberAddress): Promise<Outcome<MemberNode>> {
    if (!this.#foreign.has(path))
      this.#logger.warn({ path, why: 'CIM_ZK_AUTH may not read it' }, 'membership.unreadable-node');
    this.#foreign.set(path, true);
    const stat = await this.#session.stat(path);
    if (stat.kind !== 'ok') return stat;
    if (stat.value === undefined) return { kind: 'no-node' };
    return { kind: 'ok', value: nodeOf(path, stat.value, address) };
  }
}

const nodeOf = (path: string, stat: Stat, member: Member): MemberNode => ({
  path,
  czxid: hex(stat.czxid),
  mzxid: hex(stat.mzxid),
  owner: ownerOf(stat),
  member,
});

const hex = (zxid: Buffer): string => zxid.toString('hex');
