import type { Socket } from 'node:net'
import type { Reply, Request } from './requests.ts'

/**
 * Frames of the control socket: one JSON object per line. A connection carries one request; the
 * node greets, the command asks, its inputs and the node's replies then cross each other.
 */
export interface Greeting {
  readonly version: 1
  readonly mesh: string
  readonly peerId: string
}

export type FromCommand =
  | { readonly type: 'request'; readonly request?: Request }
  | { readonly type: 'inputs'; readonly inputs: readonly unknown[] }
  | { readonly type: 'end' }

export type FromNode =
  | { readonly type: 'greeting'; readonly greeting: Greeting }
  | { readonly type: 'reply'; readonly reply: Reply }
  | { readonly type: 'error'; readonly name: string; readonly message: string }
  | { readonly type: 'end' }

/** Longest line that either side takes, in bytes; a batch of inputs stays far below it. */
export const controlLineBytesMax = 256 * 2 ** 20

/** Reads a frame; `undefined` if it is none. What is inside is for the operations to check. */
export function parseFrame<Frame extends { readonly type: string }>(
  line: string,
  types: readonly Frame['type'][],
): Frame | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined
  return types.some(type => type === value.type) ? (value as Frame) : undefined
}

/** Writes frames as fast as the other side reads them. */
export async function writeFrames(
  socket: Socket,
  frames: readonly (FromCommand | FromNode)[],
): Promise<void> {
  if (frames.length === 0) return
  if (socket.destroyed || !socket.writable) throw new Error('The control connection is closed')
  const lines = frames.map(frame => `${JSON.stringify(frame)}\n`)
  const longest = Math.max(...lines.map(line => line.length))
  if (longest > controlLineBytesMax) {
    const limit = `over the limit of ${controlLineBytesMax} that a command can read`
    throw new RangeError(`A result has ${longest} characters of JSON, ${limit}; give bytes instead`)
  }
  const text = lines.join('')
  if (socket.write(text)) return

  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const closed = (): void => reject(new Error('The control connection is closed'))
  socket.once('drain', resolve).once('close', closed)
  try {
    await promise
  } finally {
    socket.off('drain', resolve).off('close', closed)
  }
}
