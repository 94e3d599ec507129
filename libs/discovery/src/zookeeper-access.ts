import { ACL, Id, Permission } from 'node-zookeeper-client';

/** The credential that a process shows to ZooKeeper, and the ACL of the nodes that it makes. */
export interface ZooKeeperAccess {
  /** `user:password`, for the scheme `digest`. */
  readonly credential?: Buffer;
  readonly acl: readonly ACL[];
}

export interface ZooKeeperAccessSettings {
  /** `user:password`; '' for none. */
  readonly zkAuth: string;
  /** `scheme:id:permissions`, separated by commas, as ZooKeeper's own tools write it; '' for the default. */
  readonly zkAcl: string;
}

/** Lets everybody do everything, as ZooKeeper does by default. */
export const OPEN_ACCESS: ZooKeeperAccess = { acl: [new ACL(Permission.ALL, new Id('world', 'anyone'))] };
/** Lets the holder of the credential do everything, and nobody else. ZooKeeper calls it CREATOR_ALL. */
const CREATOR_ALL: readonly ACL[] = [new ACL(Permission.ALL, new Id('auth', ''))];

const PERMISSIONS: Readonly<Record<string, number>> = {
  c: Permission.CREATE,
  d: Permission.DELETE,
  r: Permission.READ,
  w: Permission.WRITE,
  a: Permission.ADMIN,
};

/**
 * Reads both settings. With a credential, nodes belong to its holders alone unless `zkAcl` says otherwise. Without a
 * credential they belong to everybody.
 * @throws {Error} one line, without the credential
 */
export function zooKeeperAccess({ zkAuth, zkAcl }: ZooKeeperAccessSettings): ZooKeeperAccess {
  if (zkAuth !== '' && !/^[^:]+:.+$/.test(zkAuth)) throw new Error('CIM_ZK_AUTH must be user:password');
  const acl = zkAcl === '' ? undefined : zkAcl.split(',').map(parseAcl);
  if (zkAuth === '') {
    if (acl?.some(({ id }) => id.scheme === 'auth') === true)
      throw new Error('CIM_ZK_ACL names the holder of a credential (auth); set CIM_ZK_AUTH too');
    return { acl: acl ?? OPEN_ACCESS.acl };
  }
  return { credential: Buffer.from(zkAuth), acl: acl ?? CREATOR_ALL };
}

/** Splits at the first and the last colon: an id may hold colons, as that of `digest` and an IPv6 address do. */
function parseAcl(text: string): ACL {
  const [, scheme, id, letters] = /^\s*(world|auth|digest|ip|x509):(.*):([cdrwa]{1,5})\s*$/.exec(text) ?? [];
  if (scheme === undefined || id === undefined || letters === undefined)
    throw new Error(
      `CIM_ZK_ACL holds "${text.trim()}"; write scheme:id:permissions, such as auth::cdrwa,world:anyone:r`,
    );
  const permission = [...letters].reduce((sum, letter) => sum | (PERMISSIONS[letter] ?? 0), 0);
  return new ACL(permission, new Id(scheme, id));
}
