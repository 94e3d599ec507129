import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';

/**
 * A shell script that reads "+pid" and "-pid" lines. When the input ends, the test's process has ended, and
 * the script kills the remaining processes.
 */
const WATCH = `pids=" "
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) pids="$pids$pid " ;;
    -*) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -9 "$pid"; done`;

/** The process that runs the script. It also notices when the test's process ends by `kill -9`. */
let watcher: ChildProcess | undefined;

/** Makes a process end together with the test's process, however that ends. */
export function endWithUs(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  watcher ??= watch();
  const { stdin } = watcher;
  stdin?.write(`+${pid}\n`);
  child.once('exit', () => stdin?.write(`-${pid}\n`));
}

function watch(): ChildProcess {
  // In a session of its own, so that Ctrl-C in the terminal does not end it first.
  const child = spawn('sh', ['-c', WATCH], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  child.unref();
  const { stdin } = child;
  stdin.on('error', () => undefined);
  // This pipe must not keep the test's process alive.
  if (stdin instanceof Socket) stdin.unref();
  return child;
}
