import { byName, sameMembers } from './member-list.ts';
import { parseNodeName, unannounceable } from './member-node.ts';
import { type Member, type Membership, memberName } from './membership.ts';

/** Membership inside one process that is a whole cluster. It needs no network and no installation. */
export const openEmbeddedMembership = (): Membership => new EmbeddedRegistry().open();

/** The list that all embedded memberships of one process share. Tests run several servers on one registry. */
export class EmbeddedRegistry {
  /** Key: member name. A membership adds its entry when it announces, and removes it when it withdraws or stops. */
  readonly #announced = new Map<string, { readonly member: Member; readonly by: Membership }>();
  readonly #views = new Set<EmbeddedMembership>();

  open(): Membership {
    return new EmbeddedMembership({
      join: (view) => this.#views.add(view),
      leave: (view) => this.#views.delete(view),
      put: (member, by) => {
        this.#announced.set(memberName(member), { member, by });
        this.#publish();
      },
      remove: (name, by) => {
        if (this.#announced.get(name)?.by !== by) return;
        this.#announced.delete(name);
        this.#publish();
      },
      list: () => [...this.#announced.values()].map(({ member }) => member).sort(byName),
    });
  }

  #publish(): void {
    for (const view of [...this.#views]) view.refresh();
  }
}

interface RegistryAccess {
  join(view: EmbeddedMembership): void;
  leave(view: EmbeddedMembership): void;
  put(member: Member, by: Membership): void;
  remove(name: string, by: Membership): void;
  list(): readonly Member[];
}

class EmbeddedMembership implements Membership {
  readonly description = 'embedded';
  readonly problem = undefined;
  readonly #registry: RegistryAccess;
  readonly #listeners = new Set<() => void>();
  #members: readonly Member[] = [];
  #announced: string | undefined;
  #connected = false;

  constructor(registry: RegistryAccess) {
    this.#registry = registry;
  }

  get connected(): boolean {
    return this.#connected;
  }

  start(): Promise<void> {
    if (!this.#connected) {
      this.#connected = true;
      this.#registry.join(this);
      this.refresh();
    }
    return Promise.resolve();
  }

  members(): readonly Member[] {
    return this.#members;
  }

  onChange(listener: () => void): () => void {
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  announce(self: Member): Promise<void> {
    const name = memberName(self);
    if (parseNodeName(name) === undefined) return Promise.reject(unannounceable(self));
    if (this.#announced !== name) this.#remove();
    this.#announced = name;
    this.#registry.put(self, this);
    return Promise.resolve();
  }

  withdraw(): Promise<void> {
    this.#remove();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#remove();
    this.#connected = false;
    this.#listeners.clear();
    this.#registry.leave(this);
    return Promise.resolve();
  }

  /** Called by the registry after each change of the list. */
  refresh(): void {
    const members = this.#registry.list();
    if (sameMembers(this.#members, members)) return;
    this.#members = members;
    for (const listener of [...this.#listeners]) listener();
  }

  #remove(): void {
    if (this.#announced !== undefined) this.#registry.remove(this.#announced, this);
    this.#announced = undefined;
  }
}
