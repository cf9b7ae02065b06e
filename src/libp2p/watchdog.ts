import type { Connection, IdentifyResult, Libp2p, Logger, Stream } from '@libp2p/interface'
import { StreamAbortedError } from '@libp2p/interface'
import { reasonOf, toError } from './failures.ts'
import type { HostServices, Topologies } from './host.ts'

export interface WatchdogInit {
  readonly libp2p: Libp2p<HostServices>
  /** Time between looks, and how long a stream may be missing, in milliseconds. */
  readonly watchMs: number
  readonly graceMs: number
  readonly log: Logger
  /** Peers whose control stream is open. */
  readonly peers: () => readonly string[]
  readonly connection: (peer: string) => Connection | undefined
  /** Ends all connections to a peer, to be dialled again. */
  readonly onHopeless: (peer: string) => void
}

interface Patient {
  missingSince: number | undefined
  repairs: number
}

/** Protocols of gossipsub begin so. */
const gossipPrefix = '/meshsub/'
/** Repairs of a stream before its connection is ended instead. */
const repairsMax = 3

/**
 * Sees to it that gossip reaches every peer that speaks it.
 *
 * gossipsub opens its stream to a peer once per connection. When that stream ends and the
 * connection lives, or when the connection that carried it was one of two, the peer hears nothing
 * any more and nobody says so. The same happens when `identify`, which tells it of the peer,
 * fails once. Both are repaired without touching the control stream: `identify` is run again, and
 * gossipsub is told of the peer as if it had just connected. If that does not help, the
 * connection is ended.
 */
export class Watchdog {
  readonly #init: WatchdogInit
  /** Peers that `identify` has seen on their present connection, and whether they speak gossip. */
  readonly #speaks = new Map<string, boolean>()
  readonly #patients = new Map<string, Patient>()
  #timer: ReturnType<typeof setInterval> | undefined
  #repaired = 0

  constructor(init: WatchdogInit) {
    this.#init = init
  }

  /** Streams that were brought back so far. */
  get repaired(): number {
    return this.#repaired
  }

  start(): void {
    const { libp2p, watchMs } = this.#init
    libp2p.addEventListener('peer:identify', this.#onIdentify)
    this.#timer = setInterval(() => this.look(), watchMs)
  }

  stop(): void {
    this.#init.libp2p.removeEventListener('peer:identify', this.#onIdentify)
    clearInterval(this.#timer)
  }

  /** A peer's control stream has ended: what was known of it may change. */
  down(peer: string): void {
    this.#patients.delete(peer)
    if (
      this.#init.libp2p.getConnections().every(({ remotePeer }) => remotePeer.toString() !== peer)
    ) {
      this.#speaks.delete(peer)
    }
  }

  /** Looks after all peers. */
  look(): void {
    for (const peer of this.#init.peers()) {
      const patient = this.#patients.get(peer) ?? { missingSince: undefined, repairs: 0 }
      this.#patients.set(peer, patient)
      this.#examine(peer, patient)
    }
  }

  #examine(peer: string, patient: Patient): void {
    const main = this.#init.connection(peer)
    if (main === undefined) return
    const now = performance.now()
    const speaks = this.#speaks.get(peer)
    if (speaks === false || this.#isHeard(main)) {
      patient.missingSince = undefined
      patient.repairs = 0
      return
    }
    patient.missingSince ??= now
    if (now - patient.missingSince < this.#init.graceMs) return
    patient.missingSince = now
    if (patient.repairs++ < repairsMax) void this.#repair(main, speaks === true)
    else if (speaks === true) this.#giveUp(peer, patient)
    // It cannot be identified, and does not take streams of gossip.
    else this.#speaks.set(peer, false)
  }

  /** Whether what we publish reaches a peer, and gossipsub listens to it. */
  #isHeard(main: Connection): boolean {
    const { pubsub } = this.#init.libp2p.services
    const knows = pubsub?.getPeers().some(id => id.equals(main.remotePeer)) ?? false
    return knows && this.#streams(main).some(({ direction }) => direction === 'outbound')
  }

  #giveUp(peer: string, patient: Patient): void {
    this.#init.log.error('gossip to %s cannot be repaired, connecting anew', peer)
    patient.repairs = 0
    this.#init.onHopeless(peer)
  }

  async #repair(main: Connection, isIdentified: boolean): Promise<void> {
    const { libp2p, log } = this.#init
    log('repairing gossip with %p', main.remotePeer)
    try {
      if (!isIdentified && (await this.#identify(main))) return
      // Half of what is left would keep gossipsub from opening the other half.
      for (const stream of this.#streams(main))
        stream.abort(new StreamAbortedError('Repairing gossip'))
      // The ends of these streams are taken in first.
      await Promise.resolve()
      await tell(libp2p.services, main)
      this.#repaired++
    } catch (error) {
      log('repairing gossip with %p failed - %s', main.remotePeer, reasonOf(toError(error)))
    }
  }

  /** Runs `identify` again, which tells gossipsub of the peer if it speaks gossip. */
  async #identify(main: Connection): Promise<boolean> {
    try {
      await this.#init.libp2p.services.identify?.identify(main, {
        signal: AbortSignal.timeout(5_000),
      })
      return true
    } catch (error) {
      this.#init.log('%p cannot be identified - %s', main.remotePeer, reasonOf(toError(error)))
      return false
    }
  }

  #streams(main: Connection): Stream[] {
    return this.#init.libp2p
      .getConnections(main.remotePeer)
      .flatMap(({ streams }) => streams)
      .filter(({ protocol, status }) => protocol.startsWith(gossipPrefix) && status === 'open')
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const speaks = detail.protocols.some(protocol => protocol.startsWith(gossipPrefix))
    this.#speaks.set(detail.peerId.toString(), speaks)
  }
}

/** Tells gossipsub that a peer has connected, as `identify` would. */
async function tell(services: HostServices, main: Connection): Promise<void> {
  const topologies: Topologies | undefined = services.topologies
  const protocols = services.pubsub?.protocols ?? []
  for (const protocol of protocols) {
    for (const topology of topologies?.getTopologies(protocol) ?? []) {
      await topology.onConnect?.(main.remotePeer, main)
    }
  }
}
