/** The load of one process: its users, their connections, the texts they send, and those that arrived. */
import { TimingWheel } from '@cim/channel';
import type { Clock } from '../clock.ts';
import { Histogram } from '../histogram.ts';
import { LaneArrivals } from './arrivals.ts';
import { BareLink } from './bare-link.ts';
import { setTimeout as pause } from 'node:timers/promises';
import type {
  Calls,
  ConnectAnswer,
  ConnectRequest,
  Counts,
  LoadUser,
  Placed,
  StepAnswer,
  TextArrival,
  Wire,
} from './calls.ts';
import { CimLink } from './cim-link.ts';
import { HttpPool } from './http-pool.ts';
import type { Address, Link, LinkOwner, LinkReceipt } from './link.ts';
import { OwnLink } from './own-link.ts';
import { readPayload } from './payload.ts';
import { openLoop } from './schedule.ts';
import { HttpSender, newCounts, type Sender, TcpSender } from './sender.ts';

const ACK_MS = 200;
/**
 * Delay of an ack of a group on a link that writes all the time. On other links it takes the place of a ping,
 * as in the SDK.
 */
const GROUP_ACK_MS = 18_000;
/**
 * The same delay where the link pings less often than clients do. The server sends an entry again after 24 s,
 * and a busy tool is late.
 */
const EARLY_GROUP_ACK_MS = 6_000;
/** A login that takes longer has failed. */
const READY_MS = 20_000;
/**
 * Connections from one address to one port. The more there are, the longer the kernel searches for a free
 * port.
 */
const PER_SOURCE = 250;

/** The texts that one connection has received. */
interface Inbox {
  /** Key: lane. An entry is made with the lane's first text and never removed. */
  readonly lanes: Map<number, LaneArrivals>;
}

export class Load implements Calls, LinkOwner {
  readonly #clock: Clock;
  #wire: Wire = 'own';
  #bytes = 64;
  #source = 1;
  #http = new HttpPool('http://127.0.0.1:1', 0);
  /** Key: index of the user. A link is removed by `disconnect` and when its connection ends. */
  readonly #links = new Map<number, Link>();
  /** Key: a link that is not ready. Value: called when it is ready or has failed, and then removed. */
  readonly #opening = new Map<Link, (problem?: string) => void>();
  /** Key: index of the user. */
  readonly #inboxes = new Map<number, Inbox>();
  /** Key: lane. */
  readonly #senders = new Map<number, Sender>();
  /**
   * Key: index of the sending user. Value: the sender that gets the user's receipts. A user sends one lane
   * over TCP.
   */
  readonly #receipts = new Map<number, TcpSender>();
  #toFlush: Link[] = [];
  #toAck: Link[] = [];
  #pingMs = 15_000;
  readonly #wheel = new TimingWheel();
  #opened = 0;
  #closed = 0;
  #twice = 0;
  #outOfOrder = 0;
  #arrived = 0;
  #problem = '';
  #step = 0;
  #startUs = 0;
  #lastArrivalUs = 0;
  #arrival = new Histogram();
  #receipt = new Histogram();
  #lag = new Histogram();
  readonly #perSecond = new Map<number, Histogram>();
  /**
   * Key: lane and number. Value: last arrival of that text in this step. Undefined when the step does not ask
   * for it.
   */
  #texts: Map<string, TextArrival> | undefined;
  /** The newest text of `#texts`. Its arrivals come one after the other. */
  #newest: { readonly lane: number; readonly number: number; readonly arrival: TextArrival } | undefined;
  readonly #flush = () => {
    const links = this.#toFlush;
    this.#toFlush = [];
    const now = performance.now();
    for (const link of links) link.flush(now);
  };

  constructor(clock: Clock) {
    this.#clock = clock;
    setInterval(() => {
      const links = this.#toAck;
      this.#toAck = [];
      for (const link of links) if (!link.closed) link.ack();
    }, ACK_MS).unref();
    this.#wheel.start();
  }

  open(request: Parameters<Calls['open']>[0]): Promise<void> {
    this.#wire = request.wire;
    this.#bytes = request.bytes;
    this.#source = request.source;
    this.#pingMs = request.pingS * 1_000;
    this.#http.end();
    this.#http = new HttpPool(request.routeUrl, request.httpConnections);
    return Promise.resolve();
  }

  async register({ names, apartMs }: Parameters<Calls['register']>[0]): Promise<LoadUser[]> {
    const one = async ({ index, userName }: (typeof names)[number]): Promise<LoadUser> => {
      const account = (await this.#http.call(index, '/registerAccount', { userName })) as { userId: number };
      return { index, userId: account.userId, userName };
    };
    if (apartMs === 0) return Promise.all(names.map(one));
    const users: LoadUser[] = [];
    for (const name of names) {
      users.push(await one(name));
      await pause(apartMs);
    }
    return users;
  }

  async connect(request: ConnectRequest): Promise<ConnectAnswer> {
    return this.#connectAll(request.users, request, async (user) => {
      const body = { userId: user.userId, userName: user.userName, ...(this.#wire !== 'cim' && { wire: 2 }) };
      const place = (await this.#http.call(user.index, '/login', body)) as {
        ip: string;
        cimServerPort: number;
        ticket?: string;
      };
      const address = this.#address(place.ip, place.cimServerPort);
      const link =
        this.#wire === 'cim'
          ? new CimLink(user.index, address, this, user)
          : new OwnLink(
              user.index,
              address,
              this,
              { userId: user.userId, ticket: place.ticket ?? '', lobby: request.lobby },
              this.#wire === 'ws' || this.#wire === 'tls' ? this.#wire : 'tcp',
            );
      await this.#ready(link);
      if (request.fetch && this.#wire === 'cim')
        await this.#http.call(user.index, '/fetchOfflineMsgs', { receiveUserId: user.userId });
      return { index: user.index, server: `${place.ip}:${place.cimServerPort}` };
    });
  }

  async connectBare({
    host,
    port,
    indexes,
    ratePerS,
    startUs,
    httpFirst,
  }: Parameters<Calls['connectBare']>[0]): Promise<ConnectAnswer> {
    const all = indexes.map((index) => ({ index }));
    return this.#connectAll(all, { ratePerS, startUs, parallel: 64 }, async ({ index }) => {
      if (httpFirst) await this.#http.call(index, '/login', { userId: index, userName: `bare${index}` });
      await this.#ready(new BareLink(index, this.#address(host, port), this));
      return { index, server: `${host}:${port}` };
    });
  }

  begin({ step, startUs, perText }: Parameters<Calls['begin']>[0]): Promise<void> {
    this.#step = step;
    this.#texts = perText ? new Map() : undefined;
    this.#newest = undefined;
    this.#startUs = startUs;
    this.#lastArrivalUs = startUs;
    this.#arrival = new Histogram();
    this.#receipt = new Histogram();
    this.#lag = new Histogram();
    this.#perSecond.clear();
    return Promise.resolve();
  }

  async send(request: Parameters<Calls['send']>[0]): Promise<void> {
    const { step, lanes, ratePerS, count, burst, startUs } = request;
    const senders = lanes.map((lane) => this.#sender(lane, request.via));
    if (senders.length === 0) return;
    const rounds = Math.ceil(count / burst);
    const schedule = { startUs, ratePerS: ratePerS / burst, count: rounds, stopped: () => this.#closed > 0 };
    await openLoop(this.#clock, schedule, (k, atUs) => {
      const sender = senders[k % senders.length];
      if (step === this.#step) this.#lag.record(this.#clock.nowUs() - atUs);
      for (let i = 0; i < burst && k * burst + i < count; i++) sender?.send(step, atUs);
    });
  }

  counts(): Promise<Counts> {
    const sent = newCounts();
    let problem = this.#problem;
    for (const { counts, problem: said } of this.#senders.values()) {
      sent.created += counts.created;
      sent.stored += counts.stored;
      sent.again += counts.again;
      sent.failed += counts.failed;
      if (said !== '') problem = said;
    }
    return Promise.resolve({
      sent,
      arrived: this.#arrived,
      twice: this.#twice,
      outOfOrder: this.#outOfOrder,
      closed: this.#closed,
      problem,
    });
  }

  measured(): Promise<StepAnswer> {
    return Promise.resolve({
      arrival: this.#arrival.data(),
      receipt: this.#receipt.data(),
      lag: this.#lag.data(),
      perSecond: [...this.#perSecond].map(([second, histogram]) => [second, histogram.data()] as const),
      texts: [...(this.#texts?.values() ?? [])],
      lastArrivalUs: this.#lastArrivalUs,
    });
  }

  disconnect(indexes: readonly number[] | 'all'): Promise<void> {
    for (const index of indexes === 'all' ? [...this.#links.keys()] : indexes) {
      const link = this.#links.get(index);
      this.#links.delete(index);
      this.#receipts.delete(index);
      link?.end();
    }
    this.#senders.clear();
    return Promise.resolve();
  }

  onReady(link: Link): void {
    this.#opening.get(link)?.();
  }

  onText(link: Link, bytes: Uint8Array, at: number): void {
    const { step, lane, number, atUs } = readPayload(bytes, at);
    const inbox = this.#inboxes.get(link.index) ?? this.#newInbox(link.index);
    let arrivals = inbox.lanes.get(lane);
    if (arrivals === undefined) inbox.lanes.set(lane, (arrivals = new LaneArrivals()));
    const early = arrivals.outOfOrder;
    if (!arrivals.take(number)) {
      this.#twice++;
      return;
    }
    this.#arrived++;
    this.#outOfOrder += arrivals.outOfOrder - early;
    if (step !== this.#step) return;
    const now = this.#clock.nowUs();
    this.#lastArrivalUs = now;
    this.#arrival.record(now - atUs);
    const second = Math.floor((atUs - this.#startUs) / 1e6);
    let histogram = this.#perSecond.get(second);
    if (histogram === undefined) this.#perSecond.set(second, (histogram = new Histogram()));
    histogram.record(now - atUs);
    if (this.#texts !== undefined) this.#arrivalOf(this.#texts, lane, number, atUs).lastUs = now;
  }

  onReceipt(link: Link, receipt: LinkReceipt): void {
    this.#receipts.get(link.index)?.onReceipt(receipt);
  }

  onClosed(link: Link, why: string): void {
    const opening = this.#opening.get(link);
    if (opening !== undefined) return opening(why);
    if (this.#links.get(link.index) !== link) return;
    this.#links.delete(link.index);
    this.#closed++;
    this.#problem = `a connection was closed: ${why}`;
  }

  wantsFlush(link: Link): void {
    if (this.#toFlush.push(link) === 1) queueMicrotask(this.#flush);
  }

  wantsAck(link: Link): void {
    this.#toAck.push(link);
  }

  onQuiet(link: Link): void {
    if (link.closed) return;
    const now = performance.now();
    const seldom = this.#pingMs > 15_000;
    const pingIn = link.wroteAt + this.#pingMs - now;
    const ackIn = seldom ? 0 : link.groupUnackedAt + GROUP_ACK_MS - now;
    if (pingIn <= 0) link.ping();
    else if (ackIn <= 0) link.ackGroup();
    const nextAckIn = seldom ? EARLY_GROUP_ACK_MS : ackIn > 0 ? ackIn : GROUP_ACK_MS;
    this.#wheel.schedule(link, Math.min(pingIn > 0 ? pingIn : this.#pingMs, nextAckIn));
  }

  #sender(lane: Parameters<Calls['send']>[0]['lanes'][number], via: 'tcp' | 'http'): Sender {
    const known = this.#senders.get(lane.lane);
    if (known !== undefined) return known;
    const onStored = (step: number, atUs: number): void => {
      if (step === this.#step) this.#receipt.record(this.#clock.nowUs() - atUs);
    };
    const link = this.#links.get(lane.from);
    let sender: Sender;
    if (via === 'http') sender = new HttpSender(lane, this.#http, this.#bytes, onStored);
    else if (link === undefined) throw new Error(`user ${lane.from} is not connected`);
    else {
      const overTcp = new TcpSender(lane, link, this.#bytes, onStored);
      this.#receipts.set(lane.from, overTcp);
      sender = overTcp;
    }
    this.#senders.set(lane.lane, sender);
    return sender;
  }

  #arrivalOf(texts: Map<string, TextArrival>, lane: number, number: number, atUs: number): TextArrival {
    if (this.#newest?.number === number && this.#newest.lane === lane) return this.#newest.arrival;
    const text = `${lane}:${number}`;
    const arrival = texts.get(text) ?? { text, atUs, lastUs: 0 };
    texts.set(text, arrival);
    this.#newest = { lane, number, arrival };
    return arrival;
  }

  #newInbox(index: number): Inbox {
    const inbox = { lanes: new Map<number, LaneArrivals>() };
    this.#inboxes.set(index, inbox);
    return inbox;
  }

  #address(host: string, port: number): Address {
    if (!host.startsWith('127.')) return { host, port };
    const block = Math.floor(this.#opened++ / PER_SOURCE) + 1;
    return {
      host,
      port,
      localAddress: `127.${this.#source}.${Math.floor(block / 250)}.${(block % 250) + 1}`,
    };
  }

  #ready(link: Link): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => link.end(new Error(`not ready in ${READY_MS} ms`)), READY_MS);
      this.#opening.set(link, (problem) => {
        clearTimeout(late);
        this.#opening.delete(link);
        if (problem !== undefined) return reject(new Error(problem));
        this.#links.set(link.index, link);
        // Links that came together must not ping together, so each starts at another point of its silence.
        link.wroteAt = performance.now() - this.#pingMs * ((link.index * 0.618) % 1);
        this.onQuiet(link);
        resolve();
      });
    });
  }

  async #connectAll<U extends { readonly index: number }>(
    users: readonly U[],
    how: { readonly ratePerS: number; readonly startUs: number; readonly parallel: number },
    connectOne: (user: U) => Promise<Placed>,
  ): Promise<ConnectAnswer> {
    const placed: Placed[] = [];
    const latency = new Histogram();
    let failed = 0;
    let problem = '';
    let endUs = 0;
    const one = async (user: U, atUs: number): Promise<void> => {
      try {
        placed.push(await connectOne(user));
        endUs = this.#clock.nowUs();
        latency.record(endUs - atUs);
      } catch (error) {
        failed++;
        problem = (error as Error).message;
      }
    };
    if (how.ratePerS > 0) {
      const under: Promise<void>[] = [];
      const schedule = { ...how, count: users.length, stopped: () => false };
      await openLoop(this.#clock, schedule, (k, atUs) => {
        const user = users[k];
        if (user !== undefined) under.push(one(user, atUs));
      });
      await Promise.all(under);
    } else {
      let next = 0;
      const lane = async (): Promise<void> => {
        for (let user = users[next++]; user !== undefined; user = users[next++])
          await one(user, this.#clock.nowUs());
      };
      await Promise.all(Array.from({ length: how.parallel }, lane));
    }
    return { placed, latency: latency.data(), failed, problem, endUs };
  }
}
