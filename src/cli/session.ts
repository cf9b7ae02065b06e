import { connectControl, type ControlConnection, nodeStopped } from './control-client.ts'
import { NoPeersError } from './errors.ts'
import { defaultMesh, readSecret, type GlobalOptions } from './global-options.ts'
import { perform } from './operations.ts'
import type { Reply, Request } from './requests.ts'
import type { Terminal } from './terminal.ts'

/** How long a guest looks for a node of the mesh, in milliseconds. */
const findMs = 10_000

/** A way to ask the mesh: through a node of this machine or as a guest. */
export interface Session extends AsyncDisposable {
  request(
    request: Request,
    inputs?: AsyncIterable<readonly unknown[]>,
  ): AsyncGenerator<readonly Reply[]>
}

/**
 * Uses the node that runs on the data directory, and joins as a guest where there is none or it
 * is of another mesh than the one asked for.
 *
 * @throws {NoPeersError} No node of the mesh was found.
 */
export async function openSession(options: GlobalOptions, terminal: Terminal): Promise<Session> {
  const signal = terminal.interrupted
  signal.throwIfAborted()

  const control = await connectControl(options.data)
  if (control !== undefined) {
    if (options.mesh === undefined || options.mesh === control.greeting.mesh) {
      return throughNode(control, options.data, signal)
    }
    control.close()
  }
  return await joinAsGuest(options, terminal)
}

/** Each request has a connection of its own, the first one the given. */
function throughNode(first: ControlConnection, dataDir: string, signal: AbortSignal): Session {
  let unused: ControlConnection | undefined = first
  return {
    async *request(request, inputs = nothing()) {
      const connection = unused ?? (await connectControl(dataDir))
      unused = undefined
      if (connection === undefined) throw nodeStopped()
      yield* connection.request(request, inputs, signal)
    },
    [Symbol.asyncDispose]: async () => unused?.close(),
  }
}

async function joinAsGuest(options: GlobalOptions, terminal: Terminal): Promise<Session> {
  const signal = terminal.interrupted
  const mesh = options.mesh ?? defaultMesh
  // Most commands talk to a running node, and need not wait for all of libp2p to load.
  const { createNode } = await import('../index.ts')
  const node = await createNode({
    mesh,
    secret: await readSecret(options, terminal.env),
    guest: true,
    bootstrap: options.bootstrap,
    mdns: options.mdns,
  })
  try {
    const found = AbortSignal.any([signal, AbortSignal.timeout(findMs)])
    await node.ready({ peers: 1, signal: found })
  } catch (error) {
    await node.stop()
    signal.throwIfAborted()
    throw new NoPeersError(mesh, findMs, { cause: error })
  }
  return {
    request: (request, inputs = nothing()) => perform(node, request, inputs, signal),
    [Symbol.asyncDispose]: () => node.stop(),
  }
}

async function* nothing(): AsyncGenerator<readonly unknown[]> {
  // A request without inputs.
}
