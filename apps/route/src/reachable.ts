/** Whether an im-server takes connections: asked before a login is placed there, remembered for a short while. */
import { connect } from 'node:net';
import { type Member, memberName } from '@cim/discovery';
import { LRUCache } from 'lru-cache';

const PROBE_MS = 800;
const REMEMBER_MS = 1_000;

export class Reachability {
  /** Key: member name and instance. Probes that meet share one. */
  readonly #known = new LRUCache<string, Promise<boolean>>({ max: 10_000, ttl: REMEMBER_MS });

  of(member: Member): Promise<boolean> {
    const name = `${memberName(member)} ${member.instance ?? ''}`;
    let answer = this.#known.get(name);
    if (answer === undefined) this.#known.set(name, (answer = probe(member)));
    return answer;
  }
}

function probe({ host, tcpPort }: Member): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: tcpPort });
    const end = (reachable: boolean): void => {
      socket.destroy();
      resolve(reachable);
    };
    socket.setTimeout(PROBE_MS, () => end(false));
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}
