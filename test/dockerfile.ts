/** Carries out the steps of a Dockerfile in an empty folder, without an engine: what the image would have and run. */
import { execFileSync } from 'node:child_process';
import { chownSync, cpSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, posix } from 'node:path';

export interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** The instructions, comments left out and continued lines put together. */
export const instructionsOf = (text: string): Instruction[] =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const word = line.split(' ', 1)[0] ?? '';
      return { word, rest: line.slice(word.length).trim() };
    });

/** What the last stage starts, with paths in the folder that stands for its root. */
export interface Image {
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly uid: number;
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
}

interface Stage {
  readonly root: string;
  cwd: string;
  uid: number;
  readonly env: Record<string, string>;
  entry: readonly string[];
  command: readonly string[];
  healthCheck: readonly string[];
}

/**
 * @param context the folder that COPY takes from
 * @param folder an empty folder; it gets one folder for each stage
 * @param path PATH of the commands
 */
export function replay(dockerfile: string, context: string, folder: string, path: string): Image {
  const stages = new Map<string, Stage>();
  const instructions = instructionsOf(readFileSync(dockerfile, 'utf8'));
  /** Folders of the image that an instruction names; a command may name them too. */
  const places = new Set<string>();
  let stage: Stage | undefined;
  for (const { word, rest } of instructions) {
    if (word === 'FROM') {
      const name = / AS (\w+)$/.exec(rest)?.[1] ?? `${stages.size}`;
      stage = {
        ...{ root: join(folder, `stage-${name}`), cwd: '/', uid: 0, env: {} },
        ...{ entry: [], command: [], healthCheck: [] },
      };
      mkdirSync(stage.root, { recursive: true });
      stages.set(name, stage);
      continue;
    }
    if (stage === undefined) throw new Error(`${word} before FROM`);
    const { root } = stage;
    const inRoot = (place: string): string =>
      join(root, isAbsolute(place) ? place : posix.join(stage?.cwd ?? '/', place));
    const note = (place: string): void => {
      if (isAbsolute(place)) places.add(`/${place.split('/')[1] ?? ''}`);
    };
    switch (word) {
      case 'WORKDIR':
        note(rest);
        stage.cwd = rest;
        mkdirSync(inRoot(rest), { recursive: true });
        break;
      case 'COPY': {
        const words = rest.split(' ');
        const from = /^--from=(\w+)$/.exec(words[0] ?? '')?.[1];
        if (from !== undefined) words.shift();
        const source = from === undefined ? context : stages.get(from)?.root;
        if (source === undefined) throw new Error(`there is no stage ${from}`);
        const to = words.pop() ?? '';
        note(to);
        for (const word of words) {
          if (from !== undefined) note(word);
          copy(join(source, word), inRoot(to), to.endsWith('/'), from === undefined);
        }
        break;
      }
      case 'RUN': {
        for (const [place] of rest.matchAll(/(?<=\s)\/\w+/g)) places.add(place);
        execFileSync('sh', ['-c', mapped(rest, places, root)], {
          cwd: inRoot(stage.cwd),
          env: { ...stage.env, PATH: path, HOME: folder },
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        break;
      }
      case 'ENV':
        for (const pair of rest.split(' ')) {
          const [name = '', value = ''] = pair.split('=');
          stage.env[name] = value;
        }
        break;
      case 'USER':
        stage.uid = Number(rest.split(':')[0]);
        break;
      case 'ENTRYPOINT':
        stage.entry = JSON.parse(rest) as string[];
        break;
      case 'CMD':
        stage.command = JSON.parse(rest) as string[];
        break;
      case 'HEALTHCHECK':
        stage.healthCheck = JSON.parse(rest.slice(rest.indexOf('['))) as string[];
        break;
      case 'VOLUME':
        if (!statSync(inRoot(rest)).isDirectory()) throw new Error(`${rest} is no folder`);
        if (process.getuid?.() !== 0)
          chownSync(inRoot(rest), process.getuid?.() ?? 0, process.getgid?.() ?? 0);
        break;
      case 'EXPOSE':
        break;
      default:
        throw new Error(`the replay knows no ${word}`);
    }
  }
  if (stage === undefined) throw new Error('no stage');
  const { root, cwd, uid, env, entry, command, healthCheck } = stage;
  const map = (word: string): string => mapped(word, places, root);
  return {
    ...{ root, uid, cwd: join(root, cwd) },
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, map(value)])),
    command: [...entry, ...command].map(map),
    healthCheck: healthCheck.map(map),
  };
}

/** As .dockerignore has it: nothing of this machine is copied. */
const IGNORED = new Set(['.git', 'node_modules', 'dist', '.cim', '.cache', 'secrets']);

function copy(source: string, to: string, intoFolder: boolean, ofContext: boolean): void {
  const isFolder = statSync(source).isDirectory();
  cpSync(source, intoFolder && !isFolder ? join(to, basename(source)) : to, {
    recursive: true,
    filter: (path) =>
      !ofContext ||
      !path
        .slice(source.length)
        .split('/')
        .some((part) => IGNORED.has(part)),
  });
}

/** A command whose paths of the image are below the root of its stage. */
const mapped = (text: string, places: ReadonlySet<string>, root: string): string =>
  text.replace(/(^|\s)(\/\w+)(?=[\s/]|$)/g, (whole, before: string, place: string) =>
    places.has(place) ? `${before}${root}${place}` : whole,
  );
