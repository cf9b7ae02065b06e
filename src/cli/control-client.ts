import { connect, type Socket } from 'node:net'
import {
  controlLineBytesMax,
  parseFrame,
  writeFrames,
  type FromCommand,
  type FromNode,
  type Greeting,
} from './control-frames.ts'
import { findControlPath } from './control-path.ts'
import { RemoteError } from './errors.ts'
import { linesOf } from './lines.ts'
import type { Reply, Request } from './requests.ts'

/** How long a node that is alive may take to greet, in milliseconds. */
const greetingMs = 5_000

/** A connection to the control socket of a running node, good for one request. */
export interface ControlConnection {
  readonly greeting: Greeting
  request(
    request: Request,
    inputs: AsyncIterable<readonly unknown[]>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Reply[]>
  close(): void
}

/** Connects to the node that runs on this data directory; `undefined` if none answers. */
export async function connectControl(dataDir: string): Promise<ControlConnection | undefined> {
  const path = await findControlPath(dataDir)
  const socket = connect({ path })
  socket.on('error', () => undefined)
  const timer = setTimeout(() => socket.destroy(), greetingMs)
  try {
    const frames = framesOf(socket)
    const first = await frames.next()
    if (first.done === true || first.value.type !== 'greeting') {
      socket.destroy()
      return undefined
    }
    return connection(socket, first.value.greeting, frames)
  } catch {
    // Nobody listens, or something else does: no node to talk to either way.
    socket.destroy()
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

function connection(
  socket: Socket,
  greeting: Greeting,
  frames: AsyncGenerator<FromNode>,
): ControlConnection {
  return {
    greeting,
    async *request(request, inputs, signal) {
      const stop = (): void => void socket.destroy()
      signal.throwIfAborted()
      signal.addEventListener('abort', stop, { once: true })
      // The node may refuse before it has read all the inputs, so both ways run at once.
      let unsent: unknown
      send(socket, request, inputs).catch((error: unknown) => {
        unsent = error
        socket.destroy()
      })
      try {
        yield* repliesOf(frames)
      } catch (error) {
        signal.throwIfAborted()
        throw unsent ?? error
      } finally {
        signal.removeEventListener('abort', stop)
        socket.destroy()
      }
    },
    close: () => socket.destroy(),
  }
}

/** Sends a request and its inputs; rejects if these do. That the node has gone shows elsewhere. */
async function send(
  socket: Socket,
  request: Request,
  inputs: AsyncIterable<readonly unknown[]>,
): Promise<void> {
  const write = async (frame: FromCommand): Promise<boolean> => {
    try {
      await writeFrames(socket, [frame])
      return true
    } catch {
      return false
    }
  }
  let open = await write({ type: 'request', request })
  if (!open) return
  for await (const batch of inputs) {
    open = await write({ type: 'inputs', inputs: batch })
    if (!open) return
  }
  await write({ type: 'end' })
}

async function* repliesOf(frames: AsyncGenerator<FromNode>): AsyncGenerator<readonly Reply[]> {
  for await (const frame of frames) {
    if (frame.type === 'end') return
    if (frame.type === 'error') throw new RemoteError(frame.name, frame.message)
    if (frame.type === 'reply') yield [frame.reply]
  }
  throw nodeStopped()
}

/** The error of a command whose node has gone. */
export function nodeStopped(): RemoteError {
  return new RemoteError('ConnectionLostError', 'The node on this data directory has stopped')
}

async function* framesOf(socket: Socket): AsyncGenerator<FromNode> {
  for await (const lines of linesOf(socket, controlLineBytesMax)) {
    for (const line of lines) {
      const frame = parseFrame<FromNode>(line, ['greeting', 'reply', 'error', 'end'])
      if (frame === undefined) throw new Error('The control socket does not speak our language')
      yield frame
    }
  }
}
