/** Parses the records of sessions that `session-scripts.ts` writes. */
import {
  CIM_DEVICE,
  DEFAULT_DEVICE,
  type DeviceId,
  type Epoch,
  type InstanceId,
  type UserId,
} from '@cim/protocol';
import type { CurrentSession, Session, SessionAt } from '../sessions.ts';

/** Fields of a user who has not logged in through a route of this version yet. */
export const FLAT_FIELDS = ['epoch', 'state', 'instance', 'prevInstance', 'prevEpoch'] as const;

/** The open channel of a device, and the current session of the device. */
export interface Standing extends CurrentSession {
  readonly open: SessionAt | undefined;
}

/** Parses `device@epoch@instance` with commas; "-" is none. */
export const sessionsOf = (joined: string | undefined): SessionAt[] =>
  (joined ?? '-') === '-'
    ? []
    : (joined ?? '').split(',').map((text) => {
        const [device = '', epoch, instance = ''] = text.split('@');
        return sessionAt(device, epoch, instance);
      });

const sessionAt = (device: string, epoch: string | undefined, instance: string): SessionAt => ({
  device: device as DeviceId,
  instance: instance as InstanceId,
  epoch: Number(epoch) as Epoch,
});

/** Parses one record. */
export function standingOf(device: string, record: string): Standing {
  const [epoch, stored = '', instance = '', previous] = record.split(' ', 4);
  return standing(device, epoch, stored, instance, sessionsOf(previous)[0]);
}

/** Parses the fields of the version before; undefined when there are none. */
export function flatStandingOf(
  device: string,
  [epoch, state, instance, prevInstance, prevEpoch]: readonly (string | null | undefined)[],
): Standing | undefined {
  if (typeof epoch !== 'string') return undefined;
  const before = prevInstance ? sessionAt(device, prevEpoch ?? '0', prevInstance) : undefined;
  return standing(device, epoch, state ?? '', instance ?? '', before);
}

function standing(
  device: string,
  epoch: string | undefined,
  stored: string,
  instance: string,
  before: SessionAt | undefined,
): Standing {
  const state = stored === 'live' || stored === 'issued' || stored === 'replaced' ? stored : 'ended';
  const own = sessionAt(device, epoch, instance);
  if (state === 'live') return { epoch: own.epoch, state, open: own };
  if (state === 'issued' && before !== undefined) return { epoch: before.epoch, state: 'live', open: before };
  return { epoch: own.epoch, state, open: undefined };
}

const isDevice = (field: string): boolean =>
  field === CIM_DEVICE || field === DEFAULT_DEVICE || field.length >= 16;

/** Sessions with open channels, of the whole hash. */
export function openOf(fields: Readonly<Record<string, string>>): SessionAt[] {
  const flat = flatStandingOf(
    flatDevice(fields),
    FLAT_FIELDS.map((field) => fields[field]),
  );
  return [
    ...(flat?.open === undefined ? [] : [flat.open]),
    ...Object.entries(fields).flatMap(([field, record]) =>
      isDevice(field) ? (standingOf(field, record).open ?? []) : [],
    ),
  ];
}

/** The JSON part of a record. */
interface Rest {
  readonly name: string;
  readonly label: string;
  readonly seen: string;
  readonly secret: string;
  readonly older: string;
  /** The version before wrote neither field. */
  readonly born?: string;
  readonly olderBorn?: string;
}

/** All sessions of the hash, the newest login first. */
export function allSessions(userId: UserId, fields: Readonly<Record<string, string>>): Session[] {
  const { name = '', secret = '', older = '' } = fields;
  const flat = { name, label: '', seen: '0', secret, older };
  const sessions = Object.entries(fields).flatMap(([field, record]) => {
    if (!isDevice(field)) return [];
    const [epoch, state = '', instance = ''] = record.split(' ', 3);
    const rest = JSON.parse(record.slice(record.indexOf('{'))) as Rest;
    return [session(userId, field, epoch, state, instance, rest)];
  });
  if (fields['epoch'] !== undefined)
    sessions.push(
      session(
        userId,
        flatDevice(fields),
        fields['epoch'],
        fields['state'] ?? '',
        fields['instance'] ?? '',
        flat,
      ),
    );
  return sessions.sort((one, other) => other.epoch - one.epoch);
}

/** The device of a user that the version before had logged in: only our own clients have secrets. */
const flatDevice = ({ secret = '', older = '' }: Readonly<Record<string, string>>): DeviceId =>
  secret === '' && older === '' ? CIM_DEVICE : DEFAULT_DEVICE;

function session(
  userId: UserId,
  device: string,
  epoch: string | undefined,
  state: string,
  instance: string,
  { name, label, seen, secret, older, born, olderBorn }: Rest,
): Session {
  const createdAt = Number(born ?? (seen === '0' ? epoch : seen));
  return {
    userId,
    userName: name,
    device: device as DeviceId,
    label,
    seenAt: Number(seen),
    epoch: Number(epoch) as Epoch,
    state: state === 'issued' || state === 'live' ? state : 'ended',
    instance: instance as InstanceId,
    secretHashes: [secret, ...(older === '' ? [] : older.split(' '))],
    createdAt,
    olderCreatedAt: olderBorn === undefined ? createdAt : Number(olderBorn),
  };
}
