import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { freePorts } from './free-ports.ts';
import { endWithUs } from './own-processes.ts';
import { Parts, upOrDown } from './parts.ts';
import { until } from './until.ts';

/** A real ZooKeeper server on a free port of 127.0.0.1, which can be killed, hung and started again. */
export class ZooKeeperProcess {
  readonly port: number;
  readonly #directory: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, directory: string) {
    this.port = port;
    this.#directory = directory;
  }

  /** Makes a configured server that is not started. */
  static async create(): Promise<ZooKeeperProcess> {
    const [port = 0] = await freePorts(1);
    return ZooKeeperProcess.#configure(port, '', 1);
  }

  static async start(): Promise<ZooKeeperProcess> {
    const server = await ZooKeeperProcess.create();
    return upOrDown(server, server.start());
  }

  /** Starts three servers that vote. Resolves when all of them serve. */
  static async startEnsemble(): Promise<ZooKeeperProcess[]> {
    const ports = await freePorts(9);
    const at = (i: number): number => ports[i] ?? 0;
    const peers = [0, 1, 2].map((i) => `server.${i + 1}=127.0.0.1:${at(3 + i)}:${at(6 + i)}\n`).join('');
    const quorum = `initLimit=20\nsyncLimit=10\n${peers}`;
    return Parts.start(async (parts) => {
      const servers = await parts.addAll(
        [0, 1, 2].map((i) => () => ZooKeeperProcess.#configure(at(i), quorum, i + 1)),
      );
      await Promise.all(servers.map((server) => server.start()));
      return servers;
    });
  }

  static async #configure(port: number, quorum: string, id: number): Promise<ZooKeeperProcess> {
    const directory = await mkdtemp(join(tmpdir(), 'cim-zookeeper-'));
    await mkdir(join(directory, 'data'));
    await writeFile(join(directory, 'data', 'myid'), String(id));
    await writeFile(
      join(directory, 'zoo.cfg'),
      `tickTime=500\ndataDir=${directory}/data\nclientPort=${port}\nclientPortAddress=127.0.0.1\n` +
        `minSessionTimeout=1000\nadmin.enableServer=false\n4lw.commands.whitelist=*\n${quorum}`,
    );
    return new ZooKeeperProcess(port, directory);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const jars = ['zookeeper.jar', 'slf4j-simple.jar'].map((jar) => `/usr/share/java/${jar}`);
    const flags = ['-Xms32m', '-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
    const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
    this.#child = spawn(
      'java',
      [...flags, '-cp', [this.#directory, ...jars].join(':'), main, join(this.#directory, 'zoo.cfg')],
      { stdio: 'ignore' },
    );
    endWithUs(this.#child);
    await until(
      'ZooKeeper serves',
      async () => /^Mode:/m.test(await this.ask('srvr').catch(() => '')),
      30_000,
    );
  }

  /** One of ZooKeeper's four-letter words. */
  async ask(word: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    socket.setTimeout(1000, () => socket.destroy(new Error('no answer')));
    socket.write(word);
    return text(socket);
  }

  /** Stops the process with its connections open, like a long pause of its machine. */
  hang(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** Forgets all it stored, as a container without a volume does; to be called while it is dead. */
  async wipe(): Promise<void> {
    await rm(join(this.#directory, 'data', 'version-2'), { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
