/**
 * Every setting of the product. Each program picks the settings it reads; docs/config.md is generated from
 * this file.
 */
import { integer, list, oneOf, type Option, port, type Schema, text, namesOf, yesOrNo } from './config.ts';
import { LOOPBACK_NETWORKS, networksOption } from './addresses.ts';
import { limitSettings } from './limits.ts';
import { LOG_LEVELS } from './log-control.ts';
import { processesOption } from './processes.ts';

/** Shortest secret where other machines may try to guess it. */
const MIN_SECRET_CHARACTERS = 32;

/** Default port for each scheme of a shared address; 0: the address must name one. */
const SHARED_PORTS: Readonly<Record<string, number>> = { 'ws:': 80, 'wss:': 443, 'tcp:': 0, 'tls:': 0 };

/** Checks the shared address. @throws {Error} that says what it must be */
function sharedAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const port = SHARED_PORTS[url?.protocol ?? ''];
  const isBare = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  const isFrames = port === 0;
  if (
    url === undefined ||
    port === undefined ||
    !isBare ||
    url.hostname === '' ||
    (isFrames && (url.port === '' || url.pathname.length > 1))
  )
    throw new Error(
      'must be such as wss://chat.example.com/cim, tls://chat.example.com:11211 or tcp://chat.example.com:11211',
    );
  return text;
}

export const settings = {
  host: text('CIM_HOST', '127.0.0.1', 'Address to listen on'),
  advertiseHost: text(
    'CIM_ADVERTISE_HOST',
    '',
    'Address that clients and other servers are told; CIM_HOST when empty',
  ),
  routePort: port('CIM_ROUTE_PORT', 8083, 'Port of the route, HTTP'),
  tcpPort: port('CIM_TCP_PORT', 11211, 'Port of the im-server for clients, TCP'),
  processes: processesOption(
    'CIM_PROCESSES',
    'Processes of the im-server on this machine. Each listens on ports of its own: CIM_TCP_PORT and CIM_HTTP_PORT go up by 10 from one to the next',
  ),
  internalHost: text(
    'CIM_INTERNAL_HOST',
    '127.0.0.1',
    'Address that the internal ports listen on. Im-servers on several machines: one that the others reach',
  ),
  httpPort: port(
    'CIM_HTTP_PORT',
    8081,
    'Internal port of the im-server, HTTP: calls of other servers, metrics, health',
  ),
  routeInternalPort: port(
    'CIM_ROUTE_INTERNAL_PORT',
    8082,
    'Internal port of the route, HTTP: metrics, documentation, health, admin',
  ),
  relayPort: port('CIM_RELAY_PORT', 8084, 'Internal port of the relay, HTTP: metrics, health'),
  publicPages: list(
    'CIM_PUBLIC_PAGES',
    'Pages of the internal port that the route shows on its port for clients too: documentation,metrics',
    (page) => {
      if (page !== 'documentation' && page !== 'metrics')
        throw new Error('must name pages: documentation, metrics, or both with a comma between');
      return page;
    },
  ),
  web: yesOrNo(
    'CIM_WEB',
    false,
    'Whether the route serves the web chat at /; standalone does unless told otherwise',
  ),
  adminToken: {
    ...text(
      'CIM_ADMIN_TOKEN',
      '',
      'Opens /admin on the internal port of the route, 32 characters or more',
      true,
    ),
    parse: (token: string): string => {
      if (token.length < MIN_SECRET_CHARACTERS)
        throw new Error(
          `must have at least ${MIN_SECRET_CHARACTERS} characters (openssl rand -base64 32 makes one)`,
        );
      return token;
    },
  },
  allowedOrigins: list(
    'CIM_ALLOWED_ORIGINS',
    'Origins of web pages of other hosts that may ask the route and open a WebSocket: https://chat.example.com,https://b.example',
    (origin) => {
      if (!URL.canParse(origin) || new URL(origin).origin !== origin)
        throw new Error('must name origins, such as https://chat.example.com');
      return origin;
    },
  ),
  trustedProxies: networksOption(
    'CIM_TRUSTED_PROXIES',
    'none',
    'Proxies whose word on the address of a client counts (X-Forwarded-For, PROXY protocol version 2), as networks: 10.0.0.0/8,2001:db8::/32, or none',
  ),
  advertiseUrl: {
    ...text(
      'CIM_ADVERTISE_URL',
      '',
      'One address of all im-servers, behind a proxy, that the route tells clients: wss://chat.example.com/cim, or tls://chat.example.com:11211, tcp://chat.example.com:11211',
    ),
    parse: sharedAddress,
  },
  tlsCert: text(
    'CIM_TLS_CERT',
    '',
    'PEM file of the certificate, those between it and its authority behind it: all ports then speak TLS. Read again when it changes',
  ),
  tlsKey: text('CIM_TLS_KEY', '', 'PEM file of its key, without a passphrase'),
  tlsCa: text(
    'CIM_TLS_CA',
    '',
    'PEM file of authorities. Servers: other servers must show a certificate of these. Terminal client: the servers must, in place of the authorities that Node knows',
  ),
  insecure: yesOrNo(
    'CIM_INSECURE',
    false,
    'Takes plain connections: beside TLS where a certificate is set, and without TLS on an address that is not loopback. Terminal client: goes to im-servers in plain text though the route speaks TLS',
  ),
  dataDir: text('CIM_DATA_DIR', '.cim', 'Folder of the embedded store'),
  acceptLoss: oneOf(
    'CIM_ACCEPT_LOSS',
    ['no', 'yes'],
    'no',
    'Opens a damaged data folder too: what cannot be read is dropped, and clients are told what is lost',
  ),
  redisUrl: text(
    'CIM_REDIS_URL',
    'redis://127.0.0.1:6379',
    'Redis: redis://host:port/db, redis+sentinel://h1:p1,h2:p2/master, redis+cluster://h1:p1,h2:p2; with TLS rediss://, rediss+sentinel://, rediss+cluster://',
    true,
  ),
  redisPassword: text('CIM_REDIS_PASSWORD', '', 'Password of Redis, in place of one in CIM_REDIS_URL', true),
  redisSentinelUsername: text('CIM_REDIS_SENTINEL_USERNAME', '', 'User name that the Sentinels ask for'),
  redisSentinelPassword: text(
    'CIM_REDIS_SENTINEL_PASSWORD',
    '',
    'Password that the Sentinels ask for; the one in CIM_REDIS_URL is for Redis alone',
    true,
  ),
  redisTlsCa: text(
    'CIM_REDIS_TLS_CA',
    '',
    'PEM file of the authorities that certificates of Redis and Sentinels are checked by; those of the system when empty',
  ),
  redisTlsCert: text('CIM_REDIS_TLS_CERT', '', 'PEM file of the certificate that is shown to Redis'),
  redisTlsKey: text('CIM_REDIS_TLS_KEY', '', 'PEM file of its key'),
  redisTlsServername: text(
    'CIM_REDIS_TLS_SERVERNAME',
    '',
    'Name that the certificates of Redis must have, where it is not the address',
  ),
  zk: text(
    'CIM_ZK',
    '127.0.0.1:2181',
    'ZooKeeper servers, and the path that the cluster lives under: host:port,host:port/path; a path that is not there is made',
  ),
  zkAuth: text('CIM_ZK_AUTH', '', 'Credential for ZooKeeper (digest): user:password; none when empty', true),
  zkAcl: text(
    'CIM_ZK_ACL',
    '',
    'ACL of the nodes in ZooKeeper, such as auth::cdrwa,world:anyone:r; when empty: auth::cdrwa with a credential, else open',
  ),
  zkShareWithCim: oneOf(
    'CIM_ZK_SHARE_WITH_CIM',
    ['true', 'false'],
    'false',
    "Whether an im-server joins although CIM's own servers are listed under the same path",
  ),
  clusterSecret: text(
    'CIM_CLUSTER_SECRET',
    '',
    'Shared by all servers, 32 characters or more; needed unless CIM_HOST and CIM_INTERNAL_HOST are loopback. Standalone makes one in its data folder',
    true,
  ),
  clusterSecretNext: {
    ...text(
      'CIM_CLUSTER_SECRET_NEXT',
      '',
      'A second secret that is accepted too, while CIM_CLUSTER_SECRET is being replaced. Files of both are read again when they change',
      true,
    ),
    fileMayBeAbsent: true,
  },
  allowedHosts: list(
    'CIM_ALLOWED_HOSTS',
    'When CIM_HOST is loopback: names (Host) besides localhost that HTTP and WebSocket requests may use, as a proxy in front passes them on: chat.example.com,b.example; * is any',
    (name) => {
      if (!/^(\*|[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])$/.test(name))
        throw new Error('must name hosts without a port, such as chat.example.com, or *');
      return name.toLowerCase();
    },
  ),
  auth: oneOf(
    'CIM_AUTH',
    ['open', 'password', 'jwt'],
    '',
    'Who may act: everybody for an account without a password, or accounts with a password, or users with a token that a business system signs; open by default on loopback, to be said elsewhere',
  ),
  jwtKey: text(
    'CIM_JWT_KEY',
    '',
    'With CIM_AUTH=jwt: what tokens are checked by, a secret of 32 bytes or more (HS256) or a PEM with a public key',
    true,
  ),
  jwtJwksUrl: text(
    'CIM_JWT_JWKS_URL',
    '',
    'In place of CIM_JWT_KEY: where the issuer of tokens publishes its keys (JWKS), https',
  ),
  jwtAlgorithms: list(
    'CIM_JWT_ALGORITHMS',
    'Algorithms that tokens may be signed with, of HS256, RS256, ES256, EdDSA; when empty: those that fit the key',
    (algorithm) => {
      if (!['HS256', 'RS256', 'ES256', 'EdDSA'].includes(algorithm))
        throw new Error('must be of HS256, RS256, ES256, EdDSA');
      return algorithm;
    },
  ),
  jwtIssuer: text('CIM_JWT_ISSUER', '', 'What tokens must have as "iss"; not checked when empty'),
  jwtAudience: text(
    'CIM_JWT_AUDIENCE',
    '',
    'What tokens must have as "aud" or among it; not checked when empty. Needed with CIM_JWT_JWKS_URL',
  ),
  jwtGroups: list(
    'CIM_JWT_GROUPS',
    'Groups that the claim "groups" of a token may open though they are by invitation: what the token calls one, and its id: engineering=17,ops=42',
    (pair) => {
      const [, name, id = ''] = /^(.+)=([^=]*)$/.exec(pair) ?? [];
      if (name === undefined || !/^[1-9]\d{0,15}$/.test(id))
        throw new Error('must be names and ids of groups, such as engineering=17,ops=42');
      return [name, id] as const;
    },
  ),
  sessionPolicy: oneOf(
    'CIM_SESSION_POLICY',
    ['reject', 'kick', 'devices'],
    'reject',
    'A second login of a user is refused, or closes the first, or both stay: one for each device. The same on all servers',
  ),
  maxDevices: integer(
    'CIM_MAX_DEVICES',
    10,
    [1, 50],
    'Devices of a user that may be logged in at once when CIM_SESSION_POLICY is devices',
  ),
  sessionDays: integer(
    'CIM_SESSION_DAYS',
    30,
    [1, 3_650],
    'Days after which a session ends and its secret opens nothing, counted from the login that showed a password or a token. The same on all servers',
  ),
  placement: oneOf(
    'CIM_PLACEMENT',
    ['round-robin', 'random', 'consistent-hash'],
    'round-robin',
    'Which im-server a login gets',
  ),
  durability: oneOf(
    'CIM_DURABILITY',
    ['disk', 'quorum', 'fast'],
    'disk',
    'When a message in Redis counts as stored: on its disk, on every replica too, or when Redis has taken it',
  ),
  loginRate: integer(
    'CIM_LOGIN_RATE',
    2_000,
    [1, 1_000_000],
    'Logins, and as many registrations, a second that one route takes',
  ),
  idleTimeoutMs: integer(
    'CIM_IDLE_TIMEOUT_MS',
    30_000,
    [12_000, 3_600_000],
    'A client that is not heard for this long is closed, ms; CIM clients ping every 10 s',
  ),
  drainRate: integer(
    'CIM_DRAIN_RATE',
    100,
    [1, 100_000],
    'Sessions a second that an im-server asks to move to the others in a drain or a rebalance, unless the operator says otherwise',
  ),
  allowList: networksOption(
    'CIM_ALLOW_LIST',
    LOOPBACK_NETWORKS,
    'Networks whose addresses have no limit by address and are never suspended: 192.0.2.0/24,2001:db8::/32; none for no network. Loopback stands for the own machine: leave it out when a proxy on this machine is not in CIM_TRUSTED_PROXIES',
  ),
  eventsKept: integer(
    'CIM_EVENTS_KEPT',
    10_000,
    [100, 1_000_000],
    'Events that each of the 256 partitions of the feed keeps while a receiver is away; then the oldest are lost for it',
  ),
  eventsKeptHours: integer(
    'CIM_EVENTS_KEPT_HOURS',
    168,
    [1, 8_760],
    'Hours that the feed keeps an event that a receiver has not got; then the event is lost for it',
  ),
  webhooksFile: text(
    'CIM_WEBHOOKS_FILE',
    '',
    'JSON file that declares webhooks; it is applied again when it changes',
  ),
  wordsFile: text(
    'CIM_WORDS_FILE',
    '',
    'File of sensitive words: one on each line below [refuse], [mask] or [flag]. Read again when it changes. The same on all servers; no words when empty',
  ),
  moderationUrl: text(
    'CIM_MODERATION_URL',
    '',
    'URL of a business system that is asked about each message before it is stored, the same on all servers; nobody is asked when empty',
  ),
  moderationSecret: text(
    'CIM_MODERATION_SECRET',
    '',
    'Signs the questions to CIM_MODERATION_URL: whsec_ and 24 to 64 bytes in base64',
    true,
  ),
  moderationGroups: list(
    'CIM_MODERATION_GROUPS',
    'Groups whose messages are asked about, such as 17,lobby; all conversations when empty',
    (group) => {
      if (!/^(lobby|[1-9]\d{0,15})$/.test(group)) throw new Error('must be ids of groups, such as 17,lobby');
      return group;
    },
  ),
  moderationFallback: oneOf(
    'CIM_MODERATION_FALLBACK',
    ['allow', 'hold', 'refuse'],
    '',
    'What is done with a message while CIM_MODERATION_URL does not answer; must be set with it',
  ),
  moderationDeadlineMs: integer(
    'CIM_MODERATION_DEADLINE_MS',
    300,
    [10, 60_000],
    'Time that CIM_MODERATION_URL has for an answer, ms',
  ),
  heldMost: integer(
    'CIM_HELD_MOST',
    5_000,
    [1, 100_000],
    'Messages that may wait for a decision at once; more are refused. The same on all servers',
  ),
  outcallHosts: list(
    'CIM_OUTCALL_HOSTS',
    'Hosts that calls to business systems may reach though they are inside the network or without TLS: names or addresses as the URL has them, without a port, such as crm.internal,127.0.0.1',
    (host) => {
      if (!/^([A-Za-z0-9._-]+|[0-9A-Fa-f:.]+)$/.test(host))
        throw new Error('must name hosts without a port, such as crm.internal,127.0.0.1');
      return host.toLowerCase();
    },
  ),
  ...limitSettings,
  logLevel: oneOf('CIM_LOG_LEVEL', LOG_LEVELS, 'info', 'What is logged, to standard error'),
  logFile: text(
    'CIM_LOG_FILE',
    '',
    'Files beside standard error that the log is written to, one for each server: /var/log/cim/route.log is route.<date>.<number>.log there. A new one begins each day',
  ),
  logFileMb: integer('CIM_LOG_FILE_MB', 100, [1, 10_000], 'A new log file begins at this size, MB'),
  logFilesKept: integer('CIM_LOG_FILES_KEPT', 14, [1, 10_000], 'Older log files that are kept'),
  name: text('CIM_NAME', '', 'User name of the terminal client'),
  route: text('CIM_ROUTE', 'http://127.0.0.1:8083', 'Route that the terminal client talks to'),
  routeInternal: {
    ...text('CIM_ROUTE_INTERNAL', 'http://127.0.0.1:8082', 'Internal port of a route, which cim admin asks'),
    parse: (url: string): string => {
      if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ''))
        throw new Error('must be a URL such as http://127.0.0.1:8082');
      return new URL(url).origin;
    },
  },
  password: text('CIM_PASSWORD', '', 'Password of the account, if it has one', true),
  token: text(
    'CIM_TOKEN',
    '',
    'Token of the user, in place of a password, where the server takes tokens (CIM_AUTH=jwt)',
    true,
  ),
  stateDir: text(
    'CIM_STATE_DIR',
    '',
    'Folder where the terminal client keeps its cursors; ~/.cim when empty',
  ),
  device: {
    ...text(
      'CIM_DEVICE',
      '',
      'A second terminal of the same name on one machine: what this one is called. It has files of its own; the server must take several devices (CIM_SESSION_POLICY=devices)',
    ),
    parse: (name: string): string => {
      if (!/^[\w-]{0,32}$/.test(name)) throw new Error('must be a word of at most 32 letters and digits');
      return name;
    },
  },
  listener: text(
    'CIM_LISTENER',
    '',
    'JavaScript module whose exported functions the terminal client calls: each is named as the event that it is for',
  ),
  plain: yesOrNo(
    'CIM_PLAIN',
    false,
    'The terminal client shows one stream of lines, in place of a screen with an area for each conversation',
  ),
} as const satisfies Record<string, Option<unknown>>;

/**
 * All environment names of settings. A program ignores the settings of other programs in a shared
 * environment.
 */
export const settingNames: readonly string[] = Object.values(settings).flatMap(namesOf);

export function pick<S extends Schema, const K extends keyof S>(from: S, ...keys: readonly K[]): Pick<S, K> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<S, K>;
}

const LOOPBACK = /^(localhost|::1|\[::1\]|127(\.\d{1,3}){3})$/;

/** Whether only this machine can connect to the address. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

/** A secret that everybody knows. It is used only where only this machine can connect. */
const LOOPBACK_SECRET = 'cim-on-loopback';

/** The values of CIM_AUTH. */
export type Auth = 'open' | 'password' | 'jwt';

/**
 * Decides what depends on whether other machines can connect: the secret, who may act, and whether plain text
 * is allowed.
 * @throws {Error} one line that names all settings to give
 */
export function trustOf(config: {
  readonly host: string;
  readonly internalHost: string;
  readonly clusterSecret: string;
  readonly clusterSecretNext?: string;
  readonly tlsCert: string;
  readonly insecure: boolean;
  readonly auth?: Auth | '';
}): { readonly clusterSecret: string; readonly auth: Auth } {
  const open = [
    ['CIM_HOST', config.host],
    ['CIM_INTERNAL_HOST', config.internalHost],
  ].find(([, host = '']) => !isLoopback(host));
  const because = open?.join(' is ') ?? '';
  const missing: string[] = [];
  if (open !== undefined && config.clusterSecret === '')
    missing.push('CIM_CLUSTER_SECRET (the same on all servers)');
  if (!isLoopback(config.host) && config.auth === '')
    missing.push('CIM_AUTH ("password", "jwt", or "open" to trust whoever can connect)');
  if (open !== undefined && config.tlsCert === '' && !config.insecure)
    missing.push('CIM_TLS_CERT and CIM_TLS_KEY (or CIM_INSECURE=true, which lets the network read along)');
  if (missing.length > 0) throw new Error(`${missing.join(' and ')} must be set when ${because}`);
  for (const [name, { length }] of [
    ['CIM_CLUSTER_SECRET', config.clusterSecret],
    // A missing second secret counts as the first, which has been checked.
    ['CIM_CLUSTER_SECRET_NEXT', config.clusterSecretNext || config.clusterSecret],
  ] as const)
    if (open !== undefined && length < MIN_SECRET_CHARACTERS)
      throw new Error(
        `${name} has ${length} characters; at least ${MIN_SECRET_CHARACTERS} are needed when ${because} (openssl rand -base64 32 makes one)`,
      );
  return {
    clusterSecret: config.clusterSecret === '' ? LOOPBACK_SECRET : config.clusterSecret,
    auth: config.auth === undefined || config.auth === '' ? 'open' : config.auth,
  };
}

/** The settings of the business system that is asked about messages. */
export const moderationKeys = [
  'moderationUrl',
  'moderationSecret',
  'moderationGroups',
  'moderationFallback',
  'moderationDeadlineMs',
  'heldMost',
] as const;

/** The settings that say where Redis is and how a program is let in. */
export const redisKeys = [
  'redisUrl',
  'redisPassword',
  'redisSentinelUsername',
  'redisSentinelPassword',
  'redisTlsCa',
  'redisTlsCert',
  'redisTlsKey',
  'redisTlsServername',
] as const;

/**
 * The host that clients and other servers are given.
 * @throws {Error} one line: this server listens on all addresses, and no setting says which one to give
 */
export function advertisedHost(config: { readonly host: string; readonly advertiseHost: string }): string {
  if (config.advertiseHost !== '') return config.advertiseHost;
  if (config.host === '0.0.0.0' || config.host === '::')
    throw new Error(
      `CIM_ADVERTISE_HOST must be set when CIM_HOST is ${config.host}: the address clients connect to`,
    );
  return config.host;
}

/**
 * Checks that other servers can call this one at the address in the registry.
 * @throws {Error} one line: the internal port listens for this machine alone and the registry names another
 * address
 */
export function requireReachable(config: {
  readonly host: string;
  readonly advertiseHost: string;
  readonly internalHost: string;
}): void {
  const told = advertisedHost(config);
  if (isLoopback(told) || !isLoopback(config.internalHost)) return;
  const where = isLoopback(config.host) ? 'the address of this machine that they reach' : config.host;
  throw new Error(
    `CIM_INTERNAL_HOST must be set, to ${where}: the other servers call this one at ${told}, and its internal port listens on ${config.internalHost} only`,
  );
}
