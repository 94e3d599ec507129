import { API_KEYS_AT_MOST, type ApiKey, type ApiKeys, oldestFirst, tooManyKeys } from '../api-keys.ts';
import { API_KEYS } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { promised } from './promised.ts';

/** API keys in one record: they are few, and seldom change. */
export class EmbeddedApiKeys implements ApiKeys {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  async add(made: Omit<ApiKey, 'usedAt'>): Promise<void> {
    const others = this.#others(made.id);
    if (others.length >= API_KEYS_AT_MOST) throw tooManyKeys();
    await this.#put([...others, made]);
  }

  find(id: string): Promise<ApiKey | undefined> {
    return promised(() => this.#committed().find((key) => key.id === id));
  }

  list(): Promise<readonly ApiKey[]> {
    return promised(() => oldestFirst(this.#committed()));
  }

  expire(id: string, at: number): Promise<boolean> {
    return this.#change(id, (key) => ({ ...key, expiresAt: Math.min(at, key.expiresAt ?? Infinity) }));
  }

  async remove(id: string): Promise<boolean> {
    return this.#change(id, () => undefined);
  }

  async used(id: string, at: number): Promise<void> {
    await this.#change(id, (key) => ({ ...key, usedAt: at }));
  }

  async #change(id: string, to: (key: ApiKey) => ApiKey | undefined): Promise<boolean> {
    const key = this.#ledger.get(API_KEYS)?.keys.find((one) => one.id === id);
    if (key !== undefined) await this.#put([...this.#others(id), ...[to(key) ?? []].flat()]);
    return key !== undefined;
  }

  #others(id: string): readonly ApiKey[] {
    return (this.#ledger.get(API_KEYS)?.keys ?? []).filter((key) => key.id !== id);
  }

  #committed(): readonly ApiKey[] {
    return this.#ledger.committed(API_KEYS)?.keys ?? [];
  }

  async #put(keys: readonly ApiKey[]): Promise<void> {
    this.#ledger.put(API_KEYS, { keys });
    await this.#ledger.commit();
  }
}
