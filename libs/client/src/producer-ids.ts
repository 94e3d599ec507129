import type { ProducerId } from '@cim/protocol';
import { sha256 } from './sha256.ts';

/** Characters of a device id: 16 random bytes. */
export const DEVICE_CHARACTERS = 22;
const DEVICE_BYTES = 16;
/** Characters behind the device id in a producer id. */
const PROCESS_CHARACTERS = 12;
const PROCESS_BYTES = 9;

/**
 * Producer ids. One lives for one process: its counters are given once, to one message each, and no file says where they
 * stand. It begins with the device id, so that an installation knows its own messages.
 */
export class ProducerIds {
  readonly device: string;
  /** Of before there was a device id, and of sends that a process before has left. */
  readonly #others: Set<ProducerId>;

  /** @param device of the installation, '' to make one */
  constructor(device: string, others: Iterable<ProducerId>) {
    this.device = device === '' ? randomId(DEVICE_BYTES) : device;
    this.#others = new Set(others);
  }

  /** For a process. */
  fresh(): ProducerId {
    return `${this.device}${randomId(PROCESS_BYTES)}` as ProducerId;
  }

  /**
   * For the messages behind `counter`, which was not stored and never will be, so that none can follow it under its own
   * producer id. The same for the same two: a process that has forgotten that it renumbered them comes to the same numbers.
   */
  after(producer: ProducerId, counter: number): ProducerId {
    const hash = base64Url(sha256(new TextEncoder().encode(`${producer}:${counter}`)));
    const device = this.#others.has(producer) ? producer.slice(0, DEVICE_CHARACTERS) : this.device;
    const after =
      `${device.padEnd(DEVICE_CHARACTERS, '-')}${hash.slice(0, PROCESS_CHARACTERS)}` as ProducerId;
    if (!after.startsWith(this.device)) this.#others.add(after);
    return after;
  }

  isOwn(producer: ProducerId): boolean {
    return producer.startsWith(this.device) || this.#others.has(producer);
  }

  /** To be saved: at most so many, the newest. */
  others(atMost: number): readonly ProducerId[] {
    return [...this.#others].filter((producer) => !producer.startsWith(this.device)).slice(-atMost);
  }
}

/** Random, of so many bytes, as text. */
export const randomId = (bytes: number): string => base64Url(crypto.getRandomValues(new Uint8Array(bytes)));

const base64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
