import { randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { decodeDns, encodeQuestion } from './dns-message.ts'
import type { InterfaceAddress } from './interfaces.ts'

/** What was heard of mDNS while somebody listened. */
export interface MulticastFacts {
  /** Why the socket could not be opened or no group joined; nothing else is known then. */
  readonly failed: string | undefined
  /** Interfaces on which the group could be joined, and on which our own query came back. */
  readonly joined: readonly string[]
  readonly echoed: readonly string[]
  /** The interface that multicast leaves by when nobody chooses one, as mDNS does here. */
  readonly leavesBy: string | undefined
  /** Other machines whose mDNS was heard, of whatever program. */
  readonly others: readonly string[]
  /** Peer ids that answered with the mesh's service tag, and where each was heard. */
  readonly peers: Readonly<Record<string, string>>
  /** Service tags of other Meshwork meshes, and where each was heard. */
  readonly otherTags: Readonly<Record<string, string>>
  /** How long it was listened, in milliseconds. */
  readonly listenedMs: number
}

export interface MulticastProbeInit {
  readonly serviceTag: string
  readonly interfaces: readonly InterfaceAddress[]
  /** How long to listen, in milliseconds. Nodes ask every five seconds. */
  readonly listenMs: number
  readonly port?: number
  readonly group?: string
}

const mdnsPort = 5_353
const mdnsGroup = '224.0.0.251'
/** Names, and addresses of each kind, that are kept. */
const keptMax = 256
const tagPattern = /(?:^|\.)(_mw-[0-9a-f]{12}\._udp\.local)$/

/** Asks for the mesh's nodes on each interface, and listens. */
export async function probeMulticast(
  init: MulticastProbeInit,
  signal: AbortSignal,
): Promise<MulticastFacts> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  const ear = new Ear(init)
  try {
    socket.on('message', (bytes, { address }) => ear.hear(bytes, address))
    const failed = await open(socket, init.port ?? mdnsPort)
    if (failed !== undefined) return ear.facts(failed)
    ear.joined = join(socket, init)
    if (ear.joined.length === 0) return ear.facts('no interface has let us join the group')
    socket.on('error', () => undefined)
    await Promise.race([ask(socket, ear, init), once(signal, 'abort')])
    await listen(init.listenMs, signal)
    return ear.facts(undefined)
  } finally {
    socket.close()
  }
}

/** Why the port cannot be bound, if so. */
async function open(socket: Socket, port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  socket.once('listening', () => resolve(undefined))
  socket.once('error', error => resolve(error.message))
  socket.bind(port)
  return promise
}

function join(socket: Socket, { interfaces, group = mdnsGroup }: MulticastProbeInit): string[] {
  const joined = chosen(interfaces).flatMap(({ address, name }) => {
    try {
      socket.addMembership(group, address)
      return [name]
    } catch (error) {
      // An interface with two addresses has one membership.
      return codeOf(error) === 'EADDRINUSE' ? [name] : []
    }
  })
  return [...new Set(joined)]
}

/** Addresses to ask by: on loopback only where there is nothing else. */
function chosen(interfaces: readonly InterfaceAddress[]): InterfaceAddress[] {
  const ipv4 = interfaces.filter(({ family }) => family === 'IPv4')
  const outside = ipv4.filter(({ internal }) => !internal)
  return outside.length > 0 ? outside : ipv4
}

/** Once as the system likes, then by each interface. */
async function ask(socket: Socket, ear: Ear, init: MulticastProbeInit): Promise<void> {
  socket.setMulticastTTL(255)
  socket.setMulticastLoopback(true)
  await send(socket, ear.expect(undefined), init)
  for (const { address, name } of chosen(init.interfaces)) {
    try {
      socket.setMulticastInterface(address)
    } catch {
      continue
    }
    await send(socket, ear.expect(name), init)
  }
}

async function send(socket: Socket, id: number, init: MulticastProbeInit): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { serviceTag, port = mdnsPort, group = mdnsGroup } = init
  // What cannot be sent does not come back, which is all that is asked.
  socket.send(encodeQuestion(id, serviceTag), port, group, () => resolve())
  await promise
}

async function listen(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  signal.addEventListener('abort', () => resolve(), { once: true })
  if (signal.aborted) resolve()
  await promise
  clearTimeout(timer)
}

/** Sorts what is heard. */
class Ear {
  joined: readonly string[] = []
  readonly #init: MulticastProbeInit
  readonly #since = performance.now()
  readonly #queries = new Map<number, string | undefined>()
  readonly #echoed = new Set<string>()
  readonly #others = new Set<string>()
  readonly #peers = new Map<string, string>()
  readonly #tags = new Map<string, string>()
  #leavesBy: string | undefined

  constructor(init: MulticastProbeInit) {
    this.#init = init
  }

  /** The id of a query that is about to be sent by an interface, or by the system's choice. */
  expect(name: string | undefined): number {
    let id = randomInt(1, 0x10000)
    while (this.#queries.has(id)) id = randomInt(1, 0x10000)
    this.#queries.set(id, name)
    return id
  }

  hear(bytes: Buffer, from: string): void {
    const message = decodeDns(bytes)
    if (message === undefined) return
    const own = this.#init.interfaces.find(({ address }) => address === from)
    if (!message.response && own !== undefined && this.#queries.has(message.id)) {
      const name = this.#queries.get(message.id)
      if (name === undefined) this.#leavesBy = own.name
      else this.#echoed.add(name)
      return
    }
    if (own === undefined && this.#others.size < keptMax) this.#others.add(from)
    const { serviceTag } = this.#init
    const tags = message.names.flatMap(name => tagPattern.exec(name)?.[1] ?? [])
    for (const tag of tags) if (tag !== serviceTag) keep(this.#tags, tag, from)
    if (!message.response || !tags.includes(serviceTag)) return
    for (const text of message.texts) {
      const peer = /^dnsaddr=\/.*\/p2p\/([A-Za-z0-9]{40,64})$/.exec(text)?.[1]
      if (peer !== undefined) keep(this.#peers, peer, from)
    }
  }

  facts(failed: string | undefined): MulticastFacts {
    return {
      failed,
      joined: this.joined,
      echoed: [...this.#echoed],
      leavesBy: this.#leavesBy,
      others: [...this.#others],
      peers: Object.fromEntries(this.#peers),
      otherTags: Object.fromEntries(this.#tags),
      listenedMs: Math.round(performance.now() - this.#since),
    }
  }
}

function keep(map: Map<string, string>, key: string, from: string): void {
  if (map.size < keptMax && !map.has(key)) map.set(key, from)
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
