import { foldName } from '@cim/protocol';

/** Users whose messages this terminal does not show. The server knows nothing of it; `:block` is for everywhere. */
export class Ignored {
  /** Key: folded name. Value: the name as it was given. */
  #names = new Map<string, string>();
  readonly #changed: (names: readonly string[]) => void;

  /** @param changed is told the whole list after each change */
  constructor(names: readonly string[], changed: (names: readonly string[]) => void = () => undefined) {
    this.replace(names);
    this.#changed = changed;
  }

  /** The list is another one, and stands where `changed` would put it. */
  replace(names: readonly string[]): void {
    this.#names = new Map(names.map((name) => [foldName(name), name]));
  }

  get names(): readonly string[] {
    return [...this.#names.values()];
  }

  has(name: string): boolean {
    return this.#names.size > 0 && this.#names.has(foldName(name));
  }

  add(name: string): void {
    this.#names.set(foldName(name), name);
    this.#changed(this.names);
  }

  /** False: it was not ignored. */
  remove(name: string): boolean {
    const was = this.#names.delete(foldName(name));
    if (was) this.#changed(this.names);
    return was;
  }
}
