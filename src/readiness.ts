import { checkInteger } from './config.ts'
import type { Report } from './core/effects.ts'
import { QuorumUnavailableError } from './errors.ts'
import type { ReadyOptions } from './mesh-node.ts'
import { abortable } from './publish.ts'
import type { Timers } from './time/timers.ts'

/** What it takes to know when a node is ready. */
export interface ReadinessInit {
  /** Other full nodes that are connected now. */
  peers(): number
  /** Voters that new tasks have at the most. */
  readonly voters: number
  readonly guest: boolean
  readonly timers: Timers
}

/** What `ready` waits for unless it is told. */
const readyDefaults = { peers: 1, timeoutMs: 30_000 } as const

/** How long `ready` lets new tasks' ledger spread over nodes that have come, in milliseconds. */
const spreadMs = 5_000

/** Knows when work can really be shared: enough others are there, and new tasks are kept by them. */
export class Readiness {
  readonly #init: ReadinessInit
  readonly #listeners = new Set<() => void>()
  /** Voters of the ledger that new tasks go to. */
  #ledgerVoters = 0
  #failure: Error | undefined

  constructor(init: ReadinessInit) {
    this.#init = init
  }

  async wait(options: ReadyOptions): Promise<void> {
    const { signal } = options
    const { timers } = this.#init
    const peers = options.peers ?? readyDefaults.peers
    const timeoutMs = options.timeoutMs ?? readyDefaults.timeoutMs
    checkInteger('peers', peers, 0, 10_000)
    signal?.throwIfAborted()
    if (this.#failure !== undefined) throw this.#failure
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let stopSpreading: (() => void) | undefined
    const look = (): void => {
      const reached = this.#init.peers()
      if (this.#failure !== undefined) reject(this.#failure)
      if (reached < peers) return
      if (this.#ledgerVoters >= this.#votersFor(reached)) resolve()
      else stopSpreading ??= timers.after(spreadMs, resolve)
    }
    const stopWaiting = timers.after(timeoutMs, () => {
      reject(new QuorumUnavailableError(peers, this.#init.peers()))
    })
    this.#listeners.add(look)
    try {
      look()
      await abortable(promise, signal)
    } finally {
      stopWaiting()
      stopSpreading?.()
      this.#listeners.delete(look)
    }
  }

  /** Takes in what the core reports. */
  report({ event }: Report): void {
    if (event.type === 'ledger-opened') this.#ledgerVoters = event.voters.length
    else if (event.type !== 'peer-joined' && event.type !== 'peer-left') return
    this.#look()
  }

  /** Ends every wait, and each that comes after. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#look()
  }

  /** Voters that new tasks have when so many other full nodes are there: an odd number. */
  #votersFor(peers: number): number {
    const { voters, guest } = this.#init
    return guest ? 0 : Math.min(voters, peers + (1 - (peers % 2)))
  }

  #look(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
