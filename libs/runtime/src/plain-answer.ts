/** An HTTP answer of one line, for a connection that no HTTP server has: it is written, and the connection ends. */
export function plainAnswer(
  status: string,
  text: string,
  more: Readonly<Record<string, string>> = {},
): string {
  const body = `${text}\n`;
  const headers = {
    Connection: 'close',
    'Content-Type': 'text/plain',
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': String(Buffer.byteLength(body)),
    ...more,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status}\r\n${lines.join('')}\r\n${body}`;
}
