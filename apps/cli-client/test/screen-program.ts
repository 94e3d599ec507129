/**
 * A program with a `TerminalScreen` and nothing else, run by its test in a real terminal. The test tells it by TCP what
 * to print, one line a line, and hears back what was typed.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { TerminalScreen } from '../src/screen/terminal-screen.ts';

const socket = connect(Number(process.argv[2]), '127.0.0.1');
const screen = new TerminalScreen(process.stdin, process.stdout, 'me');
screen.names = () => ['bob', 'bobby', 'Zoe', ...Array.from({ length: 200 }, (_, i) => `n${100 + i}`)];
screen.start({
  onLine: (line) => {
    socket.write(`${JSON.stringify(line)}\n`);
    return Promise.resolve();
  },
  onEnd: () => {
    screen.close();
    process.exit(0);
  },
  onInterrupt: () => {
    screen.close();
    process.exit(3);
  },
  onGone: () => process.exit(4),
  onRead: () => undefined,
  onShown: () => undefined,
  onOlder: () => undefined,
});
createInterface({ input: socket }).on('line', (line) => screen.print([JSON.parse(line) as string]));
