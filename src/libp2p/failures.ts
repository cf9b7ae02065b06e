import { InvalidParametersError } from '@libp2p/interface'

/** An error, whatever was thrown: libp2p's stream helpers also reject with a close event. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  if (typeof thrown !== 'object' || thrown === null) return new Error(String(thrown))
  if ('error' in thrown && thrown.error instanceof Error) return thrown.error
  const type = 'type' in thrown && typeof thrown.type === 'string' ? thrown.type : 'failed'
  return new Error(`Stream ${type}`)
}

/** The errors that an error stands for: the leaves of its aggregates and causes. */
export function leavesOf(thrown: unknown, depth = 0): Error[] {
  const error = toError(thrown)
  // A cycle of causes would never end, and nobody nests deeper on purpose.
  if (depth > 8) return [error]
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.flatMap(inner => leavesOf(inner, depth + 1))
  }
  return error.cause instanceof Error ? leavesOf(error.cause, depth + 1) : [error]
}

/**
 * Whether a dial shows that the peer runs at none of its addresses: each of them answered that
 * nobody listens there, or that somebody else does.
 */
export function isRefused(thrown: unknown): boolean {
  return leavesOf(thrown).every(
    error => ('code' in error && error.code === 'ECONNREFUSED') || isSomebodyElse(error),
  )
}

/** Whether somebody else than the expected peer answered at an address. */
export function isSomebodyElse(error: Error): boolean {
  // libp2p wraps what fails in a handshake and keeps only the message.
  return (
    error.name === 'UnexpectedPeerError' ||
    error.message.includes('does not match expected remote identity key') ||
    isOurselves(error)
  )
}

/** Whether an address that was dialled turned out to be our own. */
export function isOurselves(thrown: unknown): boolean {
  return leavesOf(thrown).some(
    error => error.name === 'InvalidPeerIdError' || error.message === 'Tried to dial self',
  )
}

/** Whether a handshake failed because the other side mixes another mesh secret into it. */
export function isOtherSecret(thrown: unknown): boolean {
  return leavesOf(thrown).some(
    error =>
      error.name === 'EncryptionFailedError' && /stage \d validation fail/.test(error.message),
  )
}

/** Whether the peer does not speak a protocol of this mesh, so that it is of another one. */
export function isOtherMesh(thrown: unknown): boolean {
  return leavesOf(thrown).some(error => error.name === 'UnsupportedProtocolError')
}

/** One line about a failed dial: libp2p's own message can be a list of addresses. */
export function reasonOf(thrown: unknown): string {
  const reasons = new Set(leavesOf(thrown).map(error => error.message.split('\n')[0] ?? error.name))
  return [...reasons].slice(0, 3).join('; ')
}

/** A mistake of the caller, with what it came from. */
export function invalidParameters(message: string, cause?: unknown): InvalidParametersError {
  // libp2p's own class takes no options.
  return Object.assign(new InvalidParametersError(message), cause === undefined ? {} : { cause })
}
