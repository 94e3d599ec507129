import assert from 'node:assert/strict';
import { type Login, OwnConnection, OwnWorld, type User } from '../own/own-world.ts';
import type { Target } from '../rule.ts';
import { closedWithin } from '../waiting.ts';
import { type HandshakeOptions, OPCODE, RawWebSocket } from './web-socket.ts';

/** Clients on WebSockets for one check. */
export class WsWorld extends OwnWorld {
  readonly #target: Target;
  readonly #sockets: RawWebSocket[] = [];

  constructor(target: Target) {
    super(target);
    this.#target = target;
  }

  /** Makes a handshake, whatever its answer is. */
  readonly handshake = async (login: Login, options?: HandshakeOptions): Promise<RawWebSocket> => {
    const socket = await RawWebSocket.open(login, this.#target.dialogue.hearControl, options);
    this.#sockets.push(socket);
    return socket;
  };

  /** A WebSocket, and our wire on it, before its login. */
  readonly opened = async () => {
    const user = await this.user();
    const login = await this.logIn(user);
    const socket = await this.handshake(login);
    assert.equal(socket.answer.status, 101, 'the status of the handshake');
    const connection = await OwnConnection.open(
      '',
      0,
      () => Promise.resolve(socket.bytes),
      this.#target.dialogue.hear,
    );
    return { user, login, socket, connection };
  };

  /** A WebSocket whose login was answered with `welcome`, with a resume of its inbox. */
  readonly onSocket = async (): Promise<{
    readonly user: User;
    readonly socket: RawWebSocket;
    readonly connection: OwnConnection;
  }> => {
    const { user, login, socket, connection } = await this.opened();
    connection.say('login', { userId: user.userId, ticket: login.ticket, level: 1 });
    await connection.hears('welcome');
    connection.say('resume', { cursors: [{}] });
    await connection.hears('resumed');
    return { user, socket, connection };
  };

  override async close(): Promise<void> {
    for (const socket of this.#sockets) socket.bytes.destroy();
    await super.close();
  }
}

/** Waits until the server has closed the WebSocket, and answers its close code. */
export async function closeCodeOf(socket: RawWebSocket, about: string, withinMs = 15_000): Promise<number> {
  const end = performance.now() + withinMs;
  while (socket.closeCode === undefined && socket.isOpen && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 10));
  const code = socket.closeCode;
  if (code === undefined)
    throw new Error(
      socket.isOpen
        ? `${about}: no close code has come within ${withinMs} ms`
        : `${about}: the connection was closed without a close code`,
    );
  // RFC 6455: whoever gets a close frame answers it.
  socket.send(OPCODE.close, Buffer.from([code >> 8, code & 255]));
  await closedWithin(socket, 15_000, about);
  return code;
}
