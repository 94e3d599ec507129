// The health check of a container: asks the server of ours that runs here whether it is ready. Exit code 0: it is.
import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';

const WITHIN_MS = 4_000;
const host = process.env.CIM_INTERNAL_HOST ?? '127.0.0.1';
const asked = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
/** The internal ports of a route, an im-server and a relay; one container runs one of them. */
const PORTS = [
  process.env.CIM_ROUTE_INTERNAL_PORT ?? '8082',
  process.env.CIM_HTTP_PORT ?? '8081',
  process.env.CIM_RELAY_PORT ?? '8084',
];
const secure = (process.env.CIM_TLS_CERT ?? '') !== '';

/** Answers the status and the text of /readyz, or undefined where nobody listens. */
function readiness(port) {
  const options = { host: asked, port, path: '/readyz', timeout: WITHIN_MS, rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    const request = (secure ? getSecure : getPlain)(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    request.on('timeout', () => request.destroy(new Error(`port ${port} does not answer`)));
    request.on('error', (error) => (error.code === 'ECONNREFUSED' ? resolve(undefined) : reject(error)));
  });
}

try {
  const answers = (await Promise.all(PORTS.map(readiness))).filter((answer) => answer !== undefined);
  const bad = answers.find(({ status }) => status !== 200);
  console.log(bad?.text ?? (answers.length === 0 ? `nobody listens on ${asked}:${PORTS.join()}` : 'ready'));
  process.exitCode = bad === undefined && answers.length > 0 ? 0 : 1;
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
}
