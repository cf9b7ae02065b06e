import { randomBytes } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import type { PeerDiscovery, PeerInfo } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import type { MulticastDNSComponents } from '@libp2p/mdns'
import { addressesMax } from './addresses.ts'
import { toError } from './failures.ts'

/** How discovery by mDNS fares. */
export interface DiscoveryHealth {
  /**
   * `silent`: not even the node's own queries come back, so multicast is not to be had here.
   * `failed`: the socket could not be opened.
   */
  readonly state: 'off' | 'starting' | 'working' | 'silent' | 'failed'
  readonly error: string | undefined
  /** Sightings of other nodes of the mesh so far. */
  readonly sightings: number
  /** Network interfaces besides loopback. Queries go out on one of them, the system's choice. */
  readonly interfaces: number
}

export interface DiscoveryInit {
  readonly serviceTag: string
  /** Time between queries, in milliseconds. */
  readonly intervalMs: number
  /** A node of the mesh has answered; comes again with each answer. */
  readonly onSighting: (info: PeerInfo) => void
}

/** What is used of the multicast socket below libp2p's module. */
interface MulticastSocket {
  on(event: 'error' | 'warning', listener: (error: unknown) => void): void
  on(event: 'packet', listener: () => void): void
  on(event: 'query', listener: (query: MulticastQuery, from: MulticastSender) => void): void
  respond(answers: MulticastAnswer[], to?: MulticastSender): void
}

interface MulticastQuery {
  readonly questions: readonly { readonly name: string }[]
}

interface MulticastSender {
  readonly address: string
  readonly port: number
}

interface MulticastAnswer {
  readonly name: string
  readonly type: 'PTR' | 'TXT'
  readonly class: 'IN'
  readonly ttl: number
  readonly data: string
}

interface MulticastModule extends PeerDiscovery {
  mdns?: MulticastSocket
  start(): Promise<void>
}

/** Time in which a node's own query comes back where multicast works, in milliseconds. */
const silentMs = 3_000
/** Longest string of a TXT record, in bytes. */
const txtBytesMax = 255
const ttlSeconds = 120

/**
 * Finds other nodes of the mesh on the LAN.
 *
 * libp2p's module asks and listens; answering is done here, because it answers only with private
 * addresses. Its own `peer` event is used: libp2p's `peer:discovery` comes once per peer, not
 * when a peer returns or moves to another port. Where mDNS is not to be had the node still runs,
 * and `health` says so.
 */
export class Discovery {
  readonly #init: DiscoveryInit
  readonly #name = randomBytes(16).toString('hex')
  #startedAt: number | undefined
  #heard = false
  #error: string | undefined
  #sightings = 0

  constructor(init: DiscoveryInit) {
    this.#init = init
  }

  /** For libp2p's `peerDiscovery`. */
  readonly module = (components: MulticastDNSComponents): PeerDiscovery => {
    const { serviceTag, intervalMs: interval, onSighting } = this.#init
    const create = mdns({ serviceTag, interval, peerName: this.#name, broadcast: false })
    const module = create(components) as MulticastModule
    const start = module.start.bind(module)
    module.start = async () => {
      this.#startedAt = performance.now()
      try {
        await start()
      } catch (error) {
        this.#fail(error)
      }
      if (module.mdns !== undefined) this.#watch(module.mdns, components)
    }
    module.addEventListener('peer', ({ detail }) => {
      this.#sightings++
      onSighting(detail)
    })
    return module
  }

  health(): DiscoveryHealth {
    return {
      state: this.#state(),
      error: this.#error,
      sightings: this.#sightings,
      interfaces: interfaces(),
    }
  }

  #state(): DiscoveryHealth['state'] {
    if (this.#startedAt === undefined) return 'off'
    if (this.#heard) return 'working'
    if (this.#error !== undefined) return 'failed'
    return performance.now() - this.#startedAt > silentMs ? 'silent' : 'starting'
  }

  #watch(socket: MulticastSocket, { addressManager }: MulticastDNSComponents): void {
    // These listeners outlive libp2p's own, which are gone before the socket is closed.
    socket.on('error', error => this.#fail(error))
    socket.on('warning', () => {})
    socket.on('packet', () => {
      this.#heard = true
    })
    socket.on('query', (query, from) => {
      if (query.questions[0]?.name !== this.#init.serviceTag) return
      const answers = this.#answers(addressManager.getAddresses().map(String))
      if (answers.length === 0) return
      socket.respond(answers)
      // Multicast leaves by one interface only, maybe not by the one that the query came in on.
      if (interfaces() > 1) socket.respond(answers, { address: from.address, port: from.port })
    })
  }

  #answers(addresses: readonly string[]): MulticastAnswer[] {
    const { serviceTag } = this.#init
    const name = `${this.#name}.${serviceTag}`
    const texts = addresses
      .map(address => `dnsaddr=${address}`)
      .filter(isShort)
      .slice(0, addressesMax)
    if (texts.length === 0) return []
    const record = { class: 'IN', ttl: ttlSeconds } as const
    return [
      { ...record, name: serviceTag, type: 'PTR', data: name },
      ...texts.map(data => ({ ...record, name, type: 'TXT' as const, data })),
    ]
  }

  #fail(error: unknown): void {
    this.#error ??= toError(error).message
  }
}

function isShort(text: string): boolean {
  return Buffer.byteLength(text) <= txtBytesMax
}

function interfaces(): number {
  const all = Object.values(networkInterfaces())
  return all.filter(list => list?.some(({ internal }) => !internal)).length
}
