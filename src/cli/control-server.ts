import { createServer, type Server, type Socket } from 'node:net'
import type { MeshNode } from '../index.ts'
import {
  controlLineBytesMax,
  parseFrame,
  writeFrames,
  type FromCommand,
  type FromNode,
} from './control-frames.ts'
import { makeControlPath, removeControlPath } from './control-path.ts'
import { UsageError } from './errors.ts'
import { linesOf } from './lines.ts'
import { perform } from './operations.ts'
import { parseRequest } from './parse-request.ts'

/** Commands that may be connected at the same time. */
const connectionsMax = 64

/** A running node's open ear for commands of the same user. */
export interface ControlServer {
  readonly path: string
  close(): Promise<void>
}

/** What a control server is made of. */
export interface ControlServerInit {
  readonly node: MeshNode
  readonly mesh: string
  readonly dataDir: string
}

/** Lets commands reach a node through a socket that only its user may open. */
export async function serveControl(init: ControlServerInit): Promise<ControlServer> {
  const path = await makeControlPath(init.dataDir)
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    void converse(init, socket)
  })
  server.maxConnections = connectionsMax
  await listen(server, path)

  return {
    path,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(resolve => server.close(() => resolve()))
      await removeControlPath(init.dataDir)
    },
  }
}

/** Binds with nobody else's rights on the socket, at no moment. */
async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('listening', resolve).once('error', reject)
  // A socket is bound within `listen`, so the mask need not outlive the call.
  const mask = process.umask(0o177)
  try {
    server.listen(path)
  } finally {
    process.umask(mask)
  }
  await promise
}

/** One connection: greet, take the request, perform it, reply as it goes. */
async function converse({ node, mesh }: ControlServerInit, socket: Socket): Promise<void> {
  const gone = new AbortController()
  socket.on('error', () => undefined)
  // A command stays until it has heard all; one that was killed ends its side first.
  const leave = (): void => gone.abort(new Error('The command has gone'))
  socket.once('end', leave).once('close', leave)

  try {
    await writeFrames(socket, [
      { type: 'greeting', greeting: { version: 1, mesh, peerId: node.peerId } },
    ])
    const frames = framesOf(socket)
    const first = await frames.next()
    if (first.done === true || first.value.type !== 'request') {
      throw new UsageError('A request was expected')
    }
    const replies = perform(
      node,
      parseRequest(first.value.request),
      inputsOf(frames, socket),
      gone.signal,
    )
    for await (const batch of replies) {
      await writeFrames(
        socket,
        batch.map((reply): FromNode => ({ type: 'reply', reply })),
      )
    }
    await writeFrames(socket, [{ type: 'end' }])
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    await writeFrames(socket, [{ type: 'error', name, message }]).catch(() => undefined)
  } finally {
    // Closing with something unread would reset the connection, and what we said would be lost.
    socket.end()
    socket.resume()
  }
}

async function* framesOf(socket: Socket): AsyncGenerator<FromCommand> {
  // The replies outlast the inputs, so the end of these must not close the socket.
  const bytes: AsyncIterable<Buffer> = socket.iterator({ destroyOnReturn: false })
  for await (const lines of linesOf(bytes, controlLineBytesMax)) {
    for (const line of lines) {
      const frame = parseFrame<FromCommand>(line, ['request', 'inputs', 'end'])
      if (frame === undefined) throw new UsageError('What the command sent is not a frame')
      yield frame
    }
  }
}

async function* inputsOf(
  frames: AsyncGenerator<FromCommand>,
  socket: Socket,
): AsyncGenerator<readonly unknown[]> {
  try {
    for await (const frame of frames) {
      if (frame.type === 'end') return
      if (frame.type !== 'inputs' || !Array.isArray(frame.inputs)) {
        throw new UsageError('Inputs were expected')
      }
      yield frame.inputs
    }
  } finally {
    // Only a socket that is read tells when the command has gone.
    socket.resume()
  }
  // A command that dies half-way must not look like one that has given all its inputs.
  throw new UsageError('The inputs ended without their end')
}
