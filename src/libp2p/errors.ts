import { leavesOf, toError } from './failures.ts'

/**
 * The node could not listen on one of its addresses. Choose another address or port, or stop the
 * program that has it.
 */
export class ListenFailedError extends Error {
  static override name = 'ListenFailedError'

  /** The multiaddrs that were asked for. */
  readonly addresses: readonly string[]

  constructor(addresses: readonly string[], options: { cause: unknown }) {
    super(`Cannot listen on ${addresses.join(', ')}: ${whyNot(options.cause)}`, options)
    this.name = 'ListenFailedError'
    this.addresses = addresses
  }
}

/** Another process runs as the same node. Stop it, or give this one a data directory of its own. */
export class DataDirInUseError extends Error {
  static override name = 'DataDirInUseError'

  readonly path: string

  constructor(path: string, options?: ErrorOptions) {
    super(`${path} is in use by another node; stop it or choose another data directory`, options)
    this.name = 'DataDirInUseError'
    this.path = path
  }
}

function whyNot(cause: unknown): string {
  // libp2p tells the reasons only within one long text.
  const text = leavesOf(cause)
    .map(error => error.message)
    .join('\n')
  if (text.includes('EADDRINUSE')) {
    return 'the port is in use; stop the program that has it, or listen on another port (0 for any)'
  }
  if (text.includes('EADDRNOTAVAIL')) {
    return 'this machine does not have that address; listen on one that it has, or on 0.0.0.0'
  }
  if (text.includes('EACCES')) {
    return 'not permitted; ports below 1024 are for administrators, so listen on a higher one'
  }
  return toError(cause).message.split('\n').filter(Boolean).at(-1)?.trim() ?? 'unknown reason'
}
