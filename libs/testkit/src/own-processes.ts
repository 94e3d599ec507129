import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';

/** Reads "+pid" and "-pid" lines; when they end, so has the test's process, and what is left is killed. */
const WATCH = `pids=" "
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) pids="$pids$pid " ;;
    -*) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -9 "$pid"; done`;

/** A process beside the test's: it sees the end of a `kill -9` too. */
let watcher: ChildProcess | undefined;

/** The process is killed with the test's own, however that ends. */
export function endWithUs(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  watcher ??= watch();
  const { stdin } = watcher;
  stdin?.write(`+${pid}\n`);
  child.once('exit', () => stdin?.write(`-${pid}\n`));
}

function watch(): ChildProcess {
  // In a session of its own, so that Ctrl-C in the terminal leaves it its work.
  const child = spawn('sh', ['-c', WATCH], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  child.unref();
  const { stdin } = child;
  stdin.on('error', () => undefined);
  // A test's process ends when its tests do, whoever watches.
  if (stdin instanceof Socket) stdin.unref();
  return child;
}
