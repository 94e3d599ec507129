/** The session records of one user in the embedded store: one per device. */
import { CIM_DEVICE, DEFAULT_DEVICE, type DeviceId } from '@cim/protocol';
import type { SessionAt } from '../sessions.ts';
import type { DeviceRecord, SessionRecord1, SessionsRecord } from './records.ts';

/** Most records of one user. */
const RECORDS = 64;
/** The record of a device outlives its session by this time [ms]: 90 days. */
const KEPT_MS = 90 * 24 * 3_600_000;
/** Number of secrets of one device that are valid: those of unclaimed logins, and the one claimed last. */
const SECRETS = 8;

const NONE: readonly DeviceRecord[] = [];

/**
 * All records of a user. The version before had one per user. It counts as that of `cim`, or of `default`
 * when it has a secret.
 */
export function devicesOf(stored: SessionsRecord | SessionRecord1 | undefined): readonly DeviceRecord[] {
  if (stored === undefined) return NONE;
  if ('devices' in stored) return stored.devices;
  const { secretHash, olderHashes = [], previous } = stored;
  const device = secretHash === '' && olderHashes.length === 0 ? CIM_DEVICE : DEFAULT_DEVICE;
  return [
    {
      ...stored,
      ...{ device, label: '', one: 'user', seenAt: 0, olderHashes },
      previous: previous === undefined ? [] : [{ ...previous, device }],
    },
  ];
}

/**
 * The session whose channel is open, without regard to leases: the live one, or the one before an unclaimed
 * login.
 */
export function openOf(record: DeviceRecord | undefined): SessionAt | undefined {
  if (record?.state === 'live')
    return { device: record.device, instance: record.instance, epoch: record.epoch };
  return record?.state === 'issued' ? record.previous[0] : undefined;
}

export const isOver = ({ state }: DeviceRecord): boolean => state === 'ended' || state === 'replaced';

/** The hashes of all valid secrets, newest first. */
export function secretsOf(record: DeviceRecord | undefined): readonly string[] {
  if (record === undefined) return [];
  return record.secretHash === '' ? record.olderHashes : [record.secretHash, ...record.olderHashes];
}

/**
 * When the lives of the newest secret and of the older ones began [ms]. A record of format 1 does not tell,
 * so these lives begin with the next change of the record.
 */
export function livesOf(record: DeviceRecord, now: number): { createdAt: number; olderCreatedAt: number } {
  const createdAt = record.createdAt ?? (record.seenAt === 0 ? now : record.seenAt);
  return { createdAt, olderCreatedAt: record.olderCreatedAt ?? createdAt };
}

/** The last hash belongs to the oldest secret, which was claimed. */
export function olderThanNext(current: DeviceRecord | undefined): readonly string[] {
  const secrets = secretsOf(current);
  return secrets.length < SECRETS ? secrets : [...secrets.slice(0, SECRETS - 2), ...secrets.slice(-1)];
}

export const newest = (records: readonly DeviceRecord[]): number =>
  records.reduce((epoch, record) => Math.max(epoch, record.epoch), 0);

/**
 * Whether a login still waits for its claim and blocks another one. It does not when a later login ends all
 * sessions of the user. It does not when it would wait half as long again as a login stays issued: then the
 * clock has gone back, and nobody is locked out until it has caught up.
 */
export function waits(
  records: readonly DeviceRecord[],
  record: DeviceRecord,
  now: number,
  issuedMs: number,
): boolean {
  const left = record.state === 'issued' ? record.until - now : 0;
  if (left <= 0 || left > issuedMs * 1.5) return false;
  return !records.some(({ one, epoch }) => one === 'user' && epoch > record.epoch);
}

/**
 * The records without those that ended long ago. If there are still too many, the oldest go, ended ones
 * first.
 */
export function pruned(
  records: readonly DeviceRecord[],
  now: number,
  isOpen: (record: DeviceRecord) => boolean,
): readonly DeviceRecord[] {
  const isDone = (record: DeviceRecord): boolean => isOver(record) && secretsOf(record).length === 0;
  const rank = (record: DeviceRecord): number => (isDone(record) ? 0 : isOpen(record) ? 2 : 1);
  const kept = records.filter((record) => !isDone(record) || record.seenAt + KEPT_MS > now);
  if (kept.length < RECORDS) return kept;
  return [...kept]
    .sort((one, other) => rank(other) - rank(one) || other.epoch - one.epoch)
    .slice(0, RECORDS - 1);
}

/** The records, with some of them replacing those of their devices. */
export const withRecords = (
  records: readonly DeviceRecord[],
  ...changed: readonly DeviceRecord[]
): SessionsRecord => {
  const devices = new Set<DeviceId>(changed.map(({ device }) => device));
  return { devices: [...records.filter(({ device }) => !devices.has(device)), ...changed] };
};
