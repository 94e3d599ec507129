import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { createInterface } from 'node:readline/promises';
import type { ReadStream, WriteStream } from 'node:tty';
import { CimClient, fileState } from '@cim/client/node';
import { CimError, CODES, parseUserName, type UserName } from '@cim/protocol';
import { createLogger, silentLogger } from '@cim/runtime';
import { askPassword } from './screen/ask-password.ts';
import { Chat } from './chat.ts';
import { type ChatConfig, environment } from './config.ts';
import { Contacts } from './messages/contacts.ts';
import { History } from './files/history.ts';
import { Listener } from './listener.ts';
import { InputHistory } from './files/input-history.ts';
import { Ignored } from './options/ignored.ts';
import { createPaint, plainPaint } from './screen/paint.ts';
import { PlainScreen } from './screen/plain-screen.ts';
import { configFolder, PreferencesFile, stateFolder } from './options/preferences.ts';
import { Look } from './options/set-option.ts';
import { Themes } from './options/themes.ts';
import type { Screen } from './screen/screen.ts';
import { makeStateFolder } from './files/state-folder.ts';
import { stateName } from './files/state-name.ts';
import { Suspension } from './screen/suspend.ts';
import { TerminalScreen } from './screen/terminal-screen.ts';
import { trustOf } from './trust.ts';
import { View } from './screen/view.ts';
import { FullScreen } from './screen/window/full-screen.ts';

/** The three streams of a process. */
export interface Streams {
  readonly input: Readable;
  readonly output: Writable;
  readonly errors: Writable;
}

/** A chat that runs. */
export interface RunningChat {
  /** The exit code, and what to say when it is not 0. */
  readonly finished: Chat['finished'];
  /** Logs out and finishes. */
  quit(): Promise<void>;
  /** The same; a second time it does not wait. */
  interrupt(): void;
  /** Gives the terminal back. */
  close(): void;
}

const AGENT = 'cim-cli-client/0.1.0';

/**
 * Connects and starts a chat.
 * @throws {CimError} one line that says why there is none
 */
export async function startChat(config: ChatConfig, streams: Streams): Promise<RunningChat> {
  const { input, output, errors } = streams;
  const listener = config.listener === '' ? undefined : await Listener.load(config.listener);
  const interactive = isTty(input) && isTty(output) && !config.dumb;
  const name = await chooseName(config.name, interactive, streams);
  const about = stateName(config.route, name, config.device);
  const notes: string[] = [];
  const folder = configFolder(environment);
  const preferences = new PreferencesFile(folder, (line) => notes.push(line));
  const look = new Look(new Themes(folder), config.colour);
  notes.push(...look.use(preferences.values.theme));
  const paint = isTty(output) ? createPaint(() => look.theme) : plainPaint;
  const view = new View(paint, interactive, Date.now);
  const screen = createScreen(config, name, streams, preferences, look);
  for (const line of notes) screen.print(view.problem(line));
  makeStateFolder(config.stateDir, (file) => file.startsWith(about));
  const noProof = config.password === '' && config.token === '';
  const login = async (open: (password: string) => Promise<Chat>): Promise<Chat> => {
    try {
      return await open(config.password);
    } catch (error) {
      if (!interactive || !isTty(input) || !isTty(output) || !noProof || !isRefused(error))
        throw config.token === '' ? withAdvice(error, config.password) : error;
    }
    const password = await askPassword(`password of ${name}: `, input, output);
    return open(password).catch((again: unknown) => {
      throw withAdvice(again, password);
    });
  };
  const open = async (password: string): Promise<Chat> => {
    const state = fileState(join(config.stateDir, `${about}.json`), (line) =>
      screen.print(view.notice(line)),
    );
    // Where it cannot be locked for want of a disk the client says so, and goes on without it.
    const holder = await state.claim().catch(() => undefined);
    if (holder !== undefined) throw inUse(name, holder, config.device);
    const client = new CimClient({
      routeUrl: config.route,
      userName: name,
      ...(password !== '' && { password }),
      ...(config.token !== '' && { token: config.token }),
      tls: trustOf(config),
      state,
      agent: AGENT,
      ...(config.device !== '' && { label: `${AGENT} (${config.device})` }),
      // Log lines would go over what is typed: they need a place of their own, as with `2>chat.log`.
      logger: isTty(errors) ? silentLogger() : createLogger(config.logLevel, { program: 'chat' }),
    });
    const chat = new Chat({
      client,
      screen,
      view,
      // Seen from 1970 everything is of another day and has its date.
      plainView: new View(plainPaint, false, () => 0),
      history: new History(join(config.stateDir, `${about}.log`), (error) =>
        screen.print(view.problem(`the history cannot be written: ${String(error)}`)),
      ),
      contacts: new Contacts(),
      preferences,
      look,
      loggedInWith: config.token !== '' ? 'token' : password !== '' ? 'password' : 'nothing',
      ignored: new Ignored(preferences.values.ignore, (ignore) => preferences.set({ ignore })),
      about: [`* ${AGENT}`, `  route      ${config.route}`, `  files      ${join(config.stateDir, about)}.*`],
      now: Date.now,
    });
    try {
      listener?.follow(client, {
        client,
        print: (text) => chat.notice(text),
        say: (conversation, text) => chat.say(conversation, text),
      });
      await client.connect();
    } catch (error) {
      await client.close();
      throw error;
    }
    return chat;
  };
  const chat = await login(open).catch((error: unknown) => {
    screen.close();
    throw error;
  });
  chat.start();
  return {
    finished: chat.finished,
    quit: () => chat.quit(),
    interrupt: () => chat.interrupt(),
    close: () => screen.close(),
  };
}

function createScreen(
  config: ChatConfig,
  name: UserName,
  { input, output }: Streams,
  preferences: PreferencesFile,
  look: Look,
): Screen {
  if (!isTty(input) || !isTty(output) || config.dumb) return new PlainScreen(input, output);
  if (config.plain) return new TerminalScreen(input, output, name);
  return new FullScreen({
    input,
    output,
    name,
    theme: () => look.theme,
    bell: () => preferences.values.bell,
    withUsers: () => preferences.values.users,
    withDays: () => preferences.values.days,
    history: new InputHistory(join(stateFolder(environment), `${stateName(config.route, name)}.input`)),
    now: Date.now,
  });
}

async function chooseName(given: string, interactive: boolean, streams: Streams): Promise<UserName> {
  if (given === '' && !interactive) throw new CimError('invalid', 'who are you? give a name: --name alice');
  const asked = given === '' ? await ask('your name: ', streams) : given;
  const name = parseUserName(asked.trim());
  if (!name.ok)
    throw new CimError('invalid', `"${asked}" is no name: ${name.problem.replace(/^userName /, 'it ')}`);
  return name.name;
}

async function ask(question: string, { input, output }: Streams): Promise<string> {
  const readline = createInterface({ input, output });
  const left = new AbortController();
  readline.on('SIGINT', () => left.abort());
  readline.on('close', () => left.abort());
  const suspension = isTty(input)
    ? new Suspension(input, { redraw: () => readline.prompt(true) })
    : undefined;
  readline.on('SIGTSTP', () => suspension?.suspend());
  try {
    return await readline.question(question, { signal: left.signal });
  } catch {
    throw new CimError('invalid', 'no name was given');
  } finally {
    suspension?.stop();
    readline.close();
  }
}

function inUse(name: string, holder: string, device: string): CimError {
  const which = device === '' ? `${name} is` : `the device "${device}" of ${name} is`;
  return new CimError(
    'invalid',
    `${which} open in another terminal of this machine (${holder}); "--device ${device === '' ? 'other' : `${device}2`}" opens one beside it, where the server takes several devices of a user`,
  );
}

const isRefused = (error: unknown): error is CimError =>
  error instanceof CimError && error.code === CODES.unknownAccount.code;

function withAdvice(error: unknown, password: string): unknown {
  if (error instanceof CimError && error.code === CODES.repeatLogin.code)
    return new CimError(
      'repeatLogin',
      `${error.message} (this server takes one session of a user at a time)`,
    );
  if (!isRefused(error)) return error;
  const advice =
    password === ''
      ? 'give its password (CIM_PASSWORD or --password-file) or another name'
      : 'is it the right one?';
  return new CimError('unknownAccount', `${error.message}; ${advice}`);
}

const isTty = <S extends Readable | Writable>(stream: S): stream is S & ReadStream & WriteStream =>
  (stream as { isTTY?: boolean }).isTTY === true;
