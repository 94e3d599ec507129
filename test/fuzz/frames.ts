/**
 * Frames of a hostile client. A `tame` frame is well formed and only hostile deep inside; it is answered, and
 * the channel goes on. A `wild` frame may be anything, and mostly ends the channel.
 */
import { delimited, framed, number, tag, varint } from './bytes.ts';
import type { Dice } from './dice.ts';
import { hostileBytes, hostileJson, hostileNumber, hostileText, mutated } from './values.ts';
import type { World } from './world.ts';

/** Numbers of the fields of `Frame`. */
const FIELD = {
  login: 16,
  send: 18,
  delivered: 20,
  ack: 22,
  resume: 23,
  ping: 25,
  pong: 26,
  counters: 29,
  find: 30,
  signal: 32,
} as const;
/** Bodies that only servers send. */
const OF_SERVERS = [17, 19, 21, 24, 27, 28, 31] as const;
const OWN_TYPES = [
  '',
  'json',
  'recall',
  'edit',
  'reaction',
  'member',
  'x',
  'app.custom-1',
  'constructor',
] as const;
const EDGE_BYTES = [4_095, 4_096, 4_097, 65_535, 65_536, 65_537] as const;
const SEND_WEIGHT = 70;

export const PING = framed(delimited(FIELD.ping, ''));

export class Frames {
  readonly #dice: Dice;
  readonly #world: World;
  #followsOwn = false;
  #following = false;
  #producer: string;
  /** Key: recipient. Value: the last counter under `#producer`. */
  readonly #counters = new Map<string, number>();

  constructor(dice: Dice, world: World) {
    this.#dice = dice;
    this.#world = world;
    this.#producer = this.#newProducer();
  }

  /** The session has got `resumed`. Only now it may ack. */
  resumed(): void {
    this.#following = this.#followsOwn;
  }

  login(userId: number, ticket: string): Buffer {
    const level = this.#dice.percent(85) ? 1 : 0;
    return framed(
      delimited(
        FIELD.login,
        Buffer.concat([
          number(1, userId),
          delimited(2, ticket),
          delimited(3, hostileText(this.#dice)),
          number(4, level),
        ]),
      ),
    );
  }

  cimLogin(userId: number, userName: string): Buffer {
    return framed(Buffer.concat([delimited(1, userName), number(2, userId), number(3, 0)]));
  }

  cimPing(): Buffer {
    return framed(Buffer.concat([delimited(1, 'ping'), number(2, 0), number(3, 2)]));
  }

  cim(): Buffer {
    return framed(this.#dice.percent(80) ? this.#cimFrame() : delimited(FIELD.send, this.#send()));
  }

  /** May be sent once in a session. */
  resume(): Buffer {
    const dice = this.#dice;
    const cursors = dice.percent(85)
      ? []
      : Array.from({ length: dice.pick([1, 2, 3, 40, 500]) }, () => this.#cursor());
    this.#followsOwn = dice.percent(95);
    const own = this.#followsOwn ? [delimited(1, ''), delimited(1, delimited(1, 'lobby'))] : [];
    return framed(delimited(FIELD.resume, Buffer.concat([...own, ...cursors, number(2, dice.below(2))])));
  }

  ack(group: string, seq: number, held = 0): Buffer {
    return framed(
      delimited(FIELD.ack, Buffer.concat([delimited(1, group), number(2, seq), number(3, held)])),
    );
  }

  tame(): Buffer {
    const dice = this.#dice;
    if (dice.percent(SEND_WEIGHT)) return framed(delimited(FIELD.send, this.#send()));
    return dice.pick<() => Buffer>([
      () => framed(delimited(FIELD.find, this.#aboutSends())),
      () => framed(delimited(FIELD.counters, this.#counterList(dice.between(1, 64)))),
      () =>
        framed(
          delimited(
            FIELD.delivered,
            Buffer.concat([number(1, this.#userId()), number(2, dice.below(2_000))]),
          ),
        ),
      () => framed(delimited(FIELD.signal, this.#typing())),
      () =>
        this.#following
          ? framed(
              delimited(
                FIELD.ack,
                Buffer.concat([delimited(1, dice.pick(['', 'lobby'])), this.#unknownFields()]),
              ),
            )
          : PING,
      () => framed(delimited(FIELD.ping, this.#unknownFields())),
      // A body that only a newer client knows.
      () => framed(delimited(dice.between(33, 60), dice.bytes(dice.below(30)))),
      () => framed(this.#cimFrame()),
      () => framed(Buffer.alloc(0)),
    ])();
  }

  wild(): Buffer {
    const dice = this.#dice;
    return dice.pick<() => Buffer>([
      () => mutated(dice, this.tame()),
      () => mutated(dice, Buffer.concat([this.tame(), this.tame(), this.tame()])),
      () => framed(mutated(dice, delimited(FIELD.send, this.#send()))),
      () => framed(mutated(dice, this.#anyBody())),
      () => framed(this.#anyBody()),
      () => framed(Buffer.concat([this.#anyBody(), this.#anyBody()])),
      () => framed(delimited(FIELD.pong, this.#unknownFields())),
      () => framed(delimited(dice.pick(OF_SERVERS), dice.bytes(dice.below(40)))),
      () => framed(delimited(FIELD.send, this.#twice(this.#send()))),
      () => framed(this.#nested(dice.between(1, 400))),
      () => framed(dice.bytes(dice.below(200))),
      () => this.#longFrame(),
      () => Buffer.concat([varint(dice.below(2 ** 31)), dice.bytes(10)]),
      () => Buffer.concat([varint(hostileNumber(dice), dice.below(4)), this.tame()]),
      () =>
        Buffer.from(
          dice.pick(['GET / HTTP/1.1\r\n\r\n', '\u0016\u0003\u0001', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n']),
        ),
      () => this.tame().subarray(0, dice.between(1, 3)),
      () => this.resume(),
    ])();
  }

  /** A frame that a stranger sends in place of a login. */
  strange(userId: number, userName: string): Buffer {
    const dice = this.#dice;
    const login = (ticket: string | Buffer): Buffer =>
      Buffer.concat([
        number(1, dice.percent(50) ? userId : hostileNumber(dice)),
        delimited(2, ticket),
        delimited(3, hostileBytes(dice)),
        number(4, hostileNumber(dice)),
      ]);
    const forged = (): string =>
      dice.pick([
        '',
        'x.y.z',
        Buffer.from(`${userId}.any.1.${Date.now() + 60_000}`).toString('base64url'),
        `${Buffer.from(JSON.stringify({ userId, epoch: 1 })).toString('base64url')}.${'A'.repeat(43)}`,
        hostileText(dice),
      ]);
    return dice.pick<() => Buffer>([
      () => framed(delimited(FIELD.login, login(forged()))),
      () => framed(delimited(FIELD.login, login(hostileBytes(dice)))),
      () => framed(mutated(dice, delimited(FIELD.login, login(forged())))),
      () =>
        framed(
          Buffer.concat([
            delimited(1, dice.percent(70) ? userName : hostileBytes(dice)),
            number(2, hostileNumber(dice)),
            number(3, 0),
          ]),
        ),
      () => framed(this.#cimFrame()),
      () => this.wild(),
      () => this.tame(),
      () => mutated(dice, framed(delimited(FIELD.login, login(forged())))),
    ])();
  }

  #anyBody(): Buffer {
    const dice = this.#dice;
    return dice.pick<() => Buffer>([
      () =>
        delimited(
          FIELD.login,
          Buffer.concat([number(1, hostileNumber(dice)), delimited(2, hostileBytes(dice))]),
        ),
      () =>
        delimited(
          FIELD.ack,
          Buffer.concat([
            delimited(1, this.#group()),
            number(2, hostileNumber(dice)),
            number(3, hostileNumber(dice)),
          ]),
        ),
      () =>
        delimited(
          FIELD.delivered,
          Buffer.concat([number(1, hostileNumber(dice)), number(2, hostileNumber(dice))]),
        ),
      () => delimited(FIELD.find, this.#aboutSends(true)),
      () => delimited(FIELD.counters, this.#counterList(dice.pick([0, 1, 3, 65, 1_000]), true)),
      () =>
        delimited(
          FIELD.signal,
          Buffer.concat([
            number(1, hostileNumber(dice)),
            number(2, hostileNumber(dice)),
            delimited(3, hostileBytes(dice)),
            number(6, hostileNumber(dice)),
          ]),
        ),
      () => delimited(FIELD.resume, Buffer.concat([this.#cursor(), number(2, hostileNumber(dice))])),
      () => delimited(FIELD.send, this.#send()),
      () => this.#cimFrame(),
    ])();
  }

  /** A frame of CIM's wire, whose fields our wire does not use. */
  #cimFrame(): Buffer {
    const dice = this.#dice;
    const properties = Array.from({ length: dice.below(4) }, () =>
      delimited(4, Buffer.concat([delimited(1, hostileText(dice)), delimited(2, hostileText(dice))])),
    );
    return Buffer.concat([
      delimited(1, hostileText(dice)),
      number(2, hostileNumber(dice)),
      number(3, dice.pick([1, 2, 3, 7])),
      ...properties,
      delimited(5, hostileText(dice)),
    ]);
  }

  #send(): Buffer {
    const dice = this.#dice;
    const to = this.#recipient();
    if (dice.percent(1)) {
      this.#producer = this.#newProducer();
      this.#counters.clear();
    }
    const name = `${to.to}/${to.group}`;
    const due = (this.#counters.get(name) ?? 0) + 1;
    const counter = dice.percent(85)
      ? BigInt(due)
      : dice.percent(50)
        ? BigInt(due + dice.below(5) - 3)
        : hostileNumber(dice);
    const content = this.#content();
    if (counter === BigInt(due)) this.#counters.set(name, due);
    const producer = dice.percent(92)
      ? this.#producer
      : dice.percent(50)
        ? hostileText(dice)
        : this.#newProducer();
    const fields = [
      number(1, to.to, dice.percent(5) ? dice.below(5) : 0),
      delimited(2, to.group),
      delimited(3, producer),
      number(4, counter),
      delimited(5, content),
      number(6, dice.below(2)),
    ];
    if (dice.percent(5)) fields.push(this.#unknownFields());
    // Fields of protobuf have no order, and of a repeated field the last one counts.
    if (dice.percent(5)) fields.reverse();
    if (dice.percent(3)) fields.push(dice.pick(fields));
    return Buffer.concat(fields);
  }

  #recipient(): { to: bigint; group: string } {
    const dice = this.#dice;
    const chance = dice.below(100);
    if (chance < 60) return { to: BigInt(this.#userId()), group: '' };
    if (chance < 66) return { to: 0n, group: this.#group() };
    if (chance < 80) return { to: hostileNumber(dice), group: '' };
    if (chance < 92) return { to: 0n, group: hostileText(dice) };
    return { to: BigInt(this.#userId()), group: 'lobby' };
  }

  #content(): Buffer {
    const dice = this.#dice;
    const chance = dice.below(100);
    if (chance < 45) return this.#texts(dice.pick([1, 1, 1, 2, 5]));
    if (chance < 48) return this.#texts(dice.pick([0, 0, 0, 5, 99, 100, 101]));
    if (chance < 50) return delimited(1, 'y'.repeat(dice.pick([8_191, 8_192, 8_193, 32_768])));
    if (chance < 62) return mutated(dice, this.#texts(3));
    if (chance < 66) return dice.bytes(dice.below(60));
    const type = dice.percent(85) ? dice.pick(OWN_TYPES) : hostileText(dice);
    return Buffer.concat([
      ...(dice.percent(50) ? [this.#texts(dice.below(3))] : []),
      delimited(2, type),
      ...(dice.percent(60) ? [delimited(3, dice.percent(70) ? hostileJson(dice) : hostileBytes(dice))] : []),
      ...(dice.percent(60)
        ? [delimited(4, dice.percent(70) ? this.#world.messageId(dice) : hostileText(dice))]
        : []),
    ]);
  }

  #texts(count: number): Buffer {
    const dice = this.#dice;
    return Buffer.concat(
      Array.from({ length: count }, () =>
        delimited(1, dice.percent(85) ? hostileText(dice) : hostileBytes(dice)),
      ),
    );
  }

  #aboutSends(wild = false): Buffer {
    const dice = this.#dice;
    const to = wild
      ? { to: hostileNumber(dice), group: hostileText(dice) }
      : { to: BigInt(this.#userId()), group: '' };
    const producer = wild && dice.percent(50) ? hostileText(dice) : this.#producer;
    return Buffer.concat([number(1, to.to), delimited(2, to.group), delimited(3, producer)]);
  }

  #counterList(length: number, wild = false): Buffer {
    const dice = this.#dice;
    return Buffer.concat(
      Array.from({ length }, () =>
        delimited(
          1,
          Buffer.concat([
            this.#aboutSends(wild),
            number(4, wild ? hostileNumber(dice) : dice.between(1, 2 ** 30)),
            number(5, wild ? hostileNumber(dice) : dice.below(2 ** 30)),
          ]),
        ),
      ),
    );
  }

  #typing(): Buffer {
    const dice = this.#dice;
    return dice.percent(70)
      ? Buffer.concat([number(2, this.#userId()), this.#unknownFields()])
      : delimited(3, dice.percent(50) ? this.#group() : String(dice.between(1, 2 ** 31)));
  }

  #cursor(): Buffer {
    const dice = this.#dice;
    return delimited(
      1,
      Buffer.concat([
        delimited(1, dice.percent(60) ? this.#group() : hostileText(dice)),
        number(2, dice.percent(60) ? dice.below(5_000) : hostileNumber(dice)),
        delimited(3, dice.percent(60) ? this.#world.messageId(dice) : hostileBytes(dice)),
      ]),
    );
  }

  #group(): string {
    return this.#dice.pick(this.#world.groups);
  }

  #userId(): number {
    return this.#dice.pick(this.#world.userIds);
  }

  #newProducer(): string {
    return `f${this.#dice.bytes(15).toString('base64url')}`.slice(0, 20);
  }

  /** Fields that no version knows. */
  #unknownFields(): Buffer {
    const dice = this.#dice;
    return dice.pick<() => Buffer>([
      () => Buffer.alloc(0),
      () => delimited(dice.between(100, 2 ** 28), hostileBytes(dice)),
      () => number(dice.between(50, 60), hostileNumber(dice), dice.below(3)),
      () => Buffer.concat([tag(70, 5), dice.bytes(4)]),
      () => Buffer.concat([tag(71, 1), dice.bytes(8)]),
    ])();
  }

  #twice(body: Buffer): Buffer {
    return Buffer.concat([body, mutated(this.#dice, body), body]);
  }

  /** Groups within groups. A reader that calls itself for each would run out of stack. */
  #nested(levels: number): Buffer {
    const open = Array.from({ length: levels }, () => tag(77, 3));
    return Buffer.concat([...open, ...(this.#dice.percent(50) ? open.map(() => tag(77, 4)) : [])]);
  }

  /** A frame whose length is at or near the limit. */
  #longFrame(): Buffer {
    const bytes = this.#dice.pick(EDGE_BYTES);
    const filler = delimited(99, Buffer.alloc(bytes - 6));
    return framed(filler.subarray(0, bytes));
  }
}
