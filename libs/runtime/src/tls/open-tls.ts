import { isLoopback } from '../settings.ts';
import { TlsFiles, type TlsFilesParts, type TlsSettings } from './tls-files.ts';

/**
 * Opens the certificate of a server; undefined when none is set. Warns of plain text that other machines can
 * read.
 * @throws {Error} one line: the files cannot be used
 */
export function openTls(
  config: TlsSettings & { readonly host: string; readonly internalHost: string },
  parts: TlsFilesParts,
): TlsFiles | undefined {
  const hosts = [config.host, config.internalHost].filter((host) => !isLoopback(host));
  if (config.insecure && hosts.length > 0)
    parts.logger.warn(
      { hosts },
      'plain-text: passwords and messages can be read on their way to these addresses (CIM_INSECURE=true)',
    );
  return TlsFiles.open(config, parts);
}
