import { type Connection, ConnectionClosedError, type Stream } from '@libp2p/interface'
import { toError } from './failures.ts'

/** Attempts to get a stream from a peer that is busy. */
const attemptsMax = 5
const busyMs = 100

export interface OpenStreamOptions {
  readonly signal: AbortSignal
  readonly maxOutboundStreams: number
}

/** A stream, also from a peer that answers as many as it can at this moment. */
export async function openStream(
  connection: Connection,
  protocol: string,
  options: OpenStreamOptions,
): Promise<Stream> {
  const { signal } = options
  for (let attempt = 1; ; attempt++) {
    try {
      const stream = await connection.newStream(protocol, options)
      // It may have been refused over the limits of the other side while it was negotiated.
      if (stream.status === 'open') return stream
      throw new ConnectionClosedError(`Stream came ${stream.status}`)
    } catch (error) {
      if (signal.aborted) throw toError(signal.reason)
      if (attempt === attemptsMax || !isBusy(error)) throw toError(error)
    }
    await pause(busyMs * attempt * (0.5 + Math.random()), signal)
  }
}

function isBusy(error: unknown): boolean {
  const { name } = toError(error)
  return (
    name === 'TooManyOutboundProtocolStreamsError' ||
    name === 'StreamResetError' ||
    name === 'StreamStateError' ||
    name === 'ConnectionClosedError'
  )
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = (): void => reject(toError(signal.reason))
  const timer = setTimeout(resolve, ms)
  signal.addEventListener('abort', onAbort, { once: true })
  return promise.finally(() => {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  })
}
