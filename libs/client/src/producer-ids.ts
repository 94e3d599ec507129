import type { ProducerId } from '@cim/protocol';
import { sha256 } from './sha256.ts';

/** Characters of a device id: 16 random bytes. */
export const DEVICE_CHARACTERS = 22;
const DEVICE_BYTES = 16;
/** Characters after the device id in a producer id. */
const PROCESS_CHARACTERS = 12;
const PROCESS_BYTES = 9;

/**
 * Makes producer ids. An id lives for one process: each of its counters is given once, to one message, and no
 * file stores the counters. It begins with the device id, so that an installation knows its own messages.
 */
export class ProducerIds {
  readonly device: string;
  /** Producer ids from before there was a device id, and of sends that an earlier process has left. */
  readonly #others: Set<ProducerId>;

  /** @param device of the installation; '' makes a new one */
  constructor(device: string, others: Iterable<ProducerId>) {
    this.device = device === '' ? randomId(DEVICE_BYTES) : device;
    this.#others = new Set(others);
  }

  /** Makes the producer id of a process. */
  fresh(): ProducerId {
    return `${this.device}${randomId(PROCESS_BYTES)}` as ProducerId;
  }

  /**
   * The producer id for messages after `counter`, which will never be stored, so that none can follow it
   * under its own producer id. The same arguments give the same id: a process that has forgotten a
   * renumbering comes to the same numbers.
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

  /** The newest of the other ids, for the saved state. */
  others(atMost: number): readonly ProducerId[] {
    return [...this.#others].filter((producer) => !producer.startsWith(this.device)).slice(-atMost);
  }
}

/** Random bytes as text. */
export const randomId = (bytes: number): string => base64Url(crypto.getRandomValues(new Uint8Array(bytes)));

const base64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
