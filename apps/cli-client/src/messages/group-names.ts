import { CimError, foldName } from '@cim/protocol';

/** A group as the terminal needs to know it. */
export interface NamedGroup {
  readonly id: string;
  readonly name: string;
}

/**
 * Finds the group that `#team` or `#17` names, among the user's own groups. Two groups may have the same name; an id names one
 * group. Without a name it finds the group that was named last.
 */
export class GroupNames {
  readonly #list: () => Promise<readonly NamedGroup[]>;
  /** Names of the user's groups, as the server listed them last. Key: id. */
  readonly #known = new Map<string, string>();
  #last: NamedGroup | undefined;

  /** @param list the user's own groups, asked for when a name is not known */
  constructor(list: () => Promise<readonly NamedGroup[]>) {
    this.#list = list;
  }

  /** @throws {CimError} one line: no group has the name, several have, or none was named yet */
  async find(token: string | undefined): Promise<NamedGroup> {
    const group = token === undefined ? this.#last : await this.#named(token);
    if (group === undefined) throw new CimError('invalid', 'which group? name it, as in "#team"');
    this.#last = group;
    return group;
  }

  /** A group that is named by what the user did, such as one that was made or joined. */
  meet(group: NamedGroup): void {
    this.#known.set(group.id, group.name);
    this.#last = group;
  }

  /** The user is in it no more. */
  forget(id: string): void {
    this.#known.delete(id);
    if (this.#last?.id === id) this.#last = undefined;
  }

  knows(id: string): boolean {
    return this.#known.has(id);
  }

  /** Its name, or its id while the name is not known. */
  nameOf(id: string): string {
    return this.#known.get(id) ?? id;
  }

  /** Asks the server for the user's groups again. @throws {CimError} */
  async refresh(): Promise<void> {
    this.learn(await this.#list());
  }

  /** The server has listed these as all groups of the user. */
  learn(groups: readonly NamedGroup[]): void {
    this.#known.clear();
    for (const { id, name } of groups) this.#known.set(id, name);
  }

  async #named(token: string): Promise<NamedGroup> {
    const before = this.#matching(token);
    if (before.length !== 1) await this.refresh();
    const [group, ...more] = before.length === 1 ? before : this.#matching(token);
    if (group === undefined)
      throw new CimError('invalid', `you are in no group "${token}"; :groups lists yours`);
    if (more.length > 0)
      throw new CimError(
        'invalid',
        `${more.length + 1} of your groups are called "${token}"; name one by its id: ${[group, ...more].map(({ id }) => `#${id}`).join(', ')}`,
      );
    return group;
  }

  #matching(token: string): readonly NamedGroup[] {
    const byId = this.#known.get(token);
    if (byId !== undefined) return [{ id: token, name: byId }];
    const wanted = foldName(token);
    return [...this.#known]
      .filter(([, name]) => foldName(name) === wanted)
      .map(([id, name]) => ({ id, name }));
  }
}
